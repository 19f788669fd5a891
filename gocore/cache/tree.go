package cache

import "math/bits"

// tree finds the buckets by their expiries and knows their order. It is a radix
// tree: each node is a cache line and tells four bits of the expiry apart. The
// upper nodes stay in the processor's caches; what comes or goes touches a line
// or two beside them.
//
// Time moves on, and some seconds are far from the others: neither should cost
// nodes. So the root covers an aligned range of 16^n seconds, the least that has
// all buckets in it, and is raised and lowered as they come and go. And a bucket
// that has a part of the range for itself stands in the place of that part,
// however far up.
//
// Never is beside the tree: it is common, and far from all else.
type tree struct {
	nodes   pool[node]
	buckets pool[bucket]
	root    child
	bits    uint   // how many bits of the expiry the nodes tell apart; 0 if there are none
	base    uint64 // the other bits of it, above these; those below mean nothing
	never   child  // bucket of what does not expire
}

// bucket is the list of the entries with one expiry. It is never empty.
type bucket struct {
	first, last uint32 // the oldest and the newest entry
	expiry      int64
}

// node has the children for the values of some four bits: several or, but not in
// the root, one that is a node.
type node [fanout]child

const (
	nodeBits = 4
	fanout   = 1 << nodeBits
	// maxHeight is how many nodes may be below each other, the root among them.
	maxHeight = 64 / nodeBits
)

// child is what is at a place: nothing, the number of a node or, with the
// highest bit set, that of a bucket.
type child uint32

const (
	nothing   child = 0
	bucketBit child = 1 << 31
)

func (c child) isNode() bool {
	return c != nothing && c < bucketBit
}

// bucket is the number of the bucket that c is, or none if c is nothing.
func (c child) bucket() uint32 {
	return uint32(c &^ bucketBit)
}

// next is the first value from the given one on that has a child, or fanout.
func (n *node) next(from uint) uint {
	for from < fanout && n[from] == nothing {
		from++
	}
	return from
}

// place is where the child for a key is, in a node above so many bits.
func (n *node) place(key uint64, below uint) *child {
	return &n[key>>(below&63)%fanout]
}

// keyOf makes a number of an expiry that has the same order without a sign.
func keyOf(expiry int64) uint64 {
	return uint64(expiry) ^ 1<<63
}

func (t *tree) release() {
	t.nodes.release()
	t.buckets.release()
}

// prepare makes a new bucket possible. It is false if memory is short. What is
// removed afterwards does not undo it: a root that is lowered gives back as many
// nodes as more may be needed above it.
func (t *tree) prepare() bool {
	return t.buckets.prepare(1) && t.nodes.prepare(t.mayNeed())
}

// mayNeed is how many nodes a new bucket may need. They are either all above the
// root or all below it. Most contexts are small and should have no memory for
// what they do not need.
func (t *tree) mayNeed() uint32 {
	switch {
	case t.root == nothing:
		return 0
	case !t.root.isNode():
		return 1
	}
	height := uint32(t.bits / nodeBits)
	return max(maxHeight-height, height-1)
}

// bucketOf finds the bucket of an expiry, or makes one, which is empty and has
// to be filled; prepare must have been called.
func (t *tree) bucketOf(expiry int64) (b uint32, made bool) {
	at := t.placeOf(expiry)
	if *at != nothing {
		return at.bucket(), false
	}
	b = t.buckets.take()
	*t.buckets.at(b) = bucket{expiry: expiry}
	*at = child(b) | bucketBit
	return b, true
}

// placeOf is where the bucket of an expiry is, or, if there is none, a place made
// for it.
func (t *tree) placeOf(expiry int64) *child {
	if expiry == Never {
		return &t.never
	}
	key := keyOf(expiry)
	if t.root == nothing {
		t.base = key
	} else if (key^t.base)>>t.bits != 0 {
		t.grow(key)
	}
	at, below := &t.root, t.bits
	for at.isNode() {
		below -= nodeBits
		at = t.nodes.at(uint32(*at)).place(key, below)
	}
	// A bucket that stands here goes further down, to where the two part.
	for *at != nothing {
		other := keyOf(t.buckets.at(at.bucket()).expiry)
		if other == key {
			break
		}
		below -= nodeBits
		*at = t.above(*at, other, below)
		at = t.nodes.at(uint32(*at)).place(key, below)
	}
	return at
}

