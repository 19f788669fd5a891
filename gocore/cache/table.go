// Package cache is the table of one context's session cache: which sessions are
// kept, until when, which goes first when the table is full, and what is counted.
//
// It knows no session, only references to them that mean something to the
// caller. A reference that is handed in with Add is handed out exactly once:
// as replaced, as evicted, by Remove or by a flush; until then the table keeps
// it. Time is the caller's too: expiries and the present are seconds, and a
// session has expired when the present is greater than its expiry.
package cache

import (
	"math"
	"sync/atomic"
)

// Never is the expiry of a session that does not expire.
const Never int64 = math.MaxInt64

// Ref is a reference of the caller to what it stored; it is never 0.
type Ref uint64

// Object is the identity of a session object; 0 is none.
type Object uint64

// Options are the settings of a new table. The zero value is a table without
// limit.
type Options struct {
	// Capacity is the number of sessions that the table holds, 0 for no limit.
	Capacity uint64

	// Totals, if not nil, are the sums over several tables, which each update
	// them atomically. They may lie outside the Go heap; they must be aligned to
	// 8 bytes and stay valid as long as the table is used.
	Totals *Counters

	// Stamps, if not nil, tells which sessions are no longer good although
	// nothing was done to them in this table.
	Stamps Stamps
}

// Table is a cache of sessions, safe for concurrent use. Its lock is held for a
// short and bounded time by every method, whatever the number of sessions.
type Table struct {
	mu        lock
	sequence  uint64 // of the session stored last
	head      *Head  // set once; what C reads begins here
	seeds     [5]uint64
	entries   slab[Entry]
	byKey     lines // of the entries
	order     order // of the entries
	tally     tally
	stamps    Stamps // set once
	closed    bool
	lane      uint32 // of the retired that were taken last
	called    bool   // Add has stored something since the notes of C were taken
	withdrawn uint32 // how many withdrawals of C are over
	readers   readers
	late      bool  // there may be more than the capacity, which was not yet evicted
	owed      []Ref // displaced, and not yet handed out
}

// New makes an empty table. It is nil if memory is short.
func New(options Options) *Table {
	t := &Table{head: newHead(), stamps: options.Stamps}
	if t.head == nil {
		return nil
	}
	t.head.Capacity = options.Capacity
	t.seeds = t.head.Seeds
	t.entries.dir = &t.head.EntryChunks
	t.order.init(t.head)
	t.tally.init(options.Totals)
	if t.stamps == nil {
		t.stamps = unchanging{}
	}
	if !t.byKey.init(t.head, &t.entries) || !t.entries.reach(0) {
		t.Close()
		return nil
	}
	return t
}

// Head is what C reads. It is valid until Close.
func (t *Table) Head() *Head {
	return t.head
}

// Close gives the table's memory back, which no garbage collector does. From
// then on the table is empty and stores nothing.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.readers.close()
	t.byKey.release()
	t.entries.release()
	t.order.release()
	t.head.release()
}

// SetCapacity sets the number of sessions that the table holds, 0 for no limit.
// Nothing is evicted before the next Add.
func (t *Table) SetCapacity(n uint64) {
	t.enter()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	publish64(&t.head.Capacity, n)
}

// Lookup finds the reference of a session. Stale comes with the reference too
// but counts as a miss; the session stays for the caller to remove. Revoked
// does so too; the caller asks where the sessions are shared, and then calls
// Revoke or Confirm.
func (t *Table) Lookup(k Key, now int64) (Ref, Verdict) {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	i := t.find(&k, hash)
	if i == none {
		t.tally.miss()
		return 0, Miss
	}
	e := t.entries.at(i)
	ref := e.Ref
	if (e.Stamp^t.stamps.Stamp(k))&^alone != 0 {
		t.tally.miss()
		return ref, Revoked
	}
	if now > t.order.expiry(i) {
		t.tally.miss()
		return ref, Stale
	}
	t.tally.hit()
	return ref, Hit
}

