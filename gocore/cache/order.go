package cache

import "hash/maphash"

// order is the order of eviction: the earliest expiry first, among equals the
// one that was placed first.
//
// Sessions of a context mostly have the same timeout, so many expire in the
// same second: there is a list for each distinct expiry (a bucket), and a heap
// of the buckets. Placing and removing is O(1) where the bucket stays, else
// O(log n) in the number of distinct expiries.
type order struct {
	places   slab[place]  // by number of the entry
	buckets  slab[bucket] // by number of the bucket
	heap     expiryHeap
	byExpiry index // of the buckets
	seed     maphash.Seed
}

// place is where an entry stands.
type place struct {
	prev, next uint32 // neighbours in its bucket
	bucket     uint32
}

// bucket is the list of the entries with one expiry. It is never empty.
type bucket struct {
	expiry      int64
	first, last uint32 // the oldest and the newest entry
	pos         uint32 // in the heap
}

func (o *order) init(seed maphash.Seed) {
	o.seed = seed
	o.heap.buckets = &o.buckets
	o.byExpiry.init(func(b uint32) uint32 { return o.hash(o.buckets.at(b).expiry) })
}

// insert places entry i as the newest of its expiry.
func (o *order) insert(i uint32, expiry int64) {
	n := o.bucketOf(expiry)
	b := o.buckets.at(n)
	o.places.reach(i)
	*o.places.at(i) = place{prev: b.last, bucket: n}
	if b.last == none {
		b.first = i
	} else {
		o.places.at(b.last).next = i
	}
	b.last = i
}

// remove takes entry i out.
func (o *order) remove(i uint32) {
	p := o.places.at(i)
	b := o.buckets.at(p.bucket)
	if p.prev == none {
		b.first = p.next
	} else {
		o.places.at(p.prev).next = p.next
	}
	if p.next == none {
		b.last = p.prev
	} else {
		o.places.at(p.next).prev = p.prev
	}
	if b.first == none {
		o.heap.remove(p.bucket)
		o.byExpiry.remove(p.bucket, o.hash(b.expiry))
	}
}

// move gives entry i another expiry, as the newest of it.
func (o *order) move(i uint32, expiry int64) {
	o.remove(i)
	o.insert(i, expiry)
}

// expiry is the expiry of entry i.
func (o *order) expiry(i uint32) int64 {
	return o.buckets.at(o.places.at(i).bucket).expiry
}

// first is the entry that is to be evicted first, or none.
func (o *order) first() uint32 {
	b := o.heap.top()
	if b == none {
		return none
	}
	return o.buckets.at(b).first
}

// second is the entry that comes after the first, or none.
func (o *order) second() uint32 {
	first := o.first()
	if first == none {
		return none
	}
	if next := o.places.at(first).next; next != none {
		return next
	}
	b := o.heap.second()
	if b == none {
		return none
	}
	return o.buckets.at(b).first
}

// bucketOf finds the bucket of an expiry or makes an empty one.
func (o *order) bucketOf(expiry int64) uint32 {
	hash := o.hash(expiry)
	for b := o.byExpiry.first(hash); b != none; b = o.byExpiry.next(b) {
		if o.buckets.at(b).expiry == expiry {
			return b
		}
	}
	// There is an entry for each bucket, so their numbers do not run out first.
	b := o.byExpiry.add(hash)
	o.buckets.reach(b)
	*o.buckets.at(b) = bucket{expiry: expiry}
	o.heap.push(b)
	return b
}

func (o *order) hash(expiry int64) uint32 {
	return uint32(maphash.Comparable(o.seed, expiry))
}
