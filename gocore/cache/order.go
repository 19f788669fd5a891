package cache

import "sync/atomic"

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
	seed     uint64
	earliest *int64 // for C, the expiry at the top of the heap
	recent   uint32 // bucket that was found last, or none
}

// place is where an entry stands.
type place struct {
	prev, next uint32 // neighbours in its bucket
	bucket     uint32
}

// bucket is the list of the entries with one expiry. It is never empty.
type bucket struct {
	first, last uint32 // the oldest and the newest entry
	pos         uint32 // in the heap
}

// init makes the order empty; C may read the places.
func (o *order) init(head *Head) {
	o.seed = head.Seeds[0]
	o.earliest = &head.Earliest
	o.publish()
	o.heap.buckets = &o.buckets
	o.byExpiry.init(func(b uint32) uint32 { return o.hash(o.heap.expiry(b)) })
}

func (o *order) release() {
	o.places.release()
	o.buckets.release()
	o.heap.items.release()
	o.byExpiry.release()
}

// prepare makes insert and move possible for entry i. It is false if memory is
// short.
func (o *order) prepare(i uint32) bool {
	return o.places.reach(i) && o.byExpiry.prepare() && o.buckets.reach(o.byExpiry.last+1) &&
		o.heap.items.reach(o.heap.len)
}

// insert places entry i as the newest of its expiry; prepare must have been
// called.
func (o *order) insert(i uint32, expiry int64) {
	n := o.bucketOf(expiry)
	b := o.buckets.at(n)
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
		hash := o.hash(o.heap.expiry(p.bucket))
		o.heap.remove(p.bucket)
		o.byExpiry.remove(p.bucket, hash)
		if o.recent == p.bucket {
			o.recent = none
		}
		o.publish()
	}
}

// publish tells C the least expiry.
func (o *order) publish() {
	earliest := Never
	if b := o.heap.top(); b != none {
		earliest = o.heap.expiry(b)
	}
	atomic.StoreInt64(o.earliest, earliest)
}

// move gives entry i another expiry, as the newest of it; prepare must have been
// called.
func (o *order) move(i uint32, expiry int64) {
	if b := o.places.at(i).bucket; o.heap.expiry(b) == expiry && o.buckets.at(b).last == i {
		return
	}
	o.remove(i)
	o.insert(i, expiry)
}

// expiry is the expiry of entry i.
func (o *order) expiry(i uint32) int64 {
	return o.heap.expiry(o.places.at(i).bucket)
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
	// Sessions that are added in one second mostly expire in one.
	if o.recent != none && o.heap.expiry(o.recent) == expiry {
		return o.recent
	}
	hash := o.hash(expiry)
	for b := o.byExpiry.first(hash); b != none; b = o.byExpiry.next(b) {
		if o.heap.expiry(b) == expiry {
			o.recent = b
			return b
		}
	}
	// There is an entry for each bucket, so their numbers do not run out first.
	b := o.byExpiry.add(hash)
	*o.buckets.at(b) = bucket{}
	o.recent = b
	o.heap.push(b, expiry)
	o.publish()
	return b
}

func (o *order) hash(expiry int64) uint32 {
	return uint32(fold(uint64(expiry)^o.seed, 0x9E3779B97F4A7C15) >> 32)
}