// above makes a node above so many bits, with one child, which has the key or is
// above it.
func (t *tree) above(c child, key uint64, below uint) child {
	i := t.nodes.take()
	*t.nodes.at(i).place(key, below) = c
	return child(i)
}

// grow raises the root, which there must be, until it covers the key.
func (t *tree) grow(key uint64) {
	wanted := uint(bits.Len64(key^t.base)+nodeBits-1) / nodeBits * nodeBits
	if !t.root.isNode() {
		t.bits = wanted - nodeBits // a bucket needs no nodes above it but the root
	}
	for ; t.bits < wanted; t.bits += nodeBits {
		t.root = t.above(t.root, t.base, t.bits)
	}
}

// remove takes a bucket out, whatever is in it.
func (t *tree) remove(b uint32) {
	expiry := t.buckets.at(b).expiry
	t.buckets.give(b)
	if expiry == Never {
		t.never = nothing
		return
	}
	// The upper nodes are near: to come down once more costs less than links
	// upwards, which would have to be kept in lines that are far.
	var path [maxHeight]*child
	key, depth := keyOf(expiry), 0
	at := &t.root
	for below := t.bits; at.isNode(); depth++ {
		path[depth%maxHeight] = at
		below -= nodeBits
		at = t.nodes.at(uint32(*at)).place(key, below)
	}
	*at = nothing
	if rest := t.prune(path[:depth]); len(rest) <= 1 {
		t.lower() // the root has lost a child, or is none any more
	}
}

// prune puts a bucket that is all that is left below a node in the node's place,
// as far up as that is so. The path is where the nodes are, from the root to the
// one that has lost a child. What is returned is the rest of it, whose last node
// is the one that stays.
func (t *tree) prune(path []*child) []*child {
	for len(path) > 0 {
		at := path[len(path)-1]
		only, _ := t.only(*at)
		if only == nothing || only.isNode() {
			break
		}
		t.replace(at, only)
		path = path[:len(path)-1]
	}
	return path
}

// lower makes the only child of the root the root, as often as it has but one.
func (t *tree) lower() {
	for t.root.isNode() {
		only, digit := t.only(t.root)
		if only == nothing {
			return
		}
		t.bits -= nodeBits
		t.base = t.base&^((fanout-1)<<t.bits) | uint64(digit)<<t.bits
		t.replace(&t.root, only)
	}
	if t.root != nothing {
		t.base, t.bits = keyOf(t.buckets.at(t.root.bucket()).expiry), 0
	}
}

// only is the child of a node that has one, and for which value it is; nothing
// if the node has several.
func (t *tree) only(c child) (child, uint) {
	n := t.nodes.at(uint32(c))
	first := n.next(0)
	if n.next(first+1) < fanout {
		return nothing, 0
	}
	return n[first], first
}

// replace puts the only child of a node in its place.
func (t *tree) replace(at *child, only child) {
	i := uint32(*at)
	*t.nodes.at(i) = node{}
	t.nodes.give(i)
	*at = only
}

// first is the bucket with the least expiry, or none.
func (t *tree) first() uint32 {
	if t.root == nothing {
		return t.never.bucket()
	}
	return t.firstBelow(t.root)
}

// second is the bucket with the least expiry but for the first, or none.
func (t *tree) second() uint32 {
	if t.root == nothing {
		return none
	}
	after := nothing // what comes next after the part that c is in
	for c := t.root; c.isNode(); {
		n := t.nodes.at(uint32(c))
		first := n.next(0)
		if next := n.next(first + 1); next < fanout {
			after = n[next]
		}
		c = n[first]
	}
	if after == nothing {
		return t.never.bucket()
	}
	return t.firstBelow(after)
}

func (t *tree) firstBelow(c child) uint32 {
	for c.isNode() {
		n := t.nodes.at(uint32(c))
		c = n[n.next(0)]
	}
	return c.bucket()
}
