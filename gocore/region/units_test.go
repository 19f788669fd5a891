package region

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A set of units does what an array does.
func TestUnits_Model(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var s units
	var model [areaUnits]bool
	for range 3000 {
		from := r.IntN(areaUnits + 1)
		n := r.IntN(min(areaUnits-from, 1<<r.IntN(13)) + 1)
		set := r.IntN(2) == 0
		switch {
		case !set:
			s.clear(from, n)
		case r.IntN(2) == 0:
			s.set(from, n)
		default:
			free := !slices.Contains(model[from:from+n], true)
			require.Equal(t, free, s.claim(from, n))
			if !free {
				continue
			}
		}
		for i := range n {
			model[from+i] = set
		}

		from = r.IntN(areaUnits)
		n = r.IntN(min(areaUnits-from, 100) + 1)
		require.Equal(t, slices.Contains(model[from:from+n], true), s.any(from, n))
		checkFit(t, &s, &model, from, 1+r.IntN(100))
	}
}

// checkFit is whether fit finds the last units of a gap, and no gap that would
// do is smaller.
func checkFit(t *testing.T, s *units, model *[areaUnits]bool, front, n int) {
	best, gap := 0, 0
	for i := front; i <= areaUnits; i++ {
		if i < areaUnits && !model[i] {
			gap++
			continue
		}
		if gap >= n && (best == 0 || gap < best) {
			best = gap
		}
		gap = 0
	}
	unit, ok := s.fit(front, n)
	require.Equal(t, best > 0, ok)
	if !ok {
		return
	}
	require.False(t, s.any(unit, n))
	end := unit + n
	require.True(t, end == areaUnits || model[end], "not at the end of a gap")
	begin := end
	for begin > front && !model[begin-1] {
		begin--
	}
	require.Equal(t, best, end-begin, "not the smallest gap")
}
