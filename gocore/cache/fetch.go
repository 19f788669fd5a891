package cache

import (
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// worthFetching is the number of sessions from which on their entries and places
// are mostly out of the nearer caches of the processor; fetchMost, for how many
// there is room in the nearest.
const (
	worthFetching = 4096
	fetchMost     = 32
)

// fetchRetired has what takes out the retired come from memory: that of many of
// them at once, where they would wait for one thing after the other.
func (t *Table) fetchRetired(notes *[RetiredRoom]Retired, from, to uint32) {
	if t.head.Used < worthFetching {
		return
	}
	for n := from; n != to; n++ {
		i := notes[n%RetiredRoom].Number
		prefetch(unsafe.Pointer(t.order.places.at(i)))
		prefetch(unsafe.Pointer(t.entries.at(i))) // C has written it last, in another thread perhaps
	}
	for n := from; n != to; n++ {
		t.order.fetch(notes[n%RetiredRoom].Number)
	}
}

// fetchFirst has what takes out the first so many sessions of the order come from
// memory, as far as they expire in the same second: see fetchRetired.
func (t *Table) fetchFirst(most int) {
	if t.head.Used >= worthFetching {
		t.fetchFrom(t.order.first(), t.byKey.last, most)
	}
}

// fetchFrom is fetchFirst from entry i on, as long as no number is above last. It
// needs no lock: of the entries that were there when last was the last one all
// memory is, a number read from it is that of another one or none, and what others
// write meanwhile makes this fetch something else, at worst.
func (t *Table) fetchFrom(i, last uint32, most int) {
	for ; i != none && i <= last && most > 0; most-- {
		hash := t.entries.at(i).Key.hash(&t.seeds)
		prefetch(unsafe.Pointer(t.byKey.own.at(t.head.line(hash))))
		i = t.order.places.at(i).next
	}
}

// fetchAdded has the memory of the entries that so many sessions will get come
// all at once: see fetchRetired.
func (t *Table) fetchAdded(sessions uint32) {
	if t.head.Used < worthFetching {
		return
	}
	for n := range min(sessions, t.byKey.free) {
		i := *t.byKey.freed.at(t.byKey.free - 1 - n)
		prefetch(unsafe.Pointer(t.entries.at(i)))
		prefetch(unsafe.Pointer(t.order.places.at(i)))
	}
}

// fetchAhead is fetchFirst for a step of a flush, before it takes the lock, which
// it would hold while it waits. Where the step begins the one before has left in
// ahead.
func (c *Cursor) fetchAhead(most int) {
	if c.ahead == none || !c.table.readers.enter() {
		return
	}
	defer c.table.readers.leave()
	c.table.fetchFrom(c.ahead, c.last, most)
}

// line is where items of a hash are, or were: lines may be split meanwhile.
func (h *Head) line(hash uint32) uint32 {
	lines := atomic.LoadUint32(&h.Lines)
	mask := uint32(math.MaxUint32) >> bits.LeadingZeros32(lines-1|1)
	if n := hash & mask; n < lines {
		return n
	}
	return hash & (mask >> 1)
}

// readers are those who read the memory of a table without its lock.
type readers struct {
	number atomic.Int32
	closed atomic.Bool
}

// enter is false if the memory is given back, or about to be.
func (r *readers) enter() bool {
	r.number.Add(1)
	if r.closed.Load() {
		r.leave()
		return false
	}
	return true
}

func (r *readers) leave() {
	r.number.Add(-1)
}

// close waits until the last one has left: for some microseconds.
func (r *readers) close() {
	r.closed.Store(true)
	for r.number.Load() > 0 {
		runtime.Gosched()
	}
}
