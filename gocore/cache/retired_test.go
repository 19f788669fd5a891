package cache

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// retire does what a thread of C does, in one of the lanes, when it takes a session
// out of service; it is false if there is no room for the note.
func retire(table *Table, number uint32, ref Ref, expired bool) bool {
	return retireIn(table, uint32(ref)%Lanes, number, ref, expired)
}

func retireIn(table *Table, lane, number uint32, ref Ref, expired bool) bool {
	var sequence uint64
	if e := table.entries.at(number); e.Ref == ref {
		sequence = e.Sequence
	}
	return retireFound(table, lane, number, sequence, ref, expired)
}

// retireFound is retireIn for what was found in an entry when that had a sequence.
func retireFound(table *Table, lane, number uint32, sequence uint64, ref Ref, expired bool) bool {
	h := table.head
	if h.Notes == nil {
		table.haveNotes()
	}
	ring := &h.Retired[lane]
	if !makeRoom(h, ring, RetiredRoom) {
		return false
	}
	sum := &table.tally.sum.Removed
	note := Retired{Ref: ref, Number: number}
	if expired {
		sum = &table.tally.sum.Expired
		note.Expired = 1
	}
	*table.retiredAt(lane, ring.Tail) = note
	atomic.AddUint64(sum, 1)
	atomic.AddUint64(&table.tally.sum.Entries, ^uint64(0))
	atomic.OrUint32(&h.Retiring, 1<<lane)
	atomic.AddUint32(&ring.Tail, 1)
	if sequence != 0 {
		atomic.CompareAndSwapUint64(&table.entries.at(number).Sequence, sequence, sequence|Gone)
	}
	return true
}

func numberOf(table *Table, k Key) uint32 {
	return table.find(&k, k.hash(&table.seeds))
}

// oneOfTwoRetired makes a table with sessions 1 and 2, of which the first is retired.
func oneOfTwoRetired(t *testing.T, totals *Counters) *Table {
	t.Helper()
	table := newTable(t, Options{Totals: totals})
	put(t, table, 1, 5)
	put(t, table, 2, 5)
	require.True(t, retire(table, numberOf(table, numbered(1)), 1, false))
	return table
}

// Whatever is asked of a table next, what was retired is gone.
func TestTable_Retired(t *testing.T) {
	for name, ask := range map[string]func(table *Table) bool{
		"Lookup":   func(table *Table) bool { _, v := table.Lookup(numbered(1), 0); return v == Miss },
		"Contains": func(table *Table) bool { return !table.Contains(numbered(1)) },
		"Remove":   func(table *Table) bool { _, ok := table.Remove(numbered(1), 0, 0); return !ok },
		"Touch":    func(table *Table) bool { return !table.Touch(numbered(1), 1, 5) },
		"Len":      func(table *Table) bool { return table.Len() == 1 },
		"Revoke":   func(table *Table) bool { return !table.Revoke(numbered(1), 1) },
		"Alone":    func(table *Table) bool { table.SetAlone(numbered(1), true); return !table.Alone(numbered(1)) },
		"Snapshot": func(table *Table) bool { return len(drain(table.Snapshot(), 4)) == 1 },
		"Flush":    func(table *Table) bool { return len(drain(table.Flush(0, true, 0), 4)) == 1 },
		"Counters": func(table *Table) bool { return table.Counters().Removed == 1 },
		"Add": func(table *Table) bool {
			r, _, _, _ := table.Add(numbered(1), 7, 1, 5, nil)
			return r == Added
		},
		"Evict": func(table *Table) bool {
			table.SetCapacity(1)
			_, n, more := table.Evict(make([]Ref, 4))
			return n == 0 && !more
		},
	} {
		t.Run(name, func(t *testing.T) {
			var totals Counters
			table := oneOfTwoRetired(t, &totals)
			require.True(t, ask(table))
			checkTable(t, table)
			checkCounters(t, table.Counters())
			require.Equal(t, uint64(1), totals.Removed)
			require.Equal(t, table.Counters().Entries, totals.Entries)
		})
	}
}

// A session that was handed out in the meantime counts as what took it.
func TestTable_Retired_TooLate(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	for n := uint32(1); n <= 3; n++ {
		put(t, table, n, 5)
	}
	first, second := numberOf(table, numbered(1)), numberOf(table, numbered(2))
	_, ok := table.Remove(numbered(1), 0, 0)
	require.True(t, ok)
	put(t, table, 4, 5)
	require.Equal(t, first, numberOf(table, numbered(4)), "the entry is another's by now")
	_, replaced, _, _ := table.Add(numbered(2), 12, 12, 5, nil)
	require.Equal(t, Ref(2), replaced)
	_, ok = table.Remove(numbered(3), 0, 6)
	require.True(t, ok)

	require.True(t, retire(table, first, 1, false))
	require.True(t, retire(table, second, 2, true))
	require.True(t, retire(table, 3, 3, true))
	want := Counters{Adds: 5, Replaced: 1, Removed: 1, Expired: 1, Entries: 2}
	require.Equal(t, want, table.Counters())
	require.Equal(t, want, totals)
	require.True(t, table.Contains(numbered(4)))
	require.True(t, table.Contains(numbered(2)))
	checkTable(t, table)
}