// Contains is whether a session is stored, expired or not. It counts nothing.
func (t *Table) Contains(k Key) bool {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	return t.find(&k, hash) != none
}

// Add stores a session until its expiry.
//
// Added and Replaced keep ref; Replaced hands out the reference that was stored
// under the key. Same means that the same object is stored already: that gets
// the new expiry and the place of a session added now, but ref is not kept, and
// nothing is evicted. Failed, for a ref of 0 or a key that is none, keeps
// nothing.
//
// If there is a capacity, sessions are evicted to make room, never the one that
// is added: n references are stored in evicted, and more tells that it was too
// small, so that the caller has to go on with Evict. Added may hand out a
// reference as replaced too: one that was displaced by what C has added.
func (t *Table) Add(k Key, ref Ref, object Object, expiry int64, evicted []Ref) (
	result Result, replaced Ref, n int, more bool) {
	return t.AddStamped(k, ref, object, expiry, t.stamps.Stamp(k), evicted)
}

// AddStamped is Add for a session that was got elsewhere when the stamp of its
// key was as given: if that has changed since, the session is revoked already.
func (t *Table) AddStamped(k Key, ref Ref, object Object, expiry int64, stamp uint32, evicted []Ref) (
	result Result, replaced Ref, n int, more bool) {
	if ref == 0 || k.Len > MaxIDLen {
		return Failed, 0, 0, false
	}
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	if i := t.find(&k, hash); i != none {
		if !t.order.prepare(i) {
			return Failed, 0, 0, false
		}
		e := t.entries.at(i)
		t.order.move(i, expiry)
		publish32(&e.Stamp, stamp&^alone)
		if e.Object == object {
			return Same, 0, 0, false
		}
		replaced = t.replace(e, ref, object)
		t.tally.replaced()
		n, more = t.evict(t.head.Capacity, evicted)
		return Replaced, replaced, n, more || len(t.owed) > 0
	}
	if t.closed || !t.prepare() {
		return Failed, 0, 0, false
	}
	if t.head.Capacity > 0 {
		n, more = t.evict(t.head.Capacity-1, evicted)
	}
	t.store(&k, hash, ref, object, expiry, stamp&^alone)
	t.tally.added()
	if t.head.Notes == nil && t.sequence > fewAdds {
		t.haveNotes()
	}
	replaced, owed := t.handOut()
	return Added, replaced, n, more || owed
}

// Evict goes on with what an Add left above the capacity, or C, of whose notes it
// takes some: n references are stored in evicted, and more tells that it has to be
// called again. The session that was added last is not evicted. A reference in
// replaced was displaced by what C has added.
func (t *Table) Evict(evicted []Ref) (replaced Ref, n int, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, 0, false
	}
	t.takeSome()
	if t.late {
		n, more = t.evict(t.head.Capacity, evicted)
	}
	replaced, owed := t.handOut()
	return replaced, n, more || owed
}

// Remove takes a session out and hands out its reference. If object is not 0,
// only that very object is taken. A session that had expired counts as Expired.
func (t *Table) Remove(k Key, object Object, now int64) (Ref, bool) {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	i := t.find(&k, hash)
	if i == none || object != 0 && t.entries.at(i).Object != object {
		return 0, false
	}
	if now > t.order.expiry(i) {
		t.tally.expired(1)
	} else {
		t.tally.removed(1)
	}
	return t.take(i, hash), true
}

// Touch gives an object that is stored under the key a new expiry and the place
// of a session added now. It is false if the object is not stored.
func (t *Table) Touch(k Key, object Object, expiry int64) bool {
	hash := k.hash(&t.seeds)
	t.enter()
	defer t.mu.Unlock()
	i := t.find(&k, hash)
	if i == none || t.entries.at(i).Object != object || !t.order.prepare(i) {
		return false
	}
	t.order.move(i, expiry)
	return true
}

