package cache

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// While a thread stands still with the lock, C goes on: where the usual room is full,
// in the spill, until that is full too.
func TestTable_Spill(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	for n := uint32(1); n <= spillFrom; n++ {
		put(t, table, n, 5)
	}
	require.True(t, note(table, spillFrom+1, 1, spillFrom+1, 5))
	require.Equal(t, uint64(spillFrom+1), table.Len())
	require.NotNil(t, table.head.Spill, "the table is large by now")

	for round := range uint32(3) {
		first := 10_000 * (round + 1)
		table.mu.Lock()
		var added, retired uint32
		for note(table, first+added, Object(first+added), Ref(first+added), 5) {
			added++
		}
		for n := round * 1000; n < (round+1)*1000; n++ {
			if retireIn(table, 3, numberOf(table, numbered(n+1)), Ref(n+1), false) {
				retired++
			}
		}
		withdrawn := withdraw(table, table.head.Added.Head+AddedRoom+100, Object(first+AddedRoom+100), false)
		table.mu.Unlock()
		require.Equal(t, uint32(AddedRoom+SpillRoom), added)
		require.Equal(t, uint32(1000), retired)
		require.True(t, withdrawn)

		before := totals.Entries
		require.Equal(t, before, table.Len())
		require.Zero(t, table.notes())
		require.False(t, table.Contains(numbered(round*1000+1)))
		require.False(t, table.Contains(numbered(first+AddedRoom+100)))
		for n := range uint32(AddedRoom + SpillRoom) {
			ref, v := table.Lookup(numbered(first+n), 0)
			if n != AddedRoom+100 {
				require.Equal(t, Hit, v, n)
				require.Equal(t, Ref(first+n), ref)
			}
		}
		// Now that all are taken the usual room is used again.
		require.True(t, note(table, 5_000_000+round, 1, Ref(5_000_000+round), 5))
		require.Zero(t, table.head.Added.Spilled)
		require.Equal(t, before+1, table.Len())
	}
	require.Equal(t, table.Counters(), totals)
	checkTable(t, table)
}

// What many notes need is not done all at once under the lock: who waits for it gets
// it while there is much left to be done.
func TestTable_Spill_GivesWay(t *testing.T) {
	table := newTable(t, Options{})
	table.haveNotes()
	table.haveSpill()
	stop := make(chan struct{})
	var between atomic.Int32 // how often it was there in the middle of it
	var running sync.WaitGroup
	running.Go(func() {
		table.mu.waiting.Add(1)
		defer table.mu.waiting.Add(-1)
		for {
			select {
			case <-stop:
				return
			default:
			}
			table.mu.Lock()
			if n := table.notes(); n > manyNotes && n < SpillRoom/2 {
				between.Add(1)
			}
			table.mu.Unlock()
		}
	})
	// The machine may not run the other one for a round.
	for round := uint32(0); between.Load() == 0 && round < 100; round++ {
		table.mu.Lock()
		for n := round * 10_000; note(table, n+1, 1, Ref(n+1), 5); n++ {
		}
		table.mu.Unlock()
		table.Len()
		require.Zero(t, table.notes())
	}
	close(stop)
	running.Wait()
	require.NotZero(t, between.Load())
}

// A session that C takes out of the notes is never stored, and counted as others are.
func TestTable_Withdrawn(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Totals: &totals})
	put(t, table, 1, 5)
	for n := uint32(2); n <= 5; n++ {
		require.True(t, note(table, n, Object(n), Ref(n), 5))
	}
	first := table.head.Added.Head
	require.True(t, withdraw(table, first, 2, false))
	require.False(t, withdraw(table, first, 2, false), "it has been withdrawn")
	require.True(t, withdraw(table, first+2, 4, true))
	require.False(t, withdraw(table, first+1, 4, true), "another object")
	require.True(t, note(table, 2, 12, 12, 5), "its key is noted again")

	require.Equal(t, uint64(4), table.Len())
	require.False(t, withdraw(table, first+1, 3, false), "it is in the table")
	want := Counters{Adds: 6, Removed: 1, Expired: 1, Entries: 4}
	require.Equal(t, want, table.Counters())
	require.Equal(t, want, totals)
	require.False(t, table.Contains(numbered(4)))
	ref, ok := table.Remove(numbered(2), 12, 0)
	require.True(t, ok)
	require.Equal(t, Ref(12), ref)
	evicted, displaced := settle(table)
	require.Empty(t, evicted)
	require.Empty(t, displaced, "nobody is handed what was withdrawn")
	checkTable(t, table)
}
