package region

import (
	"fmt"
	"testing"
)

// The lengths of sessions without and with a client certificate.
var benchLengths = []int{130, 1400}

// benchmark runs on a region that holds as much as it can.
func benchmark(b *testing.B, run func(b *testing.B, r *Region, keys []Key, record []byte)) {
	for _, n := range benchLengths {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := open(b, defaultSize)
			record := make([]byte, n)
			keys := make([]Key, defaultSize/(n+entryUnits*unitSize+sumSize))
			for i := range keys {
				keys[i] = numbered(uint64(i))
				r.Put(keys[i], 0, Never, 0, record)
			}
			b.ReportAllocs()
			b.ResetTimer()
			run(b, r, keys, record)
		})
	}
}

func BenchmarkRegion_Get(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := 0; b.Loop(); i++ {
			r.Get(keys[i*7919%len(keys)], 0, record)
		}
	})
}

func BenchmarkRegion_GetAbsent(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := 0; b.Loop(); i++ {
			k := keys[i*7919%len(keys)]
			r.Get(Key{Hi: k.Lo, Lo: k.Hi}, 0, record)
		}
	})
}

func BenchmarkRegion_GetParallel(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		b.RunParallel(func(pb *testing.PB) {
			dst := make([]byte, len(record))
			for i := 0; pb.Next(); i++ {
				r.Get(keys[i*7919%len(keys)], 0, dst)
			}
		})
	})
}

// BenchmarkRegion_Put evicts with each put.
func BenchmarkRegion_Put(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := uint64(0); b.Loop(); i++ {
			r.Put(numbered(1<<32+i), 0, Never, 0, record)
		}
	})
}

// BenchmarkRegion_PutOfAnyLength also has to move records.
func BenchmarkRegion_PutOfAnyLength(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := uint64(0); b.Loop(); i++ {
			r.Put(numbered(1<<32+i), 0, Never, 0, record[:len(record)/2+int(i*31)%(len(record)/2)])
		}
	})
}

func BenchmarkRegion_PutTake(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := uint64(0); b.Loop(); i++ {
			k := numbered(1<<32 + i)
			r.Put(k, 0, Never, 0, record)
			r.Take(k, 0, record)
		}
	})
}

func BenchmarkRegion_PutRemove(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, record []byte) {
		for i := uint64(0); b.Loop(); i++ {
			k := numbered(1<<32 + i)
			r.Put(k, 0, Never, 0, record)
			r.Remove(k, 0, 0, 0)
		}
	})
}

func BenchmarkRegion_Stamp(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, keys []Key, _ []byte) {
		for i := 0; b.Loop(); i++ {
			r.Stamp(keys[i*7919%len(keys)], 0)
		}
	})
}

// BenchmarkRegion_Flush is of the walk through the whole region.
func BenchmarkRegion_Flush(b *testing.B) {
	benchmark(b, func(b *testing.B, r *Region, _ []Key, _ []byte) {
		for b.Loop() {
			r.Flush(1, 0, true, 0)
		}
	})
}
