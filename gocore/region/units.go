package region

import "math/bits"

// units is a set of units of a bucket's area, a bit for each.
type units [(areaUnits + 63) / 64]uint64

// span is where n units, at least one, lie in a set: in word i from the bits of
// first on, in word j up to those of last, and in all words between them.
func span(from, n int) (i, j int, first, last uint64) {
	begin, end := uint(from), uint(from+n-1)
	return int(begin / 64), int(end / 64), ^uint64(0) << (begin % 64), ^uint64(0) >> (63 - end%64)
}

// set adds n units.
func (s *units) set(from, n int) {
	if n == 0 {
		return
	}
	i, j, first, last := span(from, n)
	if i == j {
		s[i] |= first & last
		return
	}
	s[i] |= first
	for i++; i < j; i++ {
		s[i] = ^uint64(0)
	}
	s[j] |= last
}

// claim adds n units. It is false, and adds none, if one of them is in the set.
func (s *units) claim(from, n int) bool {
	if n == 0 {
		return true
	}
	i, j, first, last := span(from, n)
	if i == j {
		mask := first & last
		if s[i]&mask != 0 {
			return false
		}
		s[i] |= mask
		return true
	}
	if s.any(from, n) {
		return false
	}
	s.set(from, n)
	return true
}

// clear takes n units out.
func (s *units) clear(from, n int) {
	if n == 0 {
		return
	}
	i, j, first, last := span(from, n)
	if i == j {
		s[i] &^= first & last
		return
	}
	s[i] &^= first
	for i++; i < j; i++ {
		s[i] = 0
	}
	s[j] &^= last
}

// any is whether one of n units is in the set.
func (s *units) any(from, n int) bool {
	if n == 0 {
		return false
	}
	i, j, first, last := span(from, n)
	if i == j {
		return s[i]&first&last != 0
	}
	found := s[i]&first | s[j]&last
	for i++; i < j; i++ {
		found |= s[i]
	}
	return found != 0
}

// next is the first unit at or after from that is in the set, or that is not in
// it if flip is all ones; areaUnits if there is none.
func (s *units) next(from int, flip uint64) int {
	first := ^uint64(0) << (from % 64)
	for i := from / 64; i < len(s); i++ {
		if w := (s[i] ^ flip) & first; w != 0 {
			return min(i*64+bits.TrailingZeros64(w), areaUnits)
		}
		first = ^uint64(0)
	}
	return areaUnits
}

// fit finds n units at or after front that are not in the set: the last ones of
// the smallest gap that has so many.
func (s *units) fit(front, n int) (unit int, ok bool) {
	smallest := areaUnits + 1
	for from := front; from < areaUnits; {
		begin := s.next(from, ^uint64(0))
		end := s.next(begin, 0)
		if gap := end - begin; gap >= n && gap <= smallest {
			smallest, unit, ok = gap, end-n, true
		}
		from = end
	}
	return unit, ok
}
