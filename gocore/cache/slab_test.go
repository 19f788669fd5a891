package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlab_Reach(t *testing.T) {
	var s slab[uint64]
	const n = 3*chunkSize + 5
	for i := range uint32(n) {
		s.reach(i)
		require.Zero(t, *s.at(i))
		*s.at(i) = uint64(i) + 1
	}
	for i := range uint32(n) {
		require.Equal(t, uint64(i)+1, *s.at(i))
	}
	require.Len(t, s.chunks, 4)
}

// A context with a few sessions must not cost a whole chunk.
func TestSlab_StartsSmall(t *testing.T) {
	var s slab[uint64]
	s.reach(0)
	require.Len(t, s.chunks[0], firstChunkSize)
	s.reach(firstChunkSize)
	require.Len(t, s.chunks[0], 2*firstChunkSize)
}

// Whole chunks stay where they are.
func TestSlab_NeverCopiesWholeChunks(t *testing.T) {
	var s slab[uint64]
	for i := range uint32(chunkSize) {
		s.reach(i)
	}
	first := s.at(0)
	for i := uint32(chunkSize); i < 20*chunkSize; i++ {
		s.reach(i)
	}
	require.Same(t, first, s.at(0))
}
