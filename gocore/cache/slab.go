package cache

import (
	"math/bits"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// The first chunk has 16 items and each other one as many as all before it, so
// 29 chunks are enough for every number of 32 bits.
const (
	firstBits = 4
	maxChunks = 29
)

// alloc is where a table's memory is from; tests have it fail.
var alloc = offheap.Alloc

// directory has the chunks of a slab. C reads some of them: see Head.
type directory [maxChunks]unsafe.Pointer

// slab is an array that grows by chunks outside the Go heap. Its items never
// move, and T must hold no pointers of Go. It never shrinks; what is not used of
// the last chunk is not resident, if that is large. New items are zero.
type slab[T any] struct {
	dir   *directory
	len   uint32 // chunks there are
	items uint32 // items in them; 0 if that is too large for 32 bits
}

// at is item i, which must have been made by reach.
func (s *slab[T]) at(i uint32) *T {
	c := chunkOf(i)
	var item T
	return (*T)(unsafe.Add(s.dir[c], uintptr(i-startOf(c))*unsafe.Sizeof(item)))
}

// reach makes the items up to i exist. It is false if memory is short.
func (s *slab[T]) reach(i uint32) bool {
	return i < s.items || s.grow(i)
}

func (s *slab[T]) grow(i uint32) bool {
	for s.len <= chunkOf(i) {
		if s.dir == nil {
			s.dir = new(directory)
		}
		chunk := alloc(s.size(s.len))
		if chunk == nil {
			return false
		}
		s.dir[s.len] = chunk
		s.len++
		s.items = startOf(s.len)
	}
	return true
}

// release gives the memory back.
func (s *slab[T]) release() {
	for s.len > 0 {
		s.len--
		offheap.Free(s.dir[s.len], s.size(s.len))
		s.dir[s.len] = nil
	}
	s.items = 0
}

// size is that of a chunk in bytes.
func (s *slab[T]) size(chunk uint32) int {
	var item T
	return int(unsafe.Sizeof(item)) * int(startOf(chunk+1)-startOf(chunk))
}

func chunkOf(i uint32) uint32 {
	return uint32(bits.Len32(i >> firstBits))
}

// startOf is the number of the first item of a chunk; of one beyond the last it
// is too large for 32 bits, and the size of the last one is still right.
func startOf(chunk uint32) uint32 {
	return 1 << chunk >> 1 << firstBits
}
