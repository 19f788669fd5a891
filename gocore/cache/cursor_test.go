package cache

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// drain takes all that a cursor gives, with a buffer of so many.
func drain(c *Cursor, room int) []Ref {
	var all []Ref
	buf := make([]Ref, room)
	for {
		n := c.Next(buf)
		if n == 0 {
			return all
		}
		all = append(all, buf[:n]...)
	}
}

func filled(t *testing.T, n uint32, expiry func(n uint32) int64) *Table {
	table := newTable(t, Options{})
	for i := uint32(1); i <= n; i++ {
		put(t, table, i, expiry(i))
	}
	return table
}

func TestTable_Flush_ExpiredBefore(t *testing.T) {
	table := filled(t, 10, func(n uint32) int64 { return 20 - int64(n) })
	require.Equal(t, []Ref{10, 9, 8}, drain(table.Flush(13, false, 12), 2), "13 is not before 13")
	require.Equal(t, Counters{Adds: 10, Expired: 2, Flushed: 1, Entries: 7}, table.Counters())
}

func TestTable_Flush_ExpiredInTheFuture(t *testing.T) {
	table := filled(t, 10, func(n uint32) int64 { return int64(n) })
	require.Len(t, drain(table.Flush(100, false, 0), 3), 10)
	require.Equal(t, Counters{Adds: 10, Flushed: 10}, table.Counters())
}

func TestTable_Flush_AllTakesNever(t *testing.T) {
	table := filled(t, 10_000, func(n uint32) int64 { return Never - int64(n%3) })
	all := drain(table.Flush(0, true, 0), 37)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 10_000)
	require.Equal(t, Counters{Adds: 10_000, Flushed: 10_000}, table.Counters())
	checkTable(t, table)
}

func TestTable_Flush_AllLeavesWhatIsAddedLater(t *testing.T) {
	table := filled(t, 100, func(uint32) int64 { return 50 })
	c := table.Flush(0, true, 0)
	buf := make([]Ref, 10)
	require.Equal(t, 10, c.Next(buf))
	// Numbers of entries are used again behind and before the cursor.
	_, ok := table.Remove(numbered(80), 0, 0)
	require.True(t, ok)
	put(t, table, 1000, 1)
	put(t, table, 1001, 1)
	replaced, _, _, _ := table.Add(numbered(90), 2000, 2000, 1, nil)
	require.Equal(t, Replaced, replaced)
	require.True(t, table.Touch(numbered(91), 91, 1), "touched is not added")

	rest := drain(c, 10)
	require.Len(t, rest, 88)
	require.Contains(t, rest, Ref(91))
	require.Equal(t, []Ref{1000, 1001, 2000}, sorted(drain(table.Snapshot(), 10)))
}

func TestTable_Flush_ExpiredLeavesWhatIsAddedLater(t *testing.T) {
	table := filled(t, 3000, func(n uint32) int64 { return int64(n % 100) })
	c := table.Flush(50, false, 60)
	require.Len(t, drainOnce(c, 5), 5)
	put(t, table, 5000, -1) // stands in front of all
	require.Len(t, drain(c, 64), 1500-5)
	require.True(t, table.Contains(numbered(5000)))
	require.Equal(t, uint64(1501), table.Len())
}

func drainOnce(c *Cursor, room int) []Ref {
	buf := make([]Ref, room)
	return buf[:c.Next(buf)]
}

func sorted(r []Ref) []Ref {
	slices.Sort(r)
	return r
}

func TestTable_Snapshot(t *testing.T) {
	table := filled(t, 3000, func(n uint32) int64 { return int64(n) })
	before := table.Counters()
	all := sorted(drain(table.Snapshot(), 64))
	require.Len(t, slices.Compact(all), 3000)
	require.Equal(t, before, table.Counters())
}

func TestTable_Snapshot_WhileItChanges(t *testing.T) {
	table := filled(t, 100, func(uint32) int64 { return 50 })
	c := table.Snapshot()
	seen := drainOnce(c, 50)
	for n := uint32(1); n <= 100; n += 2 {
		_, ok := table.Remove(numbered(n), 0, 0)
		require.True(t, ok)
		put(t, table, n+1000, 50)
	}
	for n := uint32(2); n <= 100; n += 2 {
		require.True(t, table.Touch(numbered(n), Object(n), 70))
	}
	seen = sorted(append(seen, drain(c, 7)...))
	require.Equal(t, seen, slices.Compact(slices.Clone(seen)), "one was given twice")
	require.NotContains(t, seen, Ref(1001))
	for n := uint32(2); n <= 100; n += 2 {
		require.Contains(t, seen, Ref(n))
	}
}

// The lock is held for a bounded number of entries.
func TestCursor_Step_IsBounded(t *testing.T) {
	const n = 4 * stepLooks
	table := filled(t, n, func(uint32) int64 { return 50 })
	buf := make([]Ref, n)

	c := table.Snapshot()
	got, done := c.step(buf)
	require.Equal(t, stepLooks, got)
	require.False(t, done)

	got = table.Flush(60, false, 0).Next(buf[:n-1])
	require.Equal(t, n-1, got, "a large buffer is filled in several steps")
	c = table.Snapshot()
	got, done = c.step(buf)
	require.Zero(t, got, "free entries are looked at too")
	require.False(t, done)
	require.Equal(t, 1, c.Next(buf))
}

// libssl flushes from the end of its list, which is in the order of expiry.
func TestTable_Flush_AllInTheOrderOfExpiry(t *testing.T) {
	table := filled(t, 100, func(n uint32) int64 { return int64(100 - n/2) })
	refs := drainOnce(table.Flush(0, true, 0), 100)
	require.Len(t, refs, 100)
	require.True(t, slices.IsSortedFunc(refs, func(a, b Ref) int {
		if ea, eb := 100-a/2, 100-b/2; ea != eb {
			return cmp.Compare(ea, eb)
		}
		return cmp.Compare(a, b)
	}))
}

func TestCursor_Next_NoBuffer(t *testing.T) {
	table := filled(t, 3, func(uint32) int64 { return 50 })
	c := table.Flush(0, true, 0)
	require.Zero(t, c.Next(nil))
	require.Equal(t, uint64(3), table.Len())
}
