package cache

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// bytesPerEntry is what a table of n sessions takes of the heap.
func bytesPerEntry(n uint32, expiry func(n uint32) int64) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := newTable(t, Options{})
	for i := uint32(1); i <= n; i++ {
		table.Add(numbered(i), Ref(i), Object(i), expiry(i), nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(table)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
}

func TestTable_MemoryPerEntry(t *testing.T) {
	for _, c := range []struct {
		name   string
		expiry func(n uint32) int64
	}{
		{"equal timeouts", func(uint32) int64 { return 7200 }},
		{"random timeouts", func(n uint32) int64 { return int64(mix(n) % 7200) }},
		{"distinct timeouts", func(n uint32) int64 { return int64(mix(n)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			each := bytesPerEntry(1_000_000, c.expiry)
			t.Logf("%.1f bytes", each)
			require.LessOrEqual(t, each, 128.0)
		})
	}
}

// A process may have thousands of contexts that cache little.
func TestTable_MemoryWhenSmall(t *testing.T) {
	var before, after runtime.MemStats
	tables := make([]*Table, 1000)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range tables {
		tables[i] = newTable(t, Options{})
		tables[i].Add(numbered(1), 1, 1, 1, nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(tables)
	each := (after.HeapAlloc - before.HeapAlloc) / uint64(len(tables))
	t.Logf("%d bytes", each)
	require.LessOrEqual(t, each, uint64(8192))
}

func TestTable_DoesNotAllocate(t *testing.T) {
	const capacity = 5000
	table := newTable(t, Options{Capacity: capacity, Totals: new(Counters)})
	buf := make([]Ref, 8)
	n := uint32(0)
	add := func() {
		n++
		table.Add(numbered(n), Ref(n), Object(n), int64(n%300), buf)
	}
	for range 2 * capacity {
		add()
	}
	require.Equal(t, uint64(capacity), table.Len())

	for name, act := range map[string]func(){
		"Add evicts":   add,
		"Add same":     func() { table.Add(numbered(n), Ref(n), Object(n), int64(n), buf) },
		"Add replaces": func() { table.Add(numbered(n), Ref(n), Object(n+1), int64(n), buf) },
		"Lookup hit":   func() { table.Lookup(numbered(n), 0) },
		"Lookup miss":  func() { table.Lookup(numbered(n+1), 0) },
		"Contains":     func() { table.Contains(numbered(n)) },
		"Touch":        func() { table.Touch(numbered(n), Object(n), int64(mix(n)%300)) },
		"Counters":     func() { table.Counters() },
		"Remove and Add": func() {
			table.Remove(numbered(n), 0, 0)
			table.Add(numbered(n), Ref(n), Object(n), int64(n%300), buf)
		},
	} {
		require.Zero(t, testing.AllocsPerRun(1000, act), name)
	}

	c := table.Flush(0, true, 0)
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Next(buf) }), "Next")
}
