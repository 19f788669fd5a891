package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// spread is the middle value of several runs and how far they lie apart.
type spread struct {
	median, low, high float64
}

func spreadOf(runs []measurement, value func(measurement) float64) spread {
	values := make([]float64, 0, len(runs))
	for _, run := range runs {
		values = append(values, value(run))
	}
	slices.Sort(values)
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + values[middle]) / 2
	}
	return spread{median, values[0], values[len(values)-1]}
}

func (s spread) format(verb string) string {
	return fmt.Sprintf(verb+" ("+verb+" to "+verb+")", s.median, s.low, s.high)
}

func rate(m measurement) float64 { return m.load.Rate }

// sum adds up a count over all runs.
func sum(runs []measurement, count func(load) int) int {
	total := 0
	for _, run := range runs {
		total += count(run.load)
	}
	return total
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// coreFigures is the sum of what all processes of all runs counted.
func coreFigures(runs []measurement) statfile.Process {
	var all []statfile.Process
	for _, run := range runs {
		all = append(all, run.figures...)
	}
	return statfile.Sum(all)
}

// writeTable prints both kinds beside each other: counts as sums over the runs,
// measures as the median of the runs with their lowest and highest.
func writeTable(out io.Writer, stock, preloaded []measurement) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(name, left, right string) { fmt.Fprintf(table, "%s\t%s\t%s\n", name, left, right) }
	counted := func(name string, count func(load) int) {
		row(name, fmt.Sprint(sum(stock, count)), fmt.Sprint(sum(preloaded, count)))
	}
	measured := func(name, verb string, value func(measurement) float64) {
		row(name, spreadOf(stock, value).format(verb), spreadOf(preloaded, value).format(verb))
	}
	full := func(l load) int { return l.Full }
	resumed := func(l load) int { return l.Resumed }
	offered := func(l load) int { return l.Offered }
	made := func(l load) int { return l.Full + l.Resumed }

	row("", stockName, libraryName)
	counted("full handshakes", full)
	counted("resumed handshakes", resumed)
	row("share resumed", percent(sum(stock, resumed), sum(stock, made)),
		percent(sum(preloaded, resumed), sum(preloaded, made)))
	row("  of the sessions offered", percent(sum(stock, resumed), sum(stock, offered)),
		percent(sum(preloaded, resumed), sum(preloaded, offered)))
	measured("handshakes a second", "%.0f", rate)
	measured("latency p50, ms", "%.2f", func(m measurement) float64 { return m.load.Latency.P50 })
	measured("latency p99, ms", "%.2f", func(m measurement) float64 { return m.load.Latency.P99 })
	measured("CPU of nginx a handshake, µs", "%.0f", func(m measurement) float64 {
		return float64(m.cpu.Microseconds()) / float64(max(1, m.load.Full+m.load.Resumed))
	})
	measured("memory of nginx, MB", "%.1f",
		func(m measurement) float64 { return float64(m.memory) / (1 << 20) })

	core := coreFigures(preloaded)
	for _, figure := range []struct {
		name  string
		value uint64
	}{
		{"Go core: lookups", core.Core.Lookups},
		{"  hits, session of the same worker", core.Core.Hits - core.Core.SharedHits - core.Core.StoredHits},
		{"  hits, session of another worker", core.Core.SharedHits},
		{"  misses", core.Core.Misses},
		{"shared memory: sessions stored", core.Region.Puts},
		{"  evicted", core.Region.Evicted},
	} {
		row(figure.name, "-", fmt.Sprint(figure.value))
	}
	row("start of the Go core, a process", "-", coreStart(preloaded))
	_ = table.Flush()
}

// coreStart says how long the processes waited, once each, for their Go core.
func coreStart(runs []measurement) string {
	var started []measurement
	for _, run := range runs {
		for _, process := range run.figures {
			if process.CoreStartNanos > 0 {
				started = append(started, measurement{figures: []statfile.Process{process}})
			}
		}
	}
	if len(started) == 0 {
		return "not started"
	}
	return spreadOf(started, func(m measurement) float64 {
		return float64(m.figures[0].CoreStartNanos) / float64(time.Millisecond)
	}).format("%.2f") + " ms"
}

// verdict says in words what was resumed and what the rates say, measured against their own noise.
func verdict(stock, preloaded []measurement) string {
	return resumption(stock, preloaded) + "\n" + speed(stock, preloaded)
}

// resumption says how many of the sessions that clients offered were resumed, and by whom.
func resumption(stock, preloaded []measurement) string {
	taken := func(runs []measurement) string {
		return percent(sum(runs, func(l load) int { return l.Resumed }),
			sum(runs, func(l load) int { return l.Offered }))
	}
	text := fmt.Sprintf("Of the sessions offered, stock resumed %s: a worker knows its own. "+
		"libsesscache\nresumed %s: the workers share theirs.", taken(stock), taken(preloaded))
	core := coreFigures(preloaded)
	resumed := sum(preloaded, func(l load) int { return l.Resumed })
	switch {
	case core.CoreState == statfile.CoreUnavailable || core.Core.Hits == 0 && resumed > 0:
		text += "\nThe Go core did not serve: libssl's own cache did."
	case core.Core.Hits == uint64(resumed):
		text += "\nEvery resumption with the library was a hit of the Go core."
	default:
		text += fmt.Sprintf("\n%d of the %d resumptions with the library were hits of the Go core.",
			core.Core.Hits, resumed)
	}
	return text
}

func speed(stock, preloaded []measurement) string {
	left, right := spreadOf(stock, rate), spreadOf(preloaded, rate)
	change := 100 * (right.median/left.median - 1)
	noise := 100 * max(left.high-left.low, right.high-right.low) / left.median
	text := fmt.Sprintf("Handshakes a second with libsesscache: %+.1f %% against stock", change)
	switch {
	case len(stock) == 1:
		text += "; one run of each kind says nothing of the noise."
	case math.Abs(change) <= noise:
		text += fmt.Sprintf(", within the noise: the runs of one kind lie up to %.1f %% apart.", noise)
	default:
		text += fmt.Sprintf(", more than the noise: the runs of one kind lie up to %.1f %% apart.", noise)
	}
	return text
}
