package cache

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// note does what C does when it adds a session without a call; it is false if
// there is no room. Whether the key is stored already C has to look first.
func note(table *Table, n uint32, object Object, ref Ref, expiry int64) bool {
	h := table.head
	if h.Notes == nil {
		table.haveNotes()
	}
	if !makeRoom(h, &h.Added, AddedRoom) {
		return false
	}
	*table.addedAt(h.Added.Tail) = Noted{Key: numbered(n), Ref: ref, Object: object, Expiry: expiry}
	atomic.AddUint64(&table.tally.sum.Adds, 1)
	atomic.AddUint64(&table.tally.sum.Entries, 1)
	atomic.AddUint32(&h.Added.Tail, 1)
	return true
}

// makeRoom gives the next note of a ring a place, as have_room of cshim/notes.c does.
func makeRoom(h *Head, r *Ring, usual uint32) bool {
	pending := r.Tail - atomic.LoadUint32(&r.Head)
	if pending == 0 {
		atomic.StoreUint32(&r.Spilled, 0)
	}
	if r.Spilled == 0 && pending < usual {
		return true
	}
	if h.Spill == nil || r.Spilled == SpillRoom {
		return false
	}
	if r.Spilled == 0 {
		atomic.StoreUint32(&r.SpillFrom, r.Tail)
	}
	atomic.AddUint32(&r.Spilled, 1)
	return true
}

// withdraw does what C does to take out a session that it has noted as number n of
// all; it is false if the table was faster.
func withdraw(table *Table, n uint32, object Object, expired bool) bool {
	gone, sum := object|Withdrawn, &table.tally.sum.Removed
	if expired {
		gone, sum = gone|WithdrawnExpired, &table.tally.sum.Expired
	}
	h := table.head
	atomic.AddUint32(&h.Added.Withdrawn, 1)
	taking := atomic.LoadUint32(&h.Added.Taking)
	if n-taking >= h.Added.Tail-taking ||
		!atomic.CompareAndSwapUint64((*uint64)(&table.addedAt(n).Object), uint64(object), uint64(gone)) {
		return false
	}
	atomic.AddUint64(sum, 1)
	atomic.AddUint64(&table.tally.sum.Entries, ^uint64(0))
	return true
}

// settle is what C does now and then: it takes out what is above the capacity.
func settle(table *Table) (evicted, displaced []Ref) {
	buf := make([]Ref, some+4)
	table.Len()
	for {
		replaced, n, more := table.Evict(buf)
		evicted = append(evicted, buf[:n]...)
		if replaced != 0 {
			displaced = append(displaced, replaced)
		}
		if !more {
			return evicted, displaced
		}
	}
}

// Whatever is asked of a table next, what was added is there.
func TestTable_Added(t *testing.T) {
	for name, ask := range map[string]func(table *Table) bool{
		"Lookup":   func(table *Table) bool { ref, v := table.Lookup(numbered(1), 5); return v == Hit && ref == 1 },
		"Contains": func(table *Table) bool { return table.Contains(numbered(1)) },
		"Remove":   func(table *Table) bool { ref, ok := table.Remove(numbered(1), 1, 0); return ok && ref == 1 },
		"Touch":    func(table *Table) bool { return table.Touch(numbered(1), 1, 5) },
		"Len":      func(table *Table) bool { return table.Len() == 2 },
		"Revoke":   func(table *Table) bool { return table.Revoke(numbered(1), 1) },
		"Alone":    func(table *Table) bool { table.SetAlone(numbered(1), true); return table.Alone(numbered(1)) },
		"Snapshot": func(table *Table) bool { return len(drain(table.Snapshot(), 4)) == 2 },
		"Flush":    func(table *Table) bool { return len(drain(table.Flush(0, true, 0), 4)) == 2 },
		"Counters": func(table *Table) bool { c := table.Counters(); return c.Adds == 2 && c.Entries == 2 },
		"Evict":    func(table *Table) bool { settle(table); return table.Contains(numbered(1)) },
		"Add, of the same": func(table *Table) bool {
			r, _, _, _ := table.Add(numbered(1), 7, 1, 5, nil)
			return r == Same
		},
		"Add, of another": func(table *Table) bool {
			r, replaced, _, _ := table.Add(numbered(1), 7, 7, 5, nil)
			return r == Replaced && replaced == 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			var totals Counters
			table := newTable(t, Options{Totals: &totals})
			require.True(t, note(table, 1, 1, 1, 5))
			require.True(t, note(table, 2, 2, 2, 5))
			require.True(t, ask(table))
			checkTable(t, table)
			checkCounters(t, table.Counters())
			require.Equal(t, table.Counters(), totals)
		})
	}
}

