package cache

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered is the n-th of many keys, with an ID like a random one.
func numbered(n uint32) Key {
	k := Key{Len: 32, Version: 0x0303}
	for i := range uint32(8) {
		h := mix(n*8 + i)
		k.ID[4*i], k.ID[4*i+1], k.ID[4*i+2], k.ID[4*i+3] =
			byte(h), byte(h>>8), byte(h>>16), byte(h>>24)
	}
	return k
}

// mix is a permutation of the 32-bit numbers.
func mix(n uint32) uint32 {
	n ^= n >> 16
	n *= 0x7FEB352D
	n ^= n >> 15
	n *= 0x846CA68B
	return n ^ n>>16
}

// newTable makes a table that is closed at the end.
func newTable(t testing.TB, options Options) *Table {
	t.Helper()
	table := New(options)
	require.NotNil(t, table)
	t.Cleanup(table.Close)
	return table
}

// put adds session n under the n-th key and returns what it evicts.
func put(t *testing.T, table *Table, n uint32, expiry int64) []Ref {
	t.Helper()
	buf := make([]Ref, 8)
	result, replaced, evicted, more := table.Add(numbered(n), Ref(n), Object(n), expiry, buf)
	require.Equal(t, Added, result)
	require.Zero(t, replaced)
	require.False(t, more)
	return buf[:evicted]
}

// evictAll evicts all but one session, by way of the capacity.
func evictAll(t *testing.T, table *Table) []Ref {
	t.Helper()
	table.SetCapacity(1)
	table.late = true
	buf := make([]Ref, table.Len())
	_, n, more := table.Evict(buf)
	require.False(t, more)
	return buf[:n]
}

func TestTable_Empty(t *testing.T) {
	table := newTable(t, Options{})
	ref, verdict := table.Lookup(numbered(1), 0)
	require.Equal(t, Miss, verdict)
	require.Zero(t, ref)
	require.False(t, table.Contains(numbered(1)))
	_, ok := table.Remove(numbered(1), 0, 0)
	require.False(t, ok)
	require.False(t, table.Touch(numbered(1), 1, 5))
	_, n, more := table.Evict(make([]Ref, 1))
	require.Zero(t, n)
	require.False(t, more)
	require.Zero(t, table.Flush(0, true, 0).Next(make([]Ref, 1)))
	require.Zero(t, table.Flush(Never, false, 0).Next(make([]Ref, 1)))
	require.Zero(t, table.Snapshot().Next(make([]Ref, 1)))
	require.Equal(t, Counters{Lookups: 1, Misses: 1}, table.Counters())
}

func TestTable_Add_RefusesNoReference(t *testing.T) {
	table := newTable(t, Options{})
	result, _, _, _ := table.Add(numbered(1), 0, 1, 5, nil)
	require.Equal(t, Failed, result)
	result, _, _, _ = table.Add(Key{Len: 33}, 1, 1, 5, nil)
	require.Equal(t, Failed, result)
	require.Equal(t, Counters{}, table.Counters())
}

func TestTable_Add_FailsWhenNumbersAreOut(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, 5)
	table.head.Used = math.MaxUint32 - 1
	result, _, n, more := table.Add(numbered(2), 2, 2, 5, nil)
	require.Equal(t, Failed, result)
	require.Zero(t, n)
	require.False(t, more)
	require.Equal(t, uint64(1), table.Counters().Adds)

	result, replaced, _, _ := table.Add(numbered(1), 3, 3, 5, nil)
	require.Equal(t, Replaced, result)
	require.Equal(t, Ref(1), replaced)
}

func TestTable_Lookup_TellsVersionsApart(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, 5)
	other := numbered(1)
	other.Version = 0x0304
	_, verdict := table.Lookup(other, 0)
	require.Equal(t, Miss, verdict)
	_, _, _, _ = table.Add(other, 2, 2, 5, nil)
	ref, verdict := table.Lookup(other, 0)
	require.Equal(t, Hit, verdict)
	require.Equal(t, Ref(2), ref)
	ref, _ = table.Lookup(numbered(1), 0)
	require.Equal(t, Ref(1), ref)
}

