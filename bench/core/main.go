// Command core measures the Go core by itself, without C: which lines of memory
// threads share and what that costs them, and what the garbage collector does to
// lookups. It prints one JSON object a line, as the C programs of the benchmark
// do.
//
//	go run ./bench/core [-threads N] [-ms N] [-sessions N] [lines|table|region|gc ...]
//	go run ./bench/core -redis redis://127.0.0.1:6379 store
//
// The second form writes to a Redis that must be empty, and asks it what that took.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// settings are those of the command line.
type settings struct {
	threads  int           // the most that are measured
	budget   time.Duration // of each measurement
	sessions int           // of the measurements with the collector
	redis    string        // URL of an empty Redis
}

// measurement is one line of output: what was measured and what came of it.
type measurement map[string]any

// parts are what can be measured. Each reports what it measures.
var parts = []struct {
	name string
	run  func(s settings, report func(measurement)) error
	// asked: it is measured only if it is named.
	asked bool
}{
	{"lines", measureLines, false},
	{"table", measureTable, false},
	{"region", measureRegion, false},
	{"gc", measureCollector, false},
	{"store", measureStore, true},
}

func main() {
	s := settings{}
	flag.IntVar(&s.threads, "threads", runtime.NumCPU(), "the most threads")
	ms := flag.Int("ms", 200, "milliseconds of a measurement")
	flag.IntVar(&s.sessions, "sessions", 1_000_000, "sessions of the part gc")
	flag.StringVar(&s.redis, "redis", "redis://127.0.0.1:6379", "URL of the empty Redis of the part store")
	flag.Parse()
	s.budget = time.Duration(*ms) * time.Millisecond
	if err := run(s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(s settings, wanted []string) error {
	if s.threads < 1 || s.budget <= 0 || s.sessions < 1 {
		return fmt.Errorf("threads, milliseconds and sessions have to be more than 0")
	}
	known := map[string]bool{}
	for _, p := range parts {
		known[p.name] = len(wanted) == 0 && !p.asked
	}
	for _, name := range wanted {
		if _, ok := known[name]; !ok {
			return fmt.Errorf("there is no part %q", name)
		}
		known[name] = true
	}
	// One more than are measured: for the collector, or whoever starts them.
	runtime.GOMAXPROCS(s.threads + 1)
	encoder := json.NewEncoder(os.Stdout)
	var failed error
	for _, p := range parts {
		if !known[p.name] {
			continue
		}
		err := p.run(s, func(m measurement) {
			m["bench"] = p.name
			if err := encoder.Encode(m); err != nil && failed == nil {
				failed = err
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return failed
}
