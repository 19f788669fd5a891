package cache

import (
	"sync/atomic"
	"unsafe"
)

// order is the order of eviction: the earliest expiry first, among equals the
// one that was placed first.
//
// Sessions of a context mostly have the same timeout, so many expire in the
// same second: there is a list for each distinct expiry (a bucket), and a tree
// of the buckets. Placing and removing is O(1) where the bucket stays, else
// as deep as the tree, which is O(log n) in the seconds between the expiries.
type order struct {
	places   slab[place] // by number of the entry
	tree     tree        // of the buckets
	earliest *int64      // for C, the expiry of the least bucket
	least    uint32      // bucket with the least expiry, or none
	recent   uint32      // bucket that was found last, or none
}

// place is where an entry stands.
type place struct {
	prev, next uint32 // neighbours in its bucket
	bucket     uint32
}

// init makes the order empty; C may read the earliest expiry.
func (o *order) init(head *Head) {
	o.earliest = &head.Earliest
	o.lead(none)
}

func (o *order) release() {
	o.places.release()
	o.tree.release()
}

// prepare makes insert and move possible for entry i. It is false if memory is
// short.
func (o *order) prepare(i uint32) bool {
	return o.places.reach(i) && o.tree.prepare()
}

// insert places entry i as the newest of its expiry; prepare must have been
// called.
func (o *order) insert(i uint32, expiry int64) {
	n := o.bucketOf(expiry)
	b := o.tree.buckets.at(n)
	*o.places.at(i) = place{prev: b.last, bucket: n}
	if b.last == none {
		b.first = i
	} else {
		o.places.at(b.last).next = i
	}
	b.last = i
}

// fetch has what remove needs beside the place of entry i come from memory. The
// entry may have been taken out.
func (o *order) fetch(i uint32) {
	p := o.places.at(i)
	prefetch(unsafe.Pointer(o.places.at(p.prev)))
	prefetch(unsafe.Pointer(o.places.at(p.next)))
	prefetch(unsafe.Pointer(o.tree.buckets.at(p.bucket)))
}

// remove takes entry i out.
func (o *order) remove(i uint32) {
	p := o.places.at(i)
	b := o.tree.buckets.at(p.bucket)
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
		o.drop(p.bucket)
	}
}

// cut takes out what stands in the least bucket before entry i, or all of it if
// that is none.
func (o *order) cut(i uint32) {
	b := o.tree.buckets.at(o.least)
	b.first = i
	if i == none {
		o.drop(o.least)
		return
	}
	o.places.at(i).prev = none
}

// drop takes out a bucket, which is empty.
func (o *order) drop(b uint32) {
	o.tree.remove(b)
	if o.recent == b {
		o.recent = none
	}
	if o.least == b {
		o.lead(o.tree.first())
	}
}

// lead makes a bucket the least, or none if there is none, and tells C.
func (o *order) lead(b uint32) {
	o.least = b
	earliest := Never
	if b != none {
		earliest = o.tree.buckets.at(b).expiry
	}
	atomic.StoreInt64(o.earliest, earliest)
}

// move gives entry i another expiry, as the newest of it; prepare must have been
// called.
func (o *order) move(i uint32, expiry int64) {
	if b := o.tree.buckets.at(o.places.at(i).bucket); b.expiry == expiry && b.last == i {
		return
	}
	o.remove(i)
	o.insert(i, expiry)
}

// expiry is the expiry of entry i.
func (o *order) expiry(i uint32) int64 {
	return o.tree.buckets.at(o.places.at(i).bucket).expiry
}

// first is the entry that is to be evicted first, or none.
func (o *order) first() uint32 {
	if o.least == none {
		return none
	}
	return o.tree.buckets.at(o.least).first
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
	b := o.tree.second()
	if b == none {
		return none
	}
	return o.tree.buckets.at(b).first
}

// bucketOf finds the bucket of an expiry or makes an empty one.
func (o *order) bucketOf(expiry int64) uint32 {
	// Sessions that are added in one second mostly expire in one.
	if o.recent != none && o.tree.buckets.at(o.recent).expiry == expiry {
		return o.recent
	}
	return o.otherBucketOf(expiry)
}

func (o *order) otherBucketOf(expiry int64) uint32 {
	b, made := o.tree.bucketOf(expiry)
	o.recent = b
	if made && (o.least == none || expiry < o.tree.buckets.at(o.least).expiry) {
		o.lead(b)
	}
	return b
}