func TestTable_Lookup_TellsLengthsApart(t *testing.T) {
	table := newTable(t, Options{})
	short, _ := MakeKey([]byte{1}, 0x0303)
	long, _ := MakeKey([]byte{1, 0}, 0x0303)
	empty, _ := MakeKey(nil, 0x0303)
	for i, k := range []Key{short, long, empty} {
		result, _, _, _ := table.Add(k, Ref(i+1), Object(i+1), 5, nil)
		require.Equal(t, Added, result)
	}
	for i, k := range []Key{short, long, empty} {
		ref, _ := table.Lookup(k, 0)
		require.Equal(t, Ref(i+1), ref)
	}
}

func TestTable_Lookup_Stale(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, 100)
	_, verdict := table.Lookup(numbered(1), 100)
	require.Equal(t, Hit, verdict, "its last second")
	ref, verdict := table.Lookup(numbered(1), 101)
	require.Equal(t, Stale, verdict)
	require.Equal(t, Ref(1), ref)
	require.True(t, table.Contains(numbered(1)), "it stays")
	require.Equal(t, Counters{Lookups: 2, Hits: 1, Misses: 1, Adds: 1, Entries: 1}, table.Counters())

	ref, ok := table.Remove(numbered(1), 0, 101)
	require.True(t, ok)
	require.Equal(t, Ref(1), ref)
	require.Equal(t, uint64(1), table.Counters().Expired)
}

func TestTable_Lookup_NeverDoesNotExpire(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, Never)
	_, verdict := table.Lookup(numbered(1), math.MaxInt64)
	require.Equal(t, Hit, verdict)
	require.Zero(t, table.Flush(math.MaxInt64, false, 0).Next(make([]Ref, 1)))
}

func TestTable_Lookup_NegativeExpiry(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, -5)
	_, verdict := table.Lookup(numbered(1), -5)
	require.Equal(t, Hit, verdict)
	_, verdict = table.Lookup(numbered(1), -4)
	require.Equal(t, Stale, verdict)
}

func TestTable_Capacity_HoldsN(t *testing.T) {
	table := newTable(t, Options{Capacity: 3})
	for n := uint32(1); n <= 3; n++ {
		require.Empty(t, put(t, table, n, 100))
	}
	require.Equal(t, uint64(3), table.Len())
	require.Equal(t, []Ref{1}, put(t, table, 4, 100))
	require.Equal(t, uint64(3), table.Len())
	require.Equal(t, Counters{Adds: 4, Evicted: 1, Entries: 3}, table.Counters())
}

func TestTable_Capacity_One(t *testing.T) {
	table := newTable(t, Options{Capacity: 1})
	require.Empty(t, put(t, table, 1, 100))
	require.Equal(t, []Ref{1}, put(t, table, 2, 50))
	require.Equal(t, []Ref{2}, put(t, table, 3, 10))
	require.True(t, table.Contains(numbered(3)))
}

func TestTable_Capacity_ZeroIsNoLimit(t *testing.T) {
	table := newTable(t, Options{Capacity: 2})
	put(t, table, 1, 100)
	put(t, table, 2, 100)
	table.SetCapacity(0)
	for n := uint32(3); n <= 5000; n++ {
		require.Empty(t, put(t, table, n, 100))
	}
	_, n, more := table.Evict(make([]Ref, 8))
	require.Zero(t, n)
	require.False(t, more)
	require.Equal(t, uint64(5000), table.Len())
}

func TestTable_Capacity_EarliestExpiryGoesFirst(t *testing.T) {
	table := newTable(t, Options{Capacity: 3})
	put(t, table, 1, Never)
	put(t, table, 2, 300)
	put(t, table, 3, -300)
	require.Equal(t, []Ref{3}, put(t, table, 4, 200))
	require.Equal(t, []Ref{4}, put(t, table, 5, Never))
	require.Equal(t, []Ref{2}, put(t, table, 6, Never))
	require.Equal(t, []Ref{1}, put(t, table, 7, 1))
}

func TestTable_Capacity_OldestOfEqualsGoesFirst(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 5; n++ {
		put(t, table, n, 100)
	}
	require.Equal(t, []Ref{1, 2, 3, 4}, evictAll(t, table))
}

