package cache

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// worker does what one thread does and notes the references it is handed.
type worker struct {
	table *Table
	refs  *atomic.Uint64 // the last reference made
	r     *rand.Rand
	in    []Ref // kept by the table
	out   []Ref // handed out by it
	buf   [4]Ref
}

func (w *worker) key() Key       { return numbered(uint32(w.r.IntN(2000))) }
func (w *worker) object() Object { return Object(w.r.IntN(3)) }
func (w *worker) expiry() int64  { return int64(w.r.IntN(60)) }

func (w *worker) add() {
	ref := Ref(w.refs.Add(1))
	result, replaced, n, more := w.table.Add(w.key(), ref, 1+w.object(), w.expiry(), w.buf[:])
	if result != Same {
		w.in = append(w.in, ref)
	}
	if result == Replaced {
		w.out = append(w.out, replaced)
	}
	w.out = append(w.out, w.buf[:n]...)
	for more {
		_, n, more = w.table.Evict(w.buf[:])
		w.out = append(w.out, w.buf[:n]...)
	}
}

func (w *worker) look() {
	w.table.Lookup(w.key(), w.expiry())
	w.table.Contains(w.key())
	w.table.Touch(w.key(), 1+w.object(), w.expiry())
	w.table.Len()
	w.table.Counters()
}

func (w *worker) remove() {
	if ref, ok := w.table.Remove(w.key(), w.object(), w.expiry()); ok {
		w.out = append(w.out, ref)
	}
}

func (w *worker) flush() {
	c := w.table.Flush(int64(w.r.IntN(8)), w.r.IntN(200) == 0, w.expiry())
	for n := c.Next(w.buf[:]); n > 0; n = c.Next(w.buf[:]) {
		w.out = append(w.out, w.buf[:n]...)
	}
}

func (w *worker) snapshot() {
	seen := map[Ref]bool{}
	c := w.table.Snapshot()
	for n := c.Next(w.buf[:]); n > 0; n = c.Next(w.buf[:]) {
		for _, ref := range w.buf[:n] {
			if seen[ref] {
				panic("a snapshot gave a reference twice")
			}
			seen[ref] = true
		}
	}
}

func (w *worker) resize() { w.table.SetCapacity(uint64(500 + w.r.IntN(1000))) }

// Each reference that was handed in is handed out exactly once or still stored.
func TestTable_Concurrent(t *testing.T) {
	var totals Counters
	table := newTable(t, Options{Capacity: 1000, Totals: &totals})
	var refs atomic.Uint64
	var running sync.WaitGroup
	var workers []*worker
	start := func(times int, act func(*worker)) {
		w := &worker{table: table, refs: &refs, r: rand.New(rand.NewPCG(1, uint64(len(workers))))}
		workers = append(workers, w)
		running.Go(func() {
			for range times {
				act(w)
			}
		})
	}
	for range 3 {
		start(20_000, (*worker).add)
	}
	start(20_000, (*worker).look)
	start(20_000, (*worker).look)
	start(10_000, (*worker).remove)
	start(1000, (*worker).flush)
	start(1000, (*worker).flush)
	start(20, (*worker).snapshot)
	start(1000, (*worker).resize)
	running.Wait()

	stored := drain(table.Snapshot(), 100)
	require.Len(t, stored, int(table.Len()))
	var in []Ref
	out := stored
	for _, w := range workers {
		in = append(in, w.in...)
		out = append(out, w.out...)
	}
	require.Equal(t, sorted(in), sorted(out))

	counters := table.Counters()
	checkCounters(t, counters)
	require.Equal(t, counters, totals)
	require.Equal(t, uint64(len(in)), counters.Adds)
	require.Equal(t, uint64(40_000), counters.Lookups)
	require.Len(t, orderedEntries(&table.order), len(stored))
	checkTable(t, table)
}
