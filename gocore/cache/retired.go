package cache

import (
	"math/bits"
	"sync/atomic"
)

// enter takes the lock, and does what C has noted by then: who removes or adds a
// session and then asks the table finds it gone or there.
func (t *Table) enter() {
	t.mu.Lock()
	// Many there are when a thread stood still with the lock: not all at once under it.
	for n := t.notes(); n > manyNotes && t.notes() > manyNotes; n -= some {
		t.takeSome()
		t.mu.Unlock()
		t.mu.giveWay()
		t.mu.Lock()
	}
	if t.closed {
		return
	}
	if t.retired() > 0 {
		t.takeRetired(Lanes * (RetiredRoom + SpillRoom))
	}
	if t.added() > 0 {
		t.takeAdded(AddedRoom + SpillRoom)
	}
}

// notes is how many there are of all kinds.
func (t *Table) notes() uint32 {
	if t.closed {
		return 0
	}
	return t.retired() + t.added()
}

// retired and added are how many notes there are.
func (t *Table) retired() (n uint32) {
	for lanes := atomic.LoadUint32(&t.head.Retiring); lanes != 0; lanes &= lanes - 1 {
		n += t.head.Retired[bits.TrailingZeros32(lanes)%Lanes].pending()
	}
	return n
}

func (t *Table) added() uint32 {
	return t.head.Added.pending()
}

// some is how many notes of a kind are taken under the lock at a time where nobody
// waits for all of them; manyNotes are more than are taken at a time otherwise.
const (
	some      = 16
	manyNotes = 256
)

// Settle does what C has noted, some of it at a time, so that others need not
// wait for all of it. What comes meanwhile it leaves to them, and all of it if
// another thread is at the table: that will do it, or who finds no room for a
// note. It tells whether Evict has something to hand out.
func (t *Table) Settle() (displaces bool) {
	more := true
	for n := 0; more && n < max(AddedRoom, Lanes*RetiredRoom); n += some {
		if n > 0 {
			t.mu.giveWay()
		}
		more, displaces = t.settleSome()
	}
	return displaces
}

// settleSome tells too whether more is left than who enters next can do.
func (t *Table) settleSome() (more, displaces bool) {
	if !t.mu.TryLock() {
		return false, false
	}
	defer t.mu.Unlock()
	if t.closed {
		return false, false
	}
	t.takeSome()
	return t.retired() >= some || t.added() >= some, t.late || len(t.owed) > 0
}

func (t *Table) takeSome() {
	if t.retired() > 0 {
		t.takeRetired(some)
	}
	if t.added() > 0 {
		t.takeAdded(some)
	}
}

// takeRetired takes out what C has retired by now, so many at most. Each time it
// begins with another lane.
func (t *Table) takeRetired(most uint32) {
	lanes := atomic.LoadUint32(&t.head.Retiring)
	for range Lanes {
		t.lane = (t.lane + 1) % Lanes
		if lanes>>t.lane&1 != 0 {
			most -= t.takeRetiredOf(t.lane, most)
		}
	}
}

func (t *Table) takeRetiredOf(lane, most uint32) uint32 {
	ring := &t.head.Retired[lane]
	n := ring.Head
	taken := min(ring.pending(), most)
	if taken == 0 {
		return 0
	}
	usual := atomic.LoadUint32(&ring.Spilled) == 0
	for end := n + taken; n != end; {
		chunk := min(end-n, fetchMost)
		if usual {
			t.fetchRetired(&t.head.Notes.Retired[lane], n, n+chunk)
		}
		for last := n + chunk; n != last; n++ {
			r := &t.head.Notes.Retired[lane][n%RetiredRoom]
			if !usual {
				r = t.retiredAt(lane, n)
			}
			t.takeOneRetired(r)
		}
	}
	publish32(&ring.Head, n)
	return taken
}

func (t *Table) retiredAt(lane, number uint32) *Retired {
	place := t.head.Retired[lane].place(number, RetiredRoom)
	if place < RetiredRoom {
		return &t.head.Notes.Retired[lane][place]
	}
	return &t.head.Spill.Retired[lane][place-RetiredRoom]
}

func (t *Table) takeOneRetired(r *Retired) {
	e := t.entries.at(r.Number)
	// Another thread may have been handed the reference in the meantime.
	stored := e.stored() != 0 && e.Ref == r.Ref
	t.tally.retired(r.Expired != 0, stored)
	if stored {
		t.take(r.Number, e.Key.hash(&t.seeds))
	}
}
