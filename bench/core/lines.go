package main

import (
	"sync"
	"sync/atomic"
)

// A line and its neighbour: processors fetch two at a time.
const lineSize = 128

// line is memory that shares its lines with nothing else.
type line struct {
	word   uint64
	mu     sync.Mutex
	closed chan struct{}
	_      [lineSize - 24]byte
}

// measureLines measures what memory that threads share costs them, beside memory
// of their own:
//
//	add      an atomic addition: a counter, a reference
//	read     a read of what nobody writes
//	lock     a mutex around nothing
//	receive  from a closed channel: what the runtime does at each entry from C
//
// and "read-written", a read of what one other thread writes all the time.
func measureLines(s settings, report func(measurement)) error {
	lines := make([]line, s.threads+1)
	for i := range lines {
		lines[i].closed = make(chan struct{})
		close(lines[i].closed)
	}
	var sink atomic.Uint64
	operations := []struct {
		name string
		do   func(l *line, times int)
	}{
		{"add", func(l *line, times int) {
			for range times {
				atomic.AddUint64(&l.word, 1)
			}
		}},
		{"read", func(l *line, times int) {
			sum := uint64(0)
			for range times {
				sum += atomic.LoadUint64(&l.word)
			}
			if sum == 1 {
				sink.Store(sum)
			}
		}},
		{"lock", func(l *line, times int) {
			for range times {
				l.mu.Lock()
				//lint:ignore SA2001 the lock itself is measured
				l.mu.Unlock()
			}
		}},
		{"receive", func(l *line, times int) {
			for range times {
				<-l.closed
			}
		}},
	}
	for _, o := range operations {
		for _, threads := range counts(s.threads) {
			shared := together(threads, s.budget, func(_, times int) { o.do(&lines[0], times) })
			own := together(threads, s.budget, func(i, times int) { o.do(&lines[i], times) })
			report(measurement{"op": o.name, "threads": threads, "line": "shared", "ns": shared})
			report(measurement{"op": o.name, "threads": threads, "line": "own", "ns": own})
		}
	}
	add, read := operations[0].do, operations[1].do
	for _, threads := range counts(s.threads) {
		if threads == 1 {
			continue
		}
		ns := beside(threads-1, 1, s.budget,
			func(_, times int) { read(&lines[0], times) },
			func(_, times int) { add(&lines[0], times) })
		report(measurement{"op": "read-written", "threads": threads, "line": "shared", "ns": ns})
	}
	return nil
}