func TestTable_Capacity_NewOneIsNeverTheVictim(t *testing.T) {
	table := newTable(t, Options{Capacity: 2})
	put(t, table, 1, 100)
	put(t, table, 2, 100)
	require.Equal(t, []Ref{1}, put(t, table, 3, -1000), "though it expires first")
	require.True(t, table.Contains(numbered(3)))
	require.Equal(t, []Ref{3}, put(t, table, 4, 100), "it is no longer the new one")
}

func TestTable_Capacity_SmallBuffer(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 6; n++ {
		put(t, table, n, 100)
	}
	table.SetCapacity(2)
	require.Equal(t, uint64(6), table.Len(), "nothing is evicted before the next add")

	buf := make([]Ref, 2)
	result, _, n, more := table.Add(numbered(7), 7, 7, 1, buf)
	require.Equal(t, Added, result)
	require.Equal(t, []Ref{1, 2}, buf[:n])
	require.True(t, more)
	_, n, more = table.Evict(buf)
	require.Equal(t, []Ref{3, 4}, buf[:n])
	require.True(t, more)
	_, n, more = table.Evict(buf)
	require.Equal(t, []Ref{5}, buf[:n], "not 7, which was added last")
	require.False(t, more)
	require.True(t, table.Contains(numbered(6)))
	require.True(t, table.Contains(numbered(7)))
}

func TestTable_Capacity_NoBuffer(t *testing.T) {
	table := newTable(t, Options{Capacity: 1})
	put(t, table, 1, 100)
	result, _, n, more := table.Add(numbered(2), 2, 2, 100, nil)
	require.Equal(t, Added, result)
	require.Zero(t, n)
	require.True(t, more)
	_, n, more = table.Evict(nil)
	require.Zero(t, n)
	require.True(t, more)
	buf := make([]Ref, 1)
	_, n, more = table.Evict(buf)
	require.Equal(t, []Ref{1}, buf[:n])
	require.False(t, more)
}

func TestTable_Capacity_SparesNothingWhenTheLastAddedIsGone(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 3; n++ {
		put(t, table, n, int64(n))
	}
	_, ok := table.Remove(numbered(3), 0, 0)
	require.True(t, ok)
	require.Equal(t, []Ref{1}, evictAll(t, table))
}

func TestTable_Add_Replaced(t *testing.T) {
	table := newTable(t, Options{Capacity: 2})
	put(t, table, 1, 100)
	put(t, table, 2, 100)
	buf := make([]Ref, 1)
	result, replaced, n, more := table.Add(numbered(1), 11, 11, 100, buf)
	require.Equal(t, Replaced, result)
	require.Equal(t, Ref(1), replaced)
	require.Zero(t, n, "a full table has room for it")
	require.False(t, more)
	ref, _ := table.Lookup(numbered(1), 0)
	require.Equal(t, Ref(11), ref)
	require.Equal(t, Counters{Lookups: 1, Hits: 1, Adds: 3, Replaced: 1, Entries: 2}, table.Counters())
	require.Equal(t, []Ref{2}, put(t, table, 3, 100), "it has a new place")
}

func TestTable_Add_ReplacedEvictsAboveCapacity(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 4; n++ {
		put(t, table, n, 100)
	}
	table.SetCapacity(2)
	buf := make([]Ref, 1)
	result, replaced, n, more := table.Add(numbered(2), 12, 12, 1, buf)
	require.Equal(t, Replaced, result)
	require.Equal(t, Ref(2), replaced)
	require.Equal(t, []Ref{1}, buf[:n], "not 12, which was added last")
	require.True(t, more)
	_, n, more = table.Evict(buf)
	require.Equal(t, []Ref{3}, buf[:n])
	require.False(t, more)
}

func TestTable_Add_Same(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 3; n++ {
		put(t, table, n, 100)
	}
	before := table.Counters()
	table.SetCapacity(2)
	result, replaced, n, more := table.Add(numbered(1), 99, 1, 100, make([]Ref, 4))
	require.Equal(t, Same, result)
	require.Zero(t, replaced)
	require.Zero(t, n)
	require.False(t, more)
	require.Equal(t, before, table.Counters())
	ref, _ := table.Lookup(numbered(1), 0)
	require.Equal(t, Ref(1), ref, "the reference is the old one")
	require.Equal(t, []Ref{2, 1}, evictAll(t, table), "it is the newest; 3 was added last")
}