// What C tells the table at once is what it would have told it one by one: the
// same sessions are evicted in the same order, those of the notes too.
func TestTable_Added_ThenEvicted(t *testing.T) {
	const capacity = 50
	r := rand.New(rand.NewPCG(1, 2))
	noted := newTable(t, Options{Capacity: capacity})
	called := newTable(t, Options{Capacity: capacity})
	var fromNoted, fromCalled []Ref
	buf := make([]Ref, 4)
	for n := uint32(1); n <= 3000; n++ {
		expiry := int64(r.IntN(60))
		require.True(t, note(noted, n, Object(n), Ref(n), expiry))
		_, _, evicted, _ := called.Add(numbered(n), Ref(n), Object(n), expiry, buf)
		fromCalled = append(fromCalled, buf[:evicted]...)
		switch {
		case r.IntN(20) == 0:
			// An operation in between takes the notes, and evicts nothing.
			noted.Len()
		case r.IntN(15) == 0 || noted.added() == AddedRoom:
			evicted, displaced := settle(noted)
			require.Empty(t, displaced)
			fromNoted = append(fromNoted, evicted...)
			require.ElementsMatch(t, fromCalled, fromNoted)
			require.LessOrEqual(t, noted.Len(), uint64(capacity))
			require.Equal(t, called.order.orderedRefs(called), noted.order.orderedRefs(noted))
		}
	}
	require.Greater(t, len(fromNoted), 1000)
	checkTable(t, noted)
	checkCounters(t, noted.Counters())
}

// orderedRefs are the references of all sessions in the order of eviction.
func (o *order) orderedRefs(table *Table) (refs []Ref) {
	for _, i := range orderedEntries(o) {
		refs = append(refs, table.entries.at(i).Ref)
	}
	return refs
}

// An Add evicts for the notes before it as well.
func TestTable_Added_ThenAdd(t *testing.T) {
	table := newTable(t, Options{Capacity: 3})
	for n := uint32(1); n <= 5; n++ {
		require.True(t, note(table, n, Object(n), Ref(n), 5))
	}
	require.Equal(t, []Ref{1, 2, 3}, put(t, table, 6, 5))
	require.Equal(t, uint64(3), table.Len())
	// Without an add nothing is evicted, whatever the capacity.
	table.SetCapacity(1)
	evicted, _ := settle(table)
	require.Empty(t, evicted)
	// Nor if what was noted had room at the time.
	roomy := newTable(t, Options{Capacity: 3})
	require.True(t, note(roomy, 1, 1, 1, 5))
	require.True(t, note(roomy, 2, 2, 2, 5))
	roomy.SetCapacity(1)
	evicted, _ = settle(roomy)
	require.Empty(t, evicted)
	// The one that was added last is spared, though it expires first.
	require.True(t, note(table, 7, 7, 7, 1))
	evicted, _ = settle(table)
	require.Equal(t, []Ref{4, 5, 6}, evicted)
}

// Another thread adds a key that C has found missing, and is about to note.
func TestTable_Added_Twice(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	put(t, table, 1, 5)
	put(t, table, 2, 5)
	require.True(t, note(table, 1, 1, 101, 7))   // the same object
	require.True(t, note(table, 2, 102, 102, 3)) // another one
	require.True(t, note(table, 3, 103, 103, 4)) // a key that is new
	_, v := table.Lookup(numbered(1), 6)
	require.Equal(t, Hit, v)
	require.Equal(t, int64(3), table.order.expiry(numberOf(table, numbered(2))))
	require.Equal(t, uint32(2), table.head.Owed, "C has to see them")

	result, replaced, _, more := table.Add(numbered(4), 4, 4, 5, nil)
	require.Equal(t, Added, result)
	require.True(t, more, "there are two to be handed out")
	_, rest := settle(table)
	require.ElementsMatch(t, []Ref{101, 2}, append(rest, replaced))
	require.Zero(t, table.head.Owed)
	want := Counters{Lookups: 1, Hits: 1, Adds: 5, Replaced: 1, Entries: 4}
	require.Equal(t, want, table.Counters())
	require.Equal(t, want, totals)
	checkTable(t, table)

	// Once the notes were taken, C sees what is stored.
	require.True(t, note(table, 5, 5, 5, 5))
	_, displaced := settle(table)
	require.Empty(t, displaced)
}

// What finds no memory is handed out again.
func TestTable_Added_Short(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	table.haveNotes()
	restore := failAllocations(func(int) bool { return true })
	var stored, displaced int
	for n := uint32(1); n <= 2000; n++ {
		require.True(t, note(table, n, Object(n), Ref(n), int64(n)))
		if n%AddedRoom == 0 {
			_, d := settle(table)
			displaced += len(d)
		}
	}
	restore()
	_, d := settle(table)
	displaced += len(d)
	stored = int(table.Len())
	require.Equal(t, 2000, stored+displaced)
	require.NotZero(t, displaced)
	require.Equal(t, table.Counters(), totals)
	checkTable(t, table)
}

// No other process has what C has added, also if sessions are shared by then.
func TestTable_Added_Alone(t *testing.T) {
	stamps := &fixedStamps{stamp: 9}
	table := newTable(t, Options{Stamps: stamps})
	var word uint32
	table.ShareStamps(StampMemory{Space: &word, Stamps: &word})
	require.True(t, note(table, 1, 1, 1, 5))
	require.True(t, table.Alone(numbered(1)))
	_, v := table.Lookup(numbered(1), 0)
	require.Equal(t, Hit, v)
}

