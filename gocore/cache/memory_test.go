package cache

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// inUse is the memory that the collector and the tables have.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) + offheap.Used()
}

// bytesPerEntry is what a table of n sessions takes.
func bytesPerEntry(t *testing.T, n uint32, expiry func(n uint32) int64) float64 {
	before := inUse()
	table := newTable(t, Options{})
	for i := uint32(1); i <= n; i++ {
		table.Add(numbered(i), Ref(i), Object(i), expiry(i), nil)
	}
	after := inUse()
	require.Equal(t, uint64(n), table.Len())
	return float64(after-before) / float64(n)
}

func TestTable_MemoryPerEntry(t *testing.T) {
	if racetest.Enabled {
		t.Skip("it takes long with the race detector")
	}
	for _, c := range []struct {
		name   string
		bound  float64
		expiry func(n uint32) int64
	}{
		{"equal timeouts", 103, func(uint32) int64 { return 7200 }},
		{"random timeouts", 104, func(n uint32) int64 { return int64(mix(n) % 7200) }},
		{"one a second", 128, func(n uint32) int64 { return int64(n) }},
		{"within 24 days", 137, func(n uint32) int64 { return int64(mix(n) % (1 << 21)) }},
		{"within 68 years", 154, func(n uint32) int64 { return int64(mix(n) >> 1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			each := bytesPerEntry(t, 1_000_000, c.expiry)
			t.Logf("%.1f bytes", each)
			require.LessOrEqual(t, each, c.bound)
		})
	}
}

// What a table takes is bounded by how many sessions it has had at once, not by
// how many it has had.
func TestTable_MemoryInUse(t *testing.T) {
	if racetest.Enabled {
		t.Skip("it takes long with the race detector")
	}
	const capacity = 50_000
	before := inUse()
	table := newTable(t, Options{Capacity: capacity})
	var buf [8]Ref
	n := uint32(0)
	for round := range 40 {
		for range capacity {
			n++
			table.Add(numbered(n), Ref(n), Object(n), int64(n>>14)+7200, buf[:])
		}
		if round == 0 || round == 39 {
			t.Logf("%.1f bytes after %d sessions", float64(inUse()-before)/capacity, n)
		}
	}
	require.Equal(t, uint64(capacity), table.Len())
	require.LessOrEqual(t, float64(inUse()-before)/capacity, 160.0)
}

// A process may have thousands of contexts that cache little.
func TestTable_MemoryWhenSmall(t *testing.T) {
	tables := make([]*Table, 1000)
	before := inUse()
	for i := range tables {
		tables[i] = newTable(t, Options{})
		for n := uint32(1); n <= 3; n++ {
			tables[i].Add(numbered(n), Ref(n), Object(n), 1_790_000_000+int64(n)*1000, nil)
		}
	}
	each := (inUse() - before) / int64(len(tables))
	runtime.KeepAlive(tables)
	t.Logf("%d bytes", each)
	require.LessOrEqual(t, each, int64(8192))
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
