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
	t.fetchRetired(tail)
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

// worthFetching is the number of sessions from which on their entries and places
// are mostly out of the nearer caches of the processor.
const worthFetching = 4096

// fetchRetired has what takes out the retired come from memory: that of all of
// them at once, where they would wait for one thing after the other.
func (t *Table) fetchRetired(tail uint32) {
	if t.head.Used < worthFetching {
		return
	}
	fetched := t.fetched
	for n := t.head.RetiredHead; n != tail; n++ {
		fetched ^= t.order.places.at(t.head.Retired[n%RetiredRoom].Number).bucket
	}
	for n := t.head.RetiredHead; n != tail; n++ {
		fetched ^= t.order.fetch(t.head.Retired[n%RetiredRoom].Number)
	}
	t.fetched = fetched
}
