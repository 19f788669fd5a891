package cache

// A chunk has 1,024 items: large enough that the list of chunks stays short,
// small enough that making one is no pause.
const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
	chunkMask = chunkSize - 1

	firstChunkSize = 16
)

// slab is an array that grows in chunks, so that growth never copies a large
// array. Only the first chunk is copied, while it doubles up to a whole one: a
// process may have thousands of contexts with few sessions each. A slab never
// shrinks. New items are zero. T must hold no pointers, for then the garbage
// collector does not look into the chunks.
type slab[T any] struct {
	chunks [][]T
}

// at is item i, which must have been made by reach. The pointer is good until
// the next call of reach.
func (s *slab[T]) at(i uint32) *T {
	return &s.chunks[i>>chunkBits][i&chunkMask]
}

// reach makes the items up to i exist, all but at most one chunk of which do.
func (s *slab[T]) reach(i uint32) {
	c := int(i >> chunkBits)
	if c < len(s.chunks) && int(i&chunkMask) < len(s.chunks[c]) {
		return
	}
	if c > 0 && len(s.chunks[0]) == chunkSize {
		s.chunks = append(s.chunks, make([]T, chunkSize))
		return
	}
	s.growFirst(i)
}

func (s *slab[T]) growFirst(i uint32) {
	if len(s.chunks) == 0 {
		s.chunks = append(s.chunks, nil)
	}
	size := max(firstChunkSize, 2*len(s.chunks[0]))
	for size <= int(i) {
		size *= 2
	}
	chunk := make([]T, size)
	copy(chunk, s.chunks[0])
	s.chunks[0] = chunk
}
