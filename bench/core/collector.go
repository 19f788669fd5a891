package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/engine"
)

// sessions are what lookups are measured of.
type sessions interface {
	add(key cache.Key, n int) bool
	find(key cache.Key) bool
}

// table is the cache of a context, as the library has it.
type table struct{ context *engine.Context }

func (t table) add(key cache.Key, n int) bool {
	result, _, _, _ := t.context.Table.Add(key, cache.Ref(n+1), cache.Object(n+1), now+lifetime, nil)
	return result == cache.Added
}

func (t table) find(key cache.Key) bool {
	_, verdict := t.context.Table.Lookup(key, now)
	return verdict == cache.Hit
}

// pointers are the same sessions as Go would have them without further thought:
// a map of pointers, which the collector has to follow one by one.
type pointers struct {
	mu       *sync.Mutex
	sessions map[cache.Key]*session
}

type session struct {
	key    cache.Key
	ref    cache.Ref
	object cache.Object
	expiry int64
}

func (p pointers) add(key cache.Key, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions[key] = &session{key: key, ref: cache.Ref(n + 1), object: cache.Object(n + 1), expiry: now + lifetime}
	return true
}

func (p pointers) find(key cache.Key) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.sessions[key]
	return ok && s.expiry >= now
}

// measureCollector measures lookups of one thread with nothing beside them, and
// with the collector at work all the time, in the library's table and in a map
// of pointers.
func measureCollector(s settings, report func(measurement)) error {
	e, err := engine.New(engine.Settings{})
	if err != nil {
		return err
	}
	defer e.Close()
	for _, kind := range []struct {
		name string
		open func() sessions
	}{
		{"library", func() sessions { return table{e.NewContext(0)} }},
		{"map", func() sessions { return pointers{new(sync.Mutex), map[cache.Key]*session{}} }},
	} {
		runtime.GC()
		before, residentBefore := heap(), resident()
		st := kind.open()
		for n := range s.sessions {
			if !st.add(keyOf(uint64(n)), n) {
				return fmt.Errorf("a session was not added")
			}
		}
		runtime.GC()
		heapSize, size := heap()-before, resident()-residentBefore
		for _, gc := range []string{"none", "forced"} {
			m, err := lookups(s, st, gc == "forced")
			if err != nil {
				return err
			}
			m["table"], m["gc"], m["sessions"] = kind.name, gc, s.sessions
			m["heap_bytes"], m["resident_bytes"] = heapSize, size
			report(m)
		}
		runtime.KeepAlive(st)
	}
	return nil
}

// heap is what the collector has to look after.
func heap() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// resident is the memory of the process, in the heap and elsewhere. It is 0 where
// the system does not tell.
func resident() int64 {
	var total, pages int64
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, _ = fmt.Sscan(string(text), &total, &pages)
	}
	return pages * int64(os.Getpagesize())
}

// lookups measures each lookup by itself for ten budgets.
func lookups(s settings, st sessions, collect bool) (measurement, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var stop atomic.Bool
	var cycles []time.Duration
	var collecting sync.WaitGroup
	var before debug.GCStats
	debug.ReadGCStats(&before)
	if collect {
		collecting.Go(func() {
			for { // once at least
				begun := time.Now()
				runtime.GC()
				cycles = append(cycles, time.Since(begun))
				if stop.Load() {
					return
				}
			}
		})
	}
	latencies, missed := new(histogram), 0
	r := rand.NewPCG(3, 4)
	runtime.LockOSThread()
	begun := time.Now()
	for at := begun; at.Sub(begun) < 10*s.budget; {
		key := keyOf(r.Uint64() % uint64(s.sessions))
		from := time.Now()
		if !st.find(key) {
			missed++
		}
		at = time.Now()
		latencies.add(at.Sub(from))
	}
	runtime.UnlockOSThread()
	stop.Store(true)
	collecting.Wait()
	if missed > 0 {
		return nil, fmt.Errorf("%d sessions were not found", missed)
	}
	var after debug.GCStats
	debug.ReadGCStats(&after)
	m := measurement{
		"lookups": latencies.count,
		"p50_ns":  latencies.quantile(0.5), "p99_ns": latencies.quantile(0.99),
		"p99_9_ns": latencies.quantile(0.999), "max_ns": latencies.max,
	}
	if collect {
		// The newest pauses come first; of many cycles not all are kept.
		pauses := after.Pause[:min(len(after.Pause), int(after.NumGC-before.NumGC))]
		slices.Sort(cycles)
		m["cycles"], m["cycle_ns"] = len(cycles), cycles[len(cycles)/2]
		m["pause_ns"], m["pause_max_ns"] = median(pauses), slices.Max(pauses)
	}
	return m, nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
