package cache

import "sync/atomic"

// enter takes the lock, and does what C has noted by then: who removes or adds a
// session and then asks the table finds it gone or there.
func (t *Table) enter() {
	t.mu.Lock()
	if t.closed {
		return
	}
	if atomic.LoadUint32(&t.head.RetiredTail) != t.head.RetiredHead {
		t.takeRetired()
	}
	if atomic.LoadUint32(&t.head.AddedTail) != t.head.AddedHead {
		t.takeAdded()
	}
}

func (t *Table) takeRetired() {
	tail := atomic.LoadUint32(&t.head.RetiredTail)
	for n := t.head.RetiredHead; n != tail; n++ {
		r := &t.head.Retired[n%RetiredRoom]
		e := t.entries.at(r.Number)
		// Another thread may have been handed the reference in the meantime.
		stored := e.Sequence != 0 && e.Ref == r.Ref
		t.tally.retired(r.Expired != 0, stored)
		if stored {
			t.take(r.Number, e.Key.hash(&t.seeds))
		}
	}
	atomic.StoreUint32(&t.head.RetiredHead, tail)
}
