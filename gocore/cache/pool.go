package cache

import "unsafe"

// none is the number of no item: numbers start at 1, so that zeroed memory
// means empty.
const none uint32 = 0

// maxNumber is the highest number of a pool, so that a bit is left beside it.
const maxNumber = 1<<31 - 1

// pool is a slab whose items are handed out by number and given back. The free
// ones below last are a list through their own first four bytes, which must be
// fit for a number.
type pool[T any] struct {
	items slab[T]
	used  uint32 // items handed out
	last  uint32 // highest number ever handed out
	free  uint32 // first of the free ones
}

func (p *pool[T]) at(i uint32) *T {
	return p.items.at(i)
}

// prepare makes n takes possible. It is false if memory is short or too few
// numbers are left.
func (p *pool[T]) prepare(n uint32) bool {
	// All but used of the numbers that exist are free, in the list or above last.
	return p.used+n < p.items.items || p.grow(n)
}

func (p *pool[T]) grow(n uint32) bool {
	return n == 0 || p.used+n <= maxNumber && p.items.reach(p.used+n)
}

// take hands out an item: zero, or what it was when it was given back but for
// the first four bytes, which are zero.
func (p *pool[T]) take() uint32 {
	p.used++
	i := p.free
	if i == none {
		p.last++
		return p.last
	}
	link := p.link(i)
	p.free, *link = *link, none
	return i
}

func (p *pool[T]) give(i uint32) {
	p.used--
	*p.link(i), p.free = p.free, i
}

// link is the next free number after i, which is free.
func (p *pool[T]) link(i uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(p.at(i)))
}

func (p *pool[T]) release() {
	p.items.release()
}
