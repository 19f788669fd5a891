package cache

import (
	"sync/atomic"
	"unsafe"
)

// Stamps tells a table of sessions that were removed elsewhere: by another
// process that shares them. Each key has a stamp, which changes when its
// session is removed (it may change at other times too). Its highest bit is left
// out of account. An entry whose stamp is no longer that of its key is revoked:
// who asks for it has to ask where the sessions are shared.
//
// Stamp is called under the table's lock, from any thread, and must not block.
type Stamps interface {
	Stamp(k Key) uint32
}

// unchanging is for tables whose sessions nobody shares.
type unchanging struct{}

func (unchanging) Stamp(Key) uint32 { return 0 }

// StampMemory is where stamps lie, for C to read them: that of a key is the sum
// of *Space and of the number of Stamps that Mask leaves of the key's spread.
type StampMemory struct {
	Space, Stamps *uint32 // outside the Go heap, valid as long as the table is used
	Mask          uint32
}

// ShareStamps tells C where the stamps are that Stamps.Stamp gives. Space may be
// another one in a later call, the rest must be the same.
func (t *Table) ShareStamps(m StampMemory) {
	t.enter()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.head.Stamps, t.head.StampMask = m.Stamps, m.Mask
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(&t.head.Space)), unsafe.Pointer(m.Space))
}

// Revoke takes out what Lookup has found Revoked, and hands out its reference.
// The session counts as removed. It is false if something else is stored by now.
func (t *Table) Revoke(k Key, ref Ref) bool {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	i := t.find(&k, hash)
	if i == none || t.entries.at(i).Ref != ref {
		return false
	}
	t.tally.removed(1)
	t.take(i, hash)
	return true
}

// Confirm makes a hit of what Lookup has found Revoked: the session is still
// good, as was found after the stamp was taken.
func (t *Table) Confirm(k Key, ref Ref, stamp uint32) {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	t.tally.found(here)
	if i := t.find(&k, hash); i != none && t.entries.at(i).Ref == ref {
		e := t.entries.at(i)
		publish32(&e.Stamp, stamp&^alone|e.Stamp&alone)
	}
}

// alone marks the stamp of an entry whose session no other process has.
const alone = 1 << 31

// SetAlone notes that no other process has the session that is stored under the
// key, or that others may have it, which is what Add assumes.
func (t *Table) SetAlone(k Key, is bool) {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	if i := t.find(&k, hash); i != none {
		e := t.entries.at(i)
		stamp := e.Stamp &^ alone
		if is {
			stamp |= alone
		}
		publish32(&e.Stamp, stamp)
	}
}

// Alone is whether SetAlone said so of the session stored under the key.
func (t *Table) Alone(k Key) bool {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	i := t.find(&k, hash)
	return i != none && t.entries.at(i).Stamp&alone != 0
}

// Where says where a session was found that the table did not have.
type Where int

// The places, in the order in which they are asked.
const (
	here     Where = iota
	InRegion       // in memory that the workers of one host share
	InStore        // in a store that several hosts share
)

// Found makes a hit of what Lookup has just counted as a miss: the session was
// found elsewhere.
func (t *Table) Found(where Where) {
	t.enter()
	defer t.mu.Unlock()
	t.tally.found(where)
}

// Used makes a miss of what Lookup has just counted as a hit: the session was
// good for one use, and another process was first.
func (t *Table) Used() {
	t.enter()
	defer t.mu.Unlock()
	t.tally.used()
}
