// Package offheap is memory outside the Go heap: the garbage collector neither
// looks at it nor counts it, it never moves, and C may read it.
//
// Who allocates frees, with the same size. There is nothing else to keep the
// memory, and nothing to find a use after Free.
package offheap

import (
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Blocks below hugeSize are cut from spans, in sizes that are powers of two;
// larger ones are mappings of their own, in whole pages.
const (
	minShift  = 6 // the least block: 64 bytes
	spanShift = 16
	spanSize  = 1 << spanShift
	hugeSize  = 2 << 20
)

var used atomic.Int64

// Used is how many bytes are allocated.
func Used() int64 {
	return used.Load()
}

var pageSize = os.Getpagesize()

// free has for each size of block a list of those that were freed, each of which
// begins with the next, and the span from which blocks are cut, one by one: a
// process comes to no page of it that it does not use.
var free struct {
	sync.Mutex
	lists [spanShift + 1]unsafe.Pointer
	spans [spanShift + 1]span
}

// span has been cut into blocks as far as it is used.
type span struct {
	start unsafe.Pointer // nil: there is none yet
	used  int
}

// Alloc returns size bytes, which are zero and aligned to 64 bytes; nil if the
// system has none.
func Alloc(size int) unsafe.Pointer {
	p := alloc(size)
	if p != nil {
		used.Add(int64(size))
	}
	return p
}

func alloc(size int) unsafe.Pointer {
	if size > spanSize {
		return mapPages(size)
	}
	shift := shiftOf(size)
	free.Lock()
	defer free.Unlock()
	p := free.lists[shift]
	if p == nil {
		return free.spans[shift].cut(1 << shift)
	}
	free.lists[shift] = *(*unsafe.Pointer)(p)
	*(*unsafe.Pointer)(p) = nil
	return p
}

// Free gives back what Alloc returned for the size. Its content is wiped.
func Free(p unsafe.Pointer, size int) {
	used.Add(-int64(size))
	if size > spanSize {
		// What cannot be unmapped stays mapped; there is nothing better to do.
		_ = unix.MunmapPtr(p, pages(size))
		return
	}
	shift := shiftOf(size)
	clear(unsafe.Slice((*byte)(p), 1<<shift))
	free.Lock()
	defer free.Unlock()
	*(*unsafe.Pointer)(p) = free.lists[shift]
	free.lists[shift] = p
}

func shiftOf(size int) int {
	return max(minShift, bits.Len(uint(size-1)))
}

// cut takes a block from the span, or from a new one if all of it is used.
func (s *span) cut(block int) unsafe.Pointer {
	if s.start == nil || s.used == spanSize {
		start := mapPages(spanSize)
		if start == nil {
			return nil
		}
		*s = span{start: start}
	}
	p := unsafe.Add(s.start, s.used)
	s.used += block
	return p
}

func pages(size int) uintptr {
	return uintptr((size + pageSize - 1) &^ (pageSize - 1))
}

// mapPages maps memory. Large pieces are aligned for, and advised to have, huge
// pages: sessions lie at random, so each lookup would miss the TLB.
func mapPages(size int) unsafe.Pointer {
	n := pages(size)
	if n < hugeSize {
		return mmap(n)
	}
	p := mmap(n + hugeSize)
	if p == nil {
		return nil
	}
	head := -uintptr(p) & (hugeSize - 1)
	aligned := unsafe.Add(p, head)
	if head > 0 {
		_ = unix.MunmapPtr(p, head)
	}
	if tail := hugeSize - head; tail > 0 {
		_ = unix.MunmapPtr(unsafe.Add(aligned, n), tail)
	}
	// Only advice: older kernels and some settings know no huge pages.
	_ = unix.Madvise(unsafe.Slice((*byte)(aligned), n), unix.MADV_HUGEPAGE)
	return aligned
}

func mmap(n uintptr) unsafe.Pointer {
	p, err := unix.MmapPtr(-1, 0, nil, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	return p
}
