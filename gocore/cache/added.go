package cache

import (
	"sync/atomic"
	"unsafe"
)

// fewAdds is how many sessions come by Add before C may add and remove by itself.
const fewAdds = 64

// haveNotes lets C do so. Without memory for that, it has to call.
func (t *Table) haveNotes() {
	notes := alloc(notesSize)
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(&t.head.Notes)), notes)
}

// spillFrom is how many sessions a table has that is worth a spill.
const spillFrom = 4096

// haveSpill lets C go on where the notes are full.
func (t *Table) haveSpill() {
	spill := alloc(spillSize)
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(&t.head.Spill)), spill)
}

// takeAdded stores what C has added by now, so many at most. What that displaces
// cannot be handed out at once, because any method may be at it: the next Add or
// Evict does.
//
// So a table is above its capacity for some adds. What is then evicted is what
// would have been, had each add evicted for itself: whenever that is done, those
// with the earliest expiry go, and never the one added last.
func (t *Table) takeAdded(most uint32) {
	ring := &t.head.Added
	withdrawn := atomic.LoadUint32(&ring.Withdrawn)
	tail := atomic.LoadUint32(&ring.Tail)
	n := ring.Head
	end := n + min(tail-n, most)
	// From here on C does not begin to take these out itself: either it sees this, or
	// we see that it does.
	atomic.StoreUint32(&ring.Taking, end)
	asNoted := atomic.LoadUint32(&ring.Withdrawn) == t.withdrawn && atomic.LoadUint32(&ring.Spilled) == 0
	// C has looked for each key in the table and among these notes. So one can be
	// there only if it came since the notes before were taken, by a call.
	called := t.called
	for n != end {
		chunk := min(end-n, fetchMost)
		t.fetchAdded(chunk)
		for last := n + chunk; n != last; n++ {
			if asNoted {
				a := &t.head.Notes.Added[n%AddedRoom]
				t.takeNoted(a, a.Object, called)
			} else {
				a := t.addedAt(n)
				t.takeNoted(a, Object(atomic.SwapUint64((*uint64)(&a.Object), 0)), called)
			}
		}
	}
	if end == tail {
		t.withdrawn = withdrawn // all of these are over
	}
	t.called = called && end != tail
	t.late = t.late || t.head.Capacity > 0 && uint64(t.head.Used) > t.head.Capacity
	// From here on C overwrites the notes, and finds the sessions in the table.
	publish32(&ring.Head, end)
	if t.head.Spill == nil && t.head.Used >= spillFrom {
		t.haveSpill()
	}
}

func (t *Table) addedAt(number uint32) *Noted {
	place := t.head.Added.place(number, AddedRoom)
	if place < AddedRoom {
		return &t.head.Notes.Added[place]
	}
	return &t.head.Spill.Added[place-AddedRoom]
}

func (t *Table) takeNoted(a *Noted, object Object, maybeTwice bool) {
	if object&Withdrawn != 0 {
		t.tally.noted()
		t.tally.retired(object&WithdrawnExpired != 0, true)
		return
	}
	hash := a.Key.hash(&t.seeds)
	if maybeTwice {
		if i := t.find(&a.Key, hash); i != none {
			t.takeTwice(i, a, object)
			return
		}
	}
	if !t.prepare() {
		t.tally.notedInVain()
		t.owe(a.Ref)
		return
	}
	t.store(&a.Key, hash, a.Ref, object, a.Expiry, t.stampOfAdded(a.Key))
	t.tally.noted()
}

// stampOfAdded is that of a session which C has added: no other process has it,
// for those that are shared come by Add.
func (t *Table) stampOfAdded(k Key) uint32 {
	if t.head.Space == nil {
		return 0
	}
	return t.stamps.Stamp(k) | alone
}

// takeTwice stores what C has added under the key of entry i.
func (t *Table) takeTwice(i uint32, a *Noted, object Object) {
	e := t.entries.at(i)
	if t.order.prepare(i) {
		t.order.move(i, a.Expiry)
	}
	if e.Object == object {
		t.tally.notedInVain()
		t.owe(a.Ref)
		return
	}
	t.owe(t.replace(e, a.Ref, object))
	publish32(&e.Stamp, t.stampOfAdded(a.Key))
	t.tally.notedTwice()
}

// owe keeps a reference that was displaced until an Add or Evict hands it out. C
// sees how many there are, and sees to it before it gives up the table.
func (t *Table) owe(displaced Ref) {
	t.owed = append(t.owed, displaced)
	publish32(&t.head.Owed, uint32(len(t.owed)))
}

// handOut returns a reference that takeAdded has displaced, and whether there
// are more.
func (t *Table) handOut() (displaced Ref, more bool) {
	last := len(t.owed) - 1
	if last < 0 {
		return 0, false
	}
	displaced = t.owed[last]
	t.owed = t.owed[:last]
	publish32(&t.head.Owed, uint32(last))
	return displaced, last > 0
}
