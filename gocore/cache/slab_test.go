package cache

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

func newSlab(t *testing.T) *slab[uint64] {
	s := new(slab[uint64])
	t.Cleanup(s.release)
	return s
}

func TestSlab_Reach(t *testing.T) {
	s := newSlab(t)
	const n = 16<<6 + 5
	for i := range uint32(n) {
		require.True(t, s.reach(i))
		require.Zero(t, *s.at(i))
		*s.at(i) = uint64(i) + 1
	}
	for i := range uint32(n) {
		require.Equal(t, uint64(i)+1, *s.at(i))
	}
	require.Equal(t, uint32(8), s.len)
}

// A context with a few sessions must not cost much.
func TestSlab_StartsSmall(t *testing.T) {
	before := offheap.Used()
	s := newSlab(t)
	require.True(t, s.reach(15))
	require.Equal(t, before+16*8, offheap.Used())
	require.True(t, s.reach(16))
	require.Equal(t, before+32*8, offheap.Used())
}

// Items stay where they are.
func TestSlab_NeverCopies(t *testing.T) {
	s := newSlab(t)
	var at []*uint64
	for i := range uint32(5000) {
		require.True(t, s.reach(i))
		at = append(at, s.at(i))
	}
	for i, want := range at {
		require.Same(t, want, s.at(uint32(i)))
	}
}

// Every number of 32 bits has its chunk and its place there.
func TestSlab_Numbers(t *testing.T) {
	require.Equal(t, uint32(0), chunkOf(0))
	require.Equal(t, uint32(0), chunkOf(15))
	next := uint64(0)
	for chunk := range uint32(maxChunks) {
		require.Equal(t, next, uint64(startOf(chunk)), "chunk %d", chunk)
		size := new(slab[uint64]).size(chunk) / 8
		require.Equal(t, chunk, chunkOf(uint32(next)))
		next += uint64(size)
		require.Equal(t, chunk, chunkOf(uint32(next-1)))
	}
	require.Equal(t, uint64(math.MaxUint32)+1, next)
}

func TestSlab_Short(t *testing.T) {
	s := newSlab(t)
	require.True(t, s.reach(20))
	restore := failAllocations(func(int) bool { return true })
	require.True(t, s.reach(31), "there is room")
	require.False(t, s.reach(32))
	restore()
	require.True(t, s.reach(32))
}

func TestSlab_Release(t *testing.T) {
	before := offheap.Used()
	s := newSlab(t)
	require.True(t, s.reach(1000))
	*s.at(1000) = 1
	s.release()
	require.Equal(t, before, offheap.Used())
	s.release()
	require.True(t, s.reach(1000), "it can be used again")
	require.Zero(t, *s.at(1000))
}