func TestTable_Add_SameExpiresAnew(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, 100)
	_, _, _, _ = table.Add(numbered(1), 1, 1, 200, nil)
	_, verdict := table.Lookup(numbered(1), 150)
	require.Equal(t, Hit, verdict)
}

func TestTable_Touch(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 4; n++ {
		put(t, table, n, 100)
	}
	before := table.Counters()
	require.False(t, table.Touch(numbered(1), 2, 500), "another object")
	require.True(t, table.Touch(numbered(1), 1, 100), "the newest of its equals")
	require.True(t, table.Touch(numbered(3), 3, 50))
	require.Equal(t, before, table.Counters())
	_, verdict := table.Lookup(numbered(3), 51)
	require.Equal(t, Stale, verdict)
	put(t, table, 5, 100)
	require.Equal(t, []Ref{3, 2, 4, 1}, evictAll(t, table))
}

func TestTable_Remove(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 4; n++ {
		put(t, table, n, 100)
	}
	_, ok := table.Remove(numbered(1), 2, 0)
	require.False(t, ok, "another object")
	ref, ok := table.Remove(numbered(1), 1, 0)
	require.True(t, ok)
	require.Equal(t, Ref(1), ref)
	require.False(t, table.Contains(numbered(1)))
	_, ok = table.Remove(numbered(1), 0, 0)
	require.False(t, ok)

	_, _ = table.Remove(numbered(2), 0, 100)
	_, _ = table.Remove(numbered(3), 0, 101)
	_, _ = table.Remove(numbered(4), 4, 101)
	require.Equal(t, Counters{Adds: 4, Removed: 2, Expired: 2}, table.Counters(), "asked for by object or not")
}

func TestTable_Remove_UsesMemoryAgain(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 10_000; n++ {
		put(t, table, n, int64(n))
		if n > 100 {
			_, ok := table.Remove(numbered(n-100), 0, 0)
			require.True(t, ok)
		}
	}
	require.Equal(t, uint32(101), table.byKey.last)
	require.LessOrEqual(t, table.order.tree.buckets.last, uint32(101))
	require.LessOrEqual(t, table.order.tree.nodes.last, uint32(16))
}

// Nothing of a session is left where it was.
func TestTable_Remove_ClearsTheEntry(t *testing.T) {
	table := newTable(t, Options{})
	put(t, table, 1, 100)
	_, _ = table.Remove(numbered(1), 0, 0)
	require.Equal(t, Entry{}, *table.entries.at(1))
}

func TestTable_Totals(t *testing.T) {
	var totals Counters
	a := newTable(t, Options{Capacity: 1, Totals: &totals})
	b := newTable(t, Options{Totals: &totals})
	put(t, a, 1, 100)
	put(t, a, 2, 100)
	put(t, b, 3, 100)
	put(t, b, 4, 100)
	a.Lookup(numbered(2), 0)
	b.Lookup(numbered(2), 0)
	_, _ = b.Remove(numbered(4), 0, 0)
	require.Equal(t, Counters{Lookups: 2, Hits: 1, Misses: 1, Adds: 4, Evicted: 1, Removed: 1,
		Entries: 2}, totals)
	a.Flush(0, true, 0).Next(make([]Ref, 4))
	b.Flush(0, true, 101).Next(make([]Ref, 4))
	require.Equal(t, uint64(1), totals.Flushed)
	require.Equal(t, uint64(1), totals.Expired)
	require.Zero(t, totals.Entries)
}

func TestResult_String(t *testing.T) {
	require.Equal(t, "Miss Hit Stale Revoked Verdict(4)",
		Miss.String()+" "+Hit.String()+" "+Stale.String()+" "+Revoked.String()+" "+Verdict(4).String())
	require.Equal(t, "Failed Added Replaced Same Result(-1)", Failed.String()+" "+Added.String()+
		" "+Replaced.String()+" "+Same.String()+" "+Result(-1).String())
}
