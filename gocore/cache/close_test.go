package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// checkTable checks that the parts of a table agree.
func checkTable(t require.TestingT, table *Table) {
	checkLines(t, &table.byKey)
	checkOrder(t, &table.order)
	ordered := newOnceEach(t, table.byKey.last)
	places := orderedEntries(&table.order)
	for _, i := range places {
		ordered.see(i)
	}
	require.Len(t, places, int(table.head.Used))
	sequences := map[uint64]bool{}
	for i := uint32(1); i <= table.byKey.last; i++ {
		e := table.entries.at(i)
		switch {
		case e.Sequence == 0:
			if ordered.seen[i] || *e != (Entry{}) {
				require.Fail(t, "something of a session is left")
			}
		case !ordered.seen[i] || e.Ref == 0 || sequences[e.Sequence] || e.Sequence > table.sequence:
			require.Failf(t, "an entry is wrong", "%+v", e)
		case table.find(&e.Key, e.Key.hash(&table.seeds)) != i:
			require.Fail(t, "an entry is not found")
		}
		sequences[e.Sequence] = true
	}
}

func TestTable_Close_GivesMemoryBack(t *testing.T) {
	for name, expiry := range map[string]func(n uint32) int64{
		"equal":    func(uint32) int64 { return 7200 },
		"distinct": func(n uint32) int64 { return int64(mix(n)) },
	} {
		for _, n := range []uint32{0, 1, 50_000} {
			before := offheap.Used()
			table := New(Options{})
			require.NotNil(t, table)
			for i := uint32(1); i <= n; i++ {
				put(t, table, i, expiry(i))
			}
			require.Greater(t, offheap.Used(), before)
			table.Close()
			require.Equal(t, before, offheap.Used(), "%d %s", n, name)
			table.Close()
			require.Equal(t, before, offheap.Used(), "closed twice")
		}
	}
}

// A closed table has nothing and takes nothing, whatever is asked of it.
func TestTable_Close_IsEmpty(t *testing.T) {
	before := offheap.Used()
	table := New(Options{Capacity: 1000})
	for n := uint32(1); n <= 100; n++ {
		put(t, table, n, 50)
	}
	buf := make([]Ref, 8)
	cursors := []*Cursor{table.Snapshot(), table.Flush(0, true, 0), table.Flush(60, false, 0), table.Snapshot()}
	require.Equal(t, 8, cursors[3].Next(buf), "a walk that is under way")
	table.Close()

	cursors = append(cursors, table.Snapshot(), table.Flush(0, true, 0), table.Flush(60, false, 0))
	for i, c := range cursors {
		require.Zero(t, c.Next(buf), "cursor %d", i)
	}
	for n := uint32(1); n <= 200; n++ {
		k := numbered(n)
		_, verdict := table.Lookup(k, 0)
		require.Equal(t, Miss, verdict)
		require.False(t, table.Contains(k))
		require.False(t, table.Touch(k, Object(n), 70))
		_, ok := table.Remove(k, 0, 0)
		require.False(t, ok)
		require.False(t, table.Revoke(k, Ref(n)))
		require.False(t, table.Alone(k))
		table.SetAlone(k, true)
		table.Confirm(k, Ref(n), 3)
		result, replaced, evicted, more := table.Add(k, Ref(n), Object(n), 50, buf)
		require.Equal(t, Failed, result)
		require.Zero(t, replaced)
		require.Zero(t, evicted)
		require.False(t, more)
		_, n, more := table.Evict(buf)
		require.Zero(t, n)
		require.False(t, more)
	}
	table.SetCapacity(1)
	_, n, more := table.Evict(buf)
	require.Zero(t, n)
	require.False(t, more)
	table.ShareStamps(StampMemory{})
	table.Found(InRegion)
	table.Used()
	table.Counters()
	require.Zero(t, table.Len())
	require.Equal(t, before, offheap.Used())
}

// The memory of a closed table is another's at once; cursors made before leave
// that alone.
func TestTable_Close_CursorsLeaveOthersAlone(t *testing.T) {
	a := filled(t, 100, func(uint32) int64 { return 50 })
	c := a.Flush(0, true, 0)
	require.Equal(t, 10, c.Next(make([]Ref, 10)))
	a.Close()
	b := filled(t, 100, func(uint32) int64 { return 50 })
	require.Empty(t, drain(c, 10))
	require.Equal(t, uint64(100), b.Len())
	checkTable(t, b)
}
