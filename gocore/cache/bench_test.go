package cache

import (
	"fmt"
	"testing"
)

// The sizes: the default of a context, and a large server's.
var benchSizes = []uint32{20_000, 1_000_000}

var benchTimeouts = []struct {
	name   string
	expiry func(n uint32) int64
}{
	{"equal", func(n uint32) int64 { return int64(n>>14) + 7200 }}, // 16,384 adds a second
	{"random", func(n uint32) int64 { return int64(n>>14) + int64(mix(n)%7200) }},
	{"seconds", func(n uint32) int64 { return int64(n) }}, // one a second
	{"distinct", func(n uint32) int64 { return int64(mix(n)) }},
}

func benchmark(b *testing.B, run func(b *testing.B, size uint32, expiry func(n uint32) int64)) {
	for _, size := range benchSizes {
		for _, timeouts := range benchTimeouts {
			b.Run(fmt.Sprintf("%s/%d", timeouts.name, size), func(b *testing.B) {
				b.ReportAllocs()
				run(b, size, timeouts.expiry)
			})
		}
	}
}

func benchTable(b *testing.B, size, capacity uint32, expiry func(n uint32) int64) *Table {
	table := newTable(b, Options{Capacity: uint64(capacity), Totals: new(Counters)})
	for n := range size {
		table.Add(numbered(n), Ref(n)+1, Object(n), expiry(n), nil)
	}
	return table
}

// BenchmarkTable_Fill adds until there are so many; ns/op is of one add.
func BenchmarkTable_Fill(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		var table *Table
		for i := range b.N {
			n := uint32(i) % size
			if n == 0 {
				if table != nil {
					table.Close()
				}
				table = newTable(b, Options{})
			}
			table.Add(numbered(n), Ref(n)+1, Object(n), expiry(n), nil)
		}
	})
}

// BenchmarkTable_Add adds to a full table: each add evicts one.
func BenchmarkTable_Add(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		table := benchTable(b, size, size, expiry)
		var buf [8]Ref
		n := size
		for b.Loop() {
			n++
			table.Add(numbered(n), Ref(n)+1, Object(n), expiry(n), buf[:])
		}
	})
}

func BenchmarkTable_Lookup(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		table := benchTable(b, size, 0, expiry)
		n := uint32(0)
		for b.Loop() {
			n++
			table.Lookup(numbered(mix(n)%size), 0)
		}
	})
}

// BenchmarkTable_LookupParallel is the lock's.
func BenchmarkTable_LookupParallel(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		table := benchTable(b, size, 0, expiry)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			n := uint32(0)
			for pb.Next() {
				n++
				table.Lookup(numbered(mix(n)%size), 0)
			}
		})
	})
}

func BenchmarkTable_RemoveAdd(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		table := benchTable(b, size, 0, expiry)
		i := uint32(0)
		for b.Loop() {
			i++
			n := mix(i) % size
			k := numbered(n)
			table.Remove(k, 0, 0)
			table.Add(k, Ref(n)+1, Object(n), expiry(size+i), nil)
		}
	})
}

func BenchmarkTable_Touch(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		table := benchTable(b, size, 0, expiry)
		i := uint32(0)
		for b.Loop() {
			i++
			n := mix(i) % size
			table.Touch(numbered(n), Object(n), expiry(size+i))
		}
	})
}

// BenchmarkOrder_RemoveInsert takes entries out at random and places them again
// as the last, without the rest of the table.
func BenchmarkOrder_RemoveInsert(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		o := newOrder(b)
		for n := range size {
			o.place(b, n+1, expiry(n))
		}
		i := uint32(0)
		for b.Loop() {
			i++
			n := mix(i)%size + 1
			o.remove(n)
			o.place(b, n, expiry(size+i))
		}
	})
}

// BenchmarkTable_FlushAll empties a table; ns/op is of the whole.
func BenchmarkTable_FlushAll(b *testing.B) {
	benchmark(b, func(b *testing.B, size uint32, expiry func(n uint32) int64) {
		var buf [64]Ref
		for b.Loop() {
			b.StopTimer()
			table := benchTable(b, size, 0, expiry)
			b.StartTimer()
			c := table.Flush(0, true, 0)
			for c.Next(buf[:]) > 0 {
			}
			b.StopTimer()
			table.Close()
			b.StartTimer()
		}
	})
}

// BenchmarkKey is what making a key costs the others.
func BenchmarkKey(b *testing.B) {
	n := uint32(0)
	for b.Loop() {
		n++
		numbered(n)
	}
}