// C adds a session again before the table knows that it was removed: one of that very
// object, too. Whatever is done next and in whichever order the notes are taken, there is
// one session with its key.
func TestTable_Retired_AddedAgain(t *testing.T) {
	for name, act := range map[string]func(table *Table){
		"nothing": func(*Table) {},
		"all":     func(table *Table) { table.Len() },
		"retired": func(table *Table) { table.takeRetired(1) },
		"added":   func(table *Table) { table.takeAdded(1) },
		"a call came between": func(table *Table) {
			table.called = true
			table.takeAdded(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var totals Counters
			table := oneOfTwoRetired(t, &totals)
			require.Zero(t, numberOf(table, numbered(1)), "it is not found any more")
			require.True(t, note(table, 1, 1, 7, 9))
			act(table)
			ref, verdict := table.Lookup(numbered(1), 6)
			require.Equal(t, Hit, verdict)
			require.Equal(t, Ref(7), ref)
			require.Equal(t, uint64(2), table.Len())
			require.Zero(t, table.head.Owed)
			checkTable(t, table)
			want := Counters{Adds: 3, Removed: 1, Entries: 2, Lookups: 1, Hits: 1}
			require.Equal(t, want, table.Counters())
			require.Equal(t, want, totals)
		})
	}
}

// A walk gives a session that was retired before it as one that was stored before it.
func TestTable_Retired_Walk(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		table := newTable(t, Options{})
		for n := uint32(1); n <= 4; n++ {
			put(t, table, n, int64(5-n))
		}
		c := table.Flush(9, false, 9)
		c.ordered = ordered
		want := []Ref{1, 2, 3, 4}
		if ordered {
			want = []Ref{4, 3, 2, 1}
		}
		put(t, table, 5, 5)
		require.True(t, retire(table, numberOf(table, numbered(2)), 2, false))
		require.Equal(t, want, drain(c, 3))
		require.Equal(t, uint64(1), table.Len())
		checkTable(t, table)
	}
}

// The rings of notes go round, and are full at times.
func TestTable_Retired_Many(t *testing.T) {
	for name, lanes := range map[string]uint32{"one lane": 1, "all lanes": Lanes} {
		t.Run(name, func(t *testing.T) { retireMany(t, lanes) })
	}
}

func retireMany(t *testing.T, lanes uint32) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	for lane := range lanes {
		table.head.Retired[lane].Tail = 1<<32 - 100
		table.head.Retired[lane].Head = table.head.Retired[lane].Tail
	}
	var noted, full uint64
	room := lanes * RetiredRoom
	more := room + 24 // than there is room for
	for n := uint32(1); n <= 10*2*more; n++ {
		put(t, table, n, 5)
		for range n % 40 {
			put(t, table, n+10_000, 5)
			i := numberOf(table, numbered(n+10_000))
			if retireIn(table, n%lanes, i, Ref(n+10_000), n%2 == 0) {
				noted++
			}
			table.Len()
		}
		if n%(2*more) != 0 {
			continue
		}
		for i := n - more; i < n; i++ {
			if retireIn(table, i%lanes, numberOf(table, numbered(i)), Ref(i), false) {
				noted++
			} else {
				full++
			}
		}
	}
	require.Equal(t, uint64(10*(more-room)), full)
	c := table.Counters()
	require.Equal(t, noted, c.Removed+c.Expired)
	require.Equal(t, c, totals)
	checkCounters(t, c)
	checkTable(t, table)
}

// Threads of C retire while others use the table.
func TestTable_Retired_Concurrent(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Capacity: 500, Totals: &totals})
	type stored struct {
		number   uint32
		sequence uint64
		ref      Ref
	}
	var mu sync.Mutex // of last and of the ring's end
	var last []stored
	var running sync.WaitGroup
	for worker := range uint32(3) {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			var buf [8]Ref
			for n := range uint32(5000) {
				k := numbered(uint32(r.IntN(900)))
				ref := Ref(worker*5000 + n + 1)
				table.Add(k, ref, Object(ref), int64(r.IntN(100)), buf[:])
				table.mu.Lock()
				number := numberOf(table, k)
				sequence := table.entries.at(number).stored()
				table.mu.Unlock()
				mu.Lock()
				if last = append(last, stored{number, sequence, ref}); len(last) > 20 {
					gone := last[0]
					last = last[1:]
					if gone.number != none {
						retireFound(table, uint32(gone.ref)%Lanes, gone.number, gone.sequence, gone.ref, n%2 == 0)
					}
				}
				mu.Unlock()
				if n%50 == 0 {
					drain(table.Flush(int64(r.IntN(5)), false, 0), 8)
				}
			}
		})
	}
	running.Wait()
	c := table.Counters()
	checkCounters(t, c)
	require.Equal(t, c, totals)
	require.NotZero(t, c.Removed)
	require.NotZero(t, c.Expired)
	checkTable(t, table)
}
