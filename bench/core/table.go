package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/libsesscache/libsesscache/gocore/cache"
)

const (
	tableSessions = 20_000
	now           = int64(1_700_000_000)
	lifetime      = 7200
	// tls13 is the protocol version of the sessions.
	tls13 = 0x0304
)

// keyOf is the key of session n: an ID of 32 bytes that look random.
func keyOf(n uint64) cache.Key {
	var id [32]byte
	r := rand.NewPCG(n, 1)
	for i := 0; i < len(id); i += 8 {
		binary.LittleEndian.PutUint64(id[i:], r.Uint64())
	}
	key, _ := cache.MakeKey(id[:], tls13)
	return key
}

func keysOf(from, n int) []cache.Key {
	keys := make([]cache.Key, n)
	for i := range keys {
		keys[i] = keyOf(uint64(from + i))
	}
	return keys
}

// newTable makes a table that is full with the sessions of these keys.
func newTable(keys []cache.Key) (*cache.Table, error) {
	table := cache.New(cache.Options{Capacity: uint64(len(keys)), Totals: new(cache.Counters)})
	if table == nil {
		return nil, fmt.Errorf("no table could be made")
	}
	for i, key := range keys {
		if result, _, _, _ := table.Add(key, cache.Ref(i+1), cache.Object(i+1), now+lifetime, nil); result != cache.Added {
			return nil, fmt.Errorf("a session was not added")
		}
	}
	return table, nil
}

// measureTable measures the operations of a table that threads share, beside a
// table for each thread: the difference is that of its lock and its lines.
func measureTable(s settings, report func(measurement)) error {
	keys := keysOf(0, tableSessions)
	tables := make([]*cache.Table, s.threads)
	for i := range tables {
		var err error
		if tables[i], err = newTable(keys); err != nil {
			return err
		}
	}
	// Each thread has keys of its own that come and go.
	come := make([][]cache.Key, s.threads)
	for i := range come {
		come[i] = keysOf(tableSessions*(i+1), tableSessions)
	}
	type place struct {
		next    int
		evicted [8]cache.Ref
		_       [lineSize]byte
	}
	places := make([]place, s.threads)
	look := func(t *cache.Table, i, times int) {
		p := &places[i]
		for range times {
			p.next = (p.next + 7919) % len(keys)
			t.Lookup(keys[p.next], now)
		}
	}
	add := func(t *cache.Table, i, times int) {
		p := &places[i]
		for range times {
			p.next = (p.next + 1) % tableSessions
			ref := cache.Ref(p.next + 1)
			t.Add(come[i][p.next], ref, cache.Object(ref), now+lifetime, p.evicted[:])
		}
	}
	for _, o := range []struct {
		name string
		do   func(t *cache.Table, i, times int)
	}{{"hit", look}, {"add-full", add}} {
		for _, threads := range counts(s.threads) {
			shared := together(threads, s.budget, func(i, times int) { o.do(tables[0], i, times) })
			own := together(threads, s.budget, func(i, times int) { o.do(tables[i], i, times) })
			report(measurement{"op": o.name, "threads": threads, "table": "shared", "ns": shared})
			report(measurement{"op": o.name, "threads": threads, "table": "own", "ns": own})
		}
	}
	return nil
}