// fixedStamps gives all keys one stamp.
type fixedStamps struct{ stamp uint32 }

func (s *fixedStamps) Stamp(Key) uint32 { return s.stamp }

// Notes are taken while they are written, and the ring goes round.
func TestTable_Added_Concurrent(t *testing.T) {
	const each = 20_000
	var totals Counters
	table := newTable(t, Options{Capacity: 400, Totals: &totals})
	table.haveNotes()
	table.haveSpill()
	table.head.Added.Tail = 1<<32 - 100
	table.head.Added.Head, table.head.Added.Taking = table.head.Added.Tail, table.head.Added.Tail
	var mu sync.Mutex // of the ring's end, and of handed
	handed := map[Ref]int{}
	hand := func(refs []Ref) {
		mu.Lock()
		defer mu.Unlock()
		for _, ref := range refs {
			handed[ref]++
		}
	}
	var running sync.WaitGroup
	for worker := range uint32(3) {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			buf := make([]Ref, 8)
			for i := range uint32(each) {
				ref := Ref(worker*each + i + 1)
				n, expiry := uint32(r.IntN(800)), int64(r.IntN(100))
				k := numbered(n)
				mu.Lock()
				// As C does: not if it is there, or among the notes.
				noted := !table.contains(k) && note(table, n, Object(ref), ref, expiry)
				gone := noted && i%5 == 0 && withdraw(table, table.head.Added.Tail-1, Object(ref), i%2 == 0)
				mu.Unlock()
				if gone {
					hand([]Ref{ref})
				}
				if !noted {
					result, replaced, evicted, more := table.Add(k, ref, Object(ref), expiry, buf)
					require.NotEqual(t, Failed, result)
					hand(append(buf[:evicted:evicted], replaced))
					if !more {
						continue
					}
				}
				if i%16 == 0 || !noted {
					evicted, displaced := settle(table)
					hand(append(evicted, displaced...))
				}
				if i%500 == 0 {
					hand(drain(table.Flush(int64(r.IntN(3)), false, 0), 8))
				}
			}
		})
	}
	running.Wait()
	evicted, displaced := settle(table)
	hand(append(evicted, displaced...))
	require.LessOrEqual(t, table.Len(), uint64(400))
	hand(drain(table.Flush(0, true, 0), 8))
	delete(handed, 0)
	require.Len(t, handed, 3*each, "a reference was lost")
	for ref, times := range handed {
		require.Equal(t, 1, times, "reference %d", ref)
	}
	c := table.Counters()
	checkCounters(t, c)
	require.Equal(t, c, totals)
	checkTable(t, table)
}

// Settle takes some at a time. That a call has stored the key of a note holds for
// the later ones too.
func TestTable_Settle(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	put(t, table, 1, 5)
	for n := uint32(2); n <= 2*some; n++ {
		require.True(t, note(table, n, Object(n), Ref(n), 5))
	}
	require.True(t, note(table, 1, 1000, 1000, 5))
	require.True(t, retire(table, numberOf(table, numbered(1)), 1, false))
	more, _ := table.settleSome()
	require.True(t, more)
	require.Equal(t, uint32(some), table.added())
	require.Zero(t, table.retired())
	require.False(t, table.Settle(), "the one that it would displace was retired")
	require.Less(t, table.added(), uint32(some))

	put(t, table, 500, 5)
	for n := uint32(501); n < 500+2*some; n++ {
		require.True(t, note(table, n, Object(n), Ref(n), 5))
	}
	require.True(t, note(table, 500, 1000, 1001, 5))
	require.True(t, table.Settle(), "one is displaced")
	evicted, displaced := settle(table)
	require.Empty(t, evicted)
	require.Equal(t, []Ref{500}, displaced)
	require.Equal(t, uint64(4*some), table.Len())
	require.Equal(t, table.Counters(), totals)
	checkTable(t, table)
}

// contains is what C finds by itself: the table, or a note.
func (t *Table) contains(k Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := t.head.Added.Head; n != atomic.LoadUint32(&t.head.Added.Tail); n++ {
		a := t.addedAt(n)
		if object := atomic.LoadUint64((*uint64)(&a.Object)); a.Key == k && Object(object)&Withdrawn == 0 {
			return true
		}
	}
	return t.find(&k, k.hash(&t.seeds)) != none
}

// What C has added is taken in 64 at a time, and retired again by all lanes.
func BenchmarkTable_Noted(b *testing.B) {
	table := newTable(b, Options{})
	for n := range uint32(20_000) {
		table.Add(numbered(n), Ref(n+1), Object(n+1), 5, nil)
	}
	keys := make([]Key, AddedRoom)
	for i := range keys {
		keys[i] = numbered(uint32(100_000 + i))
	}
	for b.Loop() {
		for i := range keys {
			note(table, uint32(100_000+i), 1, Ref(100_000+i), 5)
			if i%(AddedRoom/2) == AddedRoom/2-1 {
				table.Evict(nil)
			}
		}
		for i := range keys {
			retire(table, table.find(&keys[i], keys[i].hash(&table.seeds)), Ref(100_000+i), false)
		}
		table.Evict(nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/AddedRoom, "ns/session")
}
