package main

import (
	"fmt"
	"math/rand/v2"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/offheap"
	"github.com/libsesscache/libsesscache/gocore/region"
)

const (
	regionSize = 16 << 20
	// derSize is that of a session without a client's certificate.
	derSize = 129
	// perRecord is what such a record takes of the region, and an eighth more.
	perRecord = 200
)

func regionKey(n uint64) region.Key {
	r := rand.NewPCG(n, 2)
	return region.Key{Hi: r.Uint64(), Lo: r.Uint64()}
}

// measureRegion measures a region that threads share as workers do: lookups,
// lookups beside one thread that stores, and stores.
func measureRegion(s settings, report func(measurement)) error {
	// Outside the heap, as a server's is: a writer that is too late may write where
	// another one does, and the race detector looks at the heap.
	memory := offheap.Alloc(regionSize)
	if memory == nil {
		return fmt.Errorf("out of memory")
	}
	defer offheap.Free(memory, regionSize)
	r, err := region.Open(unsafe.Slice((*byte)(memory), regionSize), nil)
	if err != nil {
		return err
	}
	record := make([]byte, derSize)
	keys := make([]region.Key, regionSize/perRecord)
	for i := range keys {
		keys[i] = regionKey(uint64(i))
		if result := r.Put(keys[i], 0, now+lifetime, now, record); result != region.Stored {
			return fmt.Errorf("a record was not stored")
		}
	}
	type place struct {
		next int
		room [derSize]byte
		_    [lineSize]byte
	}
	places := make([]place, s.threads)
	get := func(i, times int) {
		p := &places[i]
		for range times {
			p.next = (p.next + 7919) % len(keys)
			r.Get(keys[p.next], now, p.room[:])
		}
	}
	// What is there already is stored again: nothing is evicted.
	put := func(i, times int) {
		p := &places[i]
		for range times {
			p.next = (p.next + 7919) % len(keys)
			r.Put(keys[p.next], 0, now+lifetime, now, p.room[:])
		}
	}
	for _, threads := range counts(s.threads) {
		report(measurement{"op": "get", "threads": threads, "ns": together(threads, s.budget, get)})
		report(measurement{"op": "put", "threads": threads, "ns": together(threads, s.budget, put)})
		if threads > 1 {
			last := threads - 1
			ns := beside(last, 1, s.budget, get, func(_, times int) { put(last, times) })
			report(measurement{"op": "get-beside-put", "threads": threads, "ns": ns})
		}
	}
	return nil
}