// Len is the number of sessions stored.
func (t *Table) Len() uint64 {
	t.enter()
	defer t.mu.Unlock()
	if t.closed {
		return 0
	}
	return uint64(t.head.Used)
}

// Counters are what this table has counted.
func (t *Table) Counters() Counters {
	t.enter()
	defer t.mu.Unlock()
	c := t.tally.own
	if !t.closed {
		// What C counted is not in the sums: it adds to those itself.
		for i := range t.head.Lanes {
			hits, misses := atomic.LoadUint64(&t.head.Lanes[i].Hits), atomic.LoadUint64(&t.head.Lanes[i].Misses)
			c.Lookups += hits + misses
			c.Hits += hits
			c.Misses += misses
		}
	}
	return c
}

// prepare makes store possible. It is false if memory is short or the table full.
func (t *Table) prepare() bool {
	return t.byKey.prepare() && t.order.prepare(t.byKey.last+1)
}

// store stores what has a key that find does not find; prepare must have been
// called.
func (t *Table) store(k *Key, hash uint32, ref Ref, object Object, expiry int64, stamp uint32) {
	t.called = true
	i := t.byKey.add(hash)
	e := t.entries.at(i)
	e.Key, e.Stamp, e.Ref, e.Object = *k, stamp, ref, object
	t.sequence++
	publish64(&e.Sequence, t.sequence)
	t.order.insert(i, expiry)
}

// replace stores another reference and object in an entry.
func (t *Table) replace(e *Entry, ref Ref, object Object) (replaced Ref) {
	replaced = e.Ref
	t.sequence++
	publish64(&e.Sequence, 0)
	e.Ref, e.Object = ref, object
	publish64(&e.Sequence, t.sequence)
	return replaced
}

// find is the number of the entry with a key, or none.
func (t *Table) find(k *Key, hash uint32) uint32 {
	if t.closed {
		return none
	}
	for l := t.byKey.own.at(t.byKey.line(hash)); ; l = t.byKey.overflow.at(uint32(l.More)) {
		for n := range &l.Word {
			w := l.Word[n]
			if uint32(w>>32) != hash || uint32(w) == none {
				continue
			}
			if e := t.entries.at(uint32(w)); e.Key.equals(k) && e.stored()&Gone == 0 {
				return uint32(w)
			}
		}
		if l.More == 0 {
			return none
		}
	}
}

// evict takes sessions out in their order until limit are left. With the
// capacity as limit it spares the one that was added last, if that is stored.
func (t *Table) evict(limit uint64, evicted []Ref) (n int, more bool) {
	t.late = false
	if t.head.Capacity == 0 {
		return 0, false
	}
	if used := uint64(t.head.Used); used > limit && used-limit > 1 {
		t.fetchFirst(int(min(used-limit, uint64(len(evicted)))))
	}
	for ; n < len(evicted) && uint64(t.head.Used) > limit; n++ {
		i := t.order.first()
		if limit == t.head.Capacity && t.entries.at(i).stored() == t.sequence {
			i = t.order.second()
		}
		evicted[n] = t.take(i, t.entries.at(i).Key.hash(&t.seeds))
	}
	t.tally.evicted(uint64(n))
	t.late = uint64(t.head.Used) > limit
	return n, t.late
}

// take takes entry i out. Nothing of it is left in memory.
func (t *Table) take(i, hash uint32) Ref {
	t.order.remove(i)
	return t.takeUnordered(i, hash)
}

// takeUnordered is take but for the order, out of which the caller takes it.
func (t *Table) takeUnordered(i, hash uint32) Ref {
	e := t.entries.at(i)
	ref := e.Ref
	publish64(&e.Sequence, 0)
	e.Key, e.Stamp, e.Ref, e.Object = Key{}, 0, 0, 0
	t.byKey.remove(i, hash)
	return ref
}
