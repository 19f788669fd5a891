package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// The rivals of a handshake, beside stock libssl's internal cache.
const (
	external = "external" // the application's cache, behind the callbacks of stock libssl
	better   = "better"   // the better of stock and external
)

// emptyGo is a library of Go that does nothing, beside which the start of the core is measured.
const emptyGo = "empty-go"

// suite is a part of the benchmark with a file of results of its own.
type suite struct {
	name    string
	run     func(ctx context.Context, r runner) ([]measure.Measurement, error)
	compare func([]measure.Measurement) []measure.Comparison
	forms   []form
	plots   []plotting
}

// tables are those of the suite that have a line.
func (s suite) tables(comparisons []measure.Comparison) []table {
	var tables []table
	for _, f := range s.forms {
		if t := f.table(comparisons); len(t.rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

// suites are run in this order.
var suites = []suite{
	{"ops", runOps, withStock, []form{opsForm, curveForm}, []plotting{opsPlot, curvePlot}},
	{"flush", runFlush, withStock, []form{flushForm}, []plotting{flushPlot}},
	{"handshake", runHandshake, withAll, []form{handshakeForm}, []plotting{handshakePlot}},
	{"memory", runMemory, withStock, []form{memoryForm}, nil},
	{"start", runStart, withStockEach, []form{startForm}, nil},
	{"servers", runServers, withStockEach, []form{serversForm, workersForm}, []plotting{serversPlot}},
}

// withStock compares the library with stock libssl.
func withStock(measurements []measure.Measurement) []measure.Comparison {
	return measure.Compare(measurements, measure.Stock, measure.Library)
}

// withAll compares it with the application's cache too, and with the better of the two.
func withAll(measurements []measure.Measurement) []measure.Comparison {
	stock := withStock(measurements)
	application := measure.Compare(measurements, external, measure.Library)
	return slices.Concat(stock, application, betterOf(stock, application))
}

// betterOf chooses of two comparisons of a value the one with the rival that is
// better over all rounds, by the median. More is better of what is counted by
// second, less of times. To choose anew in each round would be to choose the rival
// that had better luck.
func betterOf(a, b []measure.Comparison) []measure.Comparison {
	var result []measure.Comparison
	for _, c := range a {
		i := slices.IndexFunc(b, func(other measure.Comparison) bool {
			return other.Key() == c.Key() && other.Value == c.Value
		})
		if i < 0 {
			continue
		}
		if more := b[i].BaseValue.Median > c.BaseValue.Median; more == strings.HasSuffix(c.Value, "_per_second") {
			c = b[i]
		}
		c.Base = better
		result = append(result, c)
	}
	return result
}

// The sizes of the matrix; the curve has more.
var (
	opsSizes   = []int{1000, 20000}
	curveSizes = []int{2000, 5000, 10000, 50000, 100000}
)

const million = 1000000

func runOps(ctx context.Context, r runner) ([]measure.Measurement, error) {
	number, milliseconds, turns, rounds, within := "1,2,4", "15", "4", 6, 230*time.Second
	points := curveSizes
	if r.quick {
		number, milliseconds, turns, rounds, within = "1,2", "10", "4", 2, 25*time.Second
		points = []int{5000}
	}
	var configurations []configuration
	for _, timeouts := range []string{"equal", "random"} {
		for _, size := range opsSizes {
			configurations = append(configurations,
				both("ops", rounds, number, fmt.Sprint(size), timeouts, milliseconds, turns))
		}
		if !r.quick {
			configurations = append(configurations, both("ops", 2, number, fmt.Sprint(million), timeouts, "40", "2"))
		}
	}
	for _, size := range points {
		configurations = append(configurations,
			both("ops", min(rounds, 3), "1", fmt.Sprint(size), "random", milliseconds, turns, "add"))
	}
	return r.turns(ctx, within, configurations)
}

var opsForm = form{
	section: "ops", title: "Operations, time of a call in each thread",
	columns: []column{{"op", "operation"}, {"timeouts", "timeouts"}, {"sessions", "sessions"}, {"threads", "threads"}},
	figures: []figure{{"ns", "time"}},
	keep: func(c measure.Comparison) bool {
		return slices.Contains(opsSizes, int(sessions(c.Params))) || sessions(c.Params) == million
	},
}

// inCurve chooses the adds whose time by number of sessions is a curve.
func inCurve(c measure.Comparison) bool {
	return c.Value == "ns" && isOp(c.Params, "add") && c.Params["timeouts"] == "random" && threads(c.Params) == 1
}

var curveForm = form{
	section: "curve", title: "Add with random timeouts, one thread, by number of sessions",
	columns: []column{{"sessions", "sessions"}}, figures: []figure{{"ns", "time"}}, keep: inCurve,
}

func runFlush(ctx context.Context, r runner) ([]measure.Measurement, error) {
	size, rounds, within := fmt.Sprint(million), 3, 110*time.Second
	if r.quick {
		size, rounds, within = "100000", 2, 15*time.Second
	}
	var configurations []configuration
	for _, expired := range []string{"all", "half", "none"} {
		configurations = append(configurations, both("flush", rounds, size, expired, "shuffled"))
	}
	if !r.quick {
		configurations = append(configurations, both("flush", rounds, size, "all"))
		for _, expired := range []string{"all", "half", "none"} {
			configurations = append(configurations, both("flush", rounds, "20000", expired, "shuffled"))
		}
	}
	return r.turns(ctx, within, configurations)
}

var flushForm = form{
	section: "flush", title: "Flush, and what a second thread waits meanwhile",
	columns: []column{{"sessions", "sessions"}, {"memory", "in memory"}, {"expired", "expired"}},
	figures: []figure{
		{"flush_ns", "flush"}, {"flushed_session_ns", "flush, by session flushed"},
		{"waited_worst_ns", "worst call that waited for another thread"},
		{"worst_ns", "worst call, also if the machine did not run it"}, {"quiet_worst_ns", "the same without a flush"},
		{"add_worst_ns", "add, worst"}, {"add_p999_ns", "add, p99.9"}, {"add_p50_ns", "add, p50"},
		{"lookup_worst_ns", "lookup, worst"}, {"lookup_p999_ns", "lookup, p99.9"}, {"lookup_p50_ns", "lookup, p50"},
		{"quiet_lookup_p999_ns", "lookup without a flush, p99.9"},
	},
}

func runHandshake(ctx context.Context, r runner) ([]measure.Measurement, error) {
	size, milliseconds, turns, rounds, within := "10000", "15", "60", 5, 130*time.Second
	if r.quick {
		size, milliseconds, turns, rounds, within = "2000", "15", "20", 3, 30*time.Second
	}
	var configurations []configuration
	for _, protocol := range []string{"tls12", "tls13"} {
		internal := []string{protocol, "internal", "1,2", size, milliseconds, turns}
		configurations = append(configurations, configuration{"handshake", rounds, []side{
			{measure.Stock, false, internal},
			{measure.Library, true, internal},
			{external, false, []string{protocol, "external", "1,2", size, milliseconds, turns}},
		}})
	}
	return r.turns(ctx, within, configurations)
}

var handshakeForm = form{
	section: "handshake", title: "Handshakes in one process, over memory",
	columns: []column{{"protocol", "protocol"}, {"threads", "threads"}},
	figures: []figure{
		{"resumed_per_second", "resumed"}, {"resumed_server_p50_ns", "resumed, server's part (p50)"},
		{"resumed_cpu_ns", "resumed, CPU of both ends"},
		{"full_per_second", "full"}, {"full_server_p50_ns", "full, server's part (p50)"},
		{"full_cpu_ns", "full, CPU of both ends"},
	},
	// Beside the rivals but stock's own cache, what has a target is enough.
	keep: func(c measure.Comparison) bool {
		return c.Base == measure.Stock || strings.HasSuffix(c.Value, "_per_second")
	},
}

func runMemory(ctx context.Context, r runner) ([]measure.Measurement, error) {
	size, rounds, within := fmt.Sprint(million), 2, 40*time.Second
	if r.quick {
		size, rounds, within = "100000", 1, 10*time.Second
	}
	return r.turns(ctx, within, []configuration{
		both("memory", rounds, size, "equal"), both("memory", rounds, size, "random"),
	})
}

var memoryForm = form{
	section: "memory", title: "Memory of a process",
	columns: []column{{"sessions", "sessions"}, {"timeouts", "timeouts"}},
	figures: []figure{
		{"session_bytes", "resident, by session"}, {"flushed_session_bytes", "the same after a flush"},
		{"start_bytes", "resident, once"}, {"first_session_ns", "first session"},
	},
}

func runStart(ctx context.Context, r runner) ([]measure.Measurement, error) {
	rounds, within := 3, 20*time.Second
	if r.quick {
		rounds, within = 1, 5*time.Second
	}
	const processes = "40"
	c := both("start", rounds, processes)
	c.sides = append(c.sides, side{emptyGo, false, []string{processes, filepath.Join(r.programs, "empty.so")}})
	return r.turns(ctx, within, []configuration{c})
}

var startForm = form{
	section: "start", title: "The first session of a process, and the second",
	columns: []column{{"processes", "processes"}},
	figures: []figure{
		{"first_ns", "first, median"}, {"first_quarter_ns", "first, quickest quarter"},
		{"first_three_quarters_ns", "first, three quarters"}, {"first_cpu_ns", "first, processor time of all threads"},
		{"first_faults", "first, page faults"}, {"second_ns", "second, median"},
	},
}
