package cache

import "math"

// none is the number of no item: numbers start at 1, so that zeroed memory
// means empty.
const none uint32 = 0

// index finds items by hash and hands out their numbers. The items themselves
// are with the owner, in slabs with the same numbers.
//
// It is a chained table that grows by linear hashing: each added item adds one
// chain, made by splitting one other in two. So there is about one item per
// chain at any size, and no moment at which everything is hashed again.
//
// The link of a number is the next item of its chain, or the next free number
// while the number is not in use.
type index struct {
	heads  slab[uint32] // first item of each chain
	links  slab[uint32] // by number
	chains uint32       // how many heads there are
	mask   uint32       // the least 2^k-1 that is not below chains-1
	used   uint32       // items stored
	last   uint32       // highest number ever handed out
	free   uint32       // first free number below last
	hashOf func(i uint32) uint32
}

// init makes the index empty; hashOf tells the hash that item i was added with.
func (x *index) init(hashOf func(i uint32) uint32) {
	x.hashOf = hashOf
	x.chains = 1
}

func (x *index) release() {
	x.heads.release()
	x.links.release()
}

// first is the first item that may have the hash; next gives the others.
func (x *index) first(hash uint32) uint32 {
	if x.used == 0 {
		return none
	}
	return *x.heads.at(x.chain(hash))
}

// next is the item after i in its chain.
func (x *index) next(i uint32) uint32 {
	return *x.links.at(i)
}

// prepare makes add possible. It is false if memory is short or all numbers are
// in use.
func (x *index) prepare() bool {
	return x.used < math.MaxUint32-1 && x.heads.reach(x.chains) && x.links.reach(x.last+1)
}

// add stores a new item and returns its number; prepare must have been called.
// The owner's slabs have to reach the number and its item has to have the hash
// before the next call.
func (x *index) add(hash uint32) uint32 {
	x.used++
	if x.used > x.chains {
		x.split()
	}
	i := x.free
	if i != none {
		x.free = *x.links.at(i)
	} else {
		x.last++
		i = x.last
	}
	head := x.heads.at(x.chain(hash))
	*x.links.at(i) = *head
	*head = i
	return i
}

// remove takes item i out and frees its number.
func (x *index) remove(i, hash uint32) {
	at := x.heads.at(x.chain(hash))
	for *at != i {
		at = x.links.at(*at)
	}
	link := x.links.at(i)
	*at = *link
	*link = x.free
	x.free = i
	x.used--
}

// chain is where items of a hash are: chains that have not been split in this
// round still hold what the higher half of the mask will take from them.
func (x *index) chain(hash uint32) uint32 {
	c := hash & x.mask
	if c >= x.chains {
		c &= x.mask >> 1
	}
	return c
}

// split adds one chain and moves to it what belongs there.
func (x *index) split() {
	added := x.chains
	if added > x.mask {
		x.mask = x.mask<<1 | 1
	}
	x.chains++
	from := x.heads.at(added & (x.mask >> 1))
	to := x.heads.at(added)
	for *from != none {
		i := *from
		link := x.links.at(i)
		if x.hashOf(i)&x.mask != added {
			from = link
			continue
		}
		*from = *link
		*link = none
		*to = i
		to = link
	}
}
