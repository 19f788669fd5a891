package main

import (
	"testing"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// op is a measurement of an operation.
func op(name string, sessions, threads float64, timeouts, side string, round int, ns float64) measure.Measurement {
	return measure.Measurement{
		Bench: "ops", Side: side, Round: round, Values: map[string]float64{"ns": ns},
		Params: map[string]any{"op": name, "sessions": sessions, "threads": threads, "timeouts": timeouts},
	}
}

func TestForm_table(t *testing.T) {
	comparisons := withStock([]measure.Measurement{
		op("hit", 20000, 2, "equal", measure.Stock, 0, 400), op("hit", 20000, 2, "equal", measure.Library, 0, 100),
		op("add", 20000, 1, "random", measure.Stock, 0, 500000), op("add", 20000, 1, "random", measure.Library, 0, 10000),
		op("hit", 1000, 1, "equal", measure.Stock, 0, 100), op("hit", 1000, 1, "equal", measure.Library, 0, 126),
		op("hit", 1000, 1, "equal", measure.Library, 1, 110), op("hit", 1000, 1, "equal", measure.Stock, 1, 100),
		op("hit", 5000, 1, "equal", measure.Stock, 0, 1), op("hit", 5000, 1, "equal", measure.Library, 0, 1),
	})
	table := opsForm.table(comparisons)
	assert.Equal(t, []string{"operation", "timeouts", "sessions", "threads", "stock", "library", "ratio", "min to max", "target", ""},
		table.head)
	assert.Equal(t, [][]string{
		{"hit", "equal", "1,000", "1", "100 ns", "118 ns", "1.180", "1.100 to 1.260", "≤ 1.2", "met"},
		{"hit", "equal", "20,000", "2", "400 ns", "100 ns", "0.250", "-", "≤ 0.6", "met"},
		{"add", "random", "20,000", "1", "500 µs", "10.0 µs", "0.02", "-", "≤ 0.01", "not met"},
	}, table.rows)
}

func TestForm_tableOfSeveralSides(t *testing.T) {
	measured := func(side string, threads, perSecond float64) measure.Measurement {
		return measure.Measurement{
			Bench: "haproxy", Side: side, Values: map[string]float64{"resumed_per_s": perSecond, "cpu_us": 1e6 / perSecond},
			Params: map[string]any{"threads": threads, "loop": "closed"},
		}
	}
	table := serversForm.table(withStockEach([]measure.Measurement{
		measured(measure.Stock, 2, 1000), measured(measure.Library, 2, 1100), measured("library-between", 2, 900),
	}))
	assert.Equal(t, []string{"server", "workers", "threads", "loop", "figure", "side", "stock", "its", "ratio", "min to max", "target", ""},
		table.head)
	assert.Equal(t, [][]string{
		{"haproxy", "-", "2", "closed", "resumed", "library", "1000/s", "1100/s", "1.100", "-", "≥ 1", "met"},
		{"haproxy", "-", "2", "closed", "resumed", "library-between", "1000/s", "900/s", "0.900", "-", "", ""},
		{"haproxy", "-", "2", "closed", "CPU of the server by handshake", "library", "1.00 ms", "909 µs", "0.909", "-", "", ""},
		{"haproxy", "-", "2", "closed", "CPU of the server by handshake", "library-between", "1.00 ms", "1.11 ms", "1.111", "-", "", ""},
	}, table.rows)
}

func TestTable_text(t *testing.T) {
	table := table{head: []string{"a", "time"}, rows: [][]string{{"add", "1 µs"}, {"b", ""}}}
	assert.Equal(t, "a    time\nadd  1 µs\nb\n", table.text())
	assert.Equal(t, "| a | time |\n|---|---|\n| add | 1 µs |\n| b |  |\n", table.markdown())
}

func TestValueText(t *testing.T) {
	for _, c := range []struct {
		name  string
		value float64
		text  string
	}{
		{"ns", 0.5, "0.5 ns"}, {"ns", 99.96, "100.0 ns"}, {"flush_ns", 1234, "1.23 µs"}, {"ns", 173e6, "173 ms"},
		{"p99_ms", 11.5, "11.5 ms"}, {"cpu_us", 58, "58.0 µs"}, {"session_bytes", 1055.4, "1055 B"},
		{"start_bytes", 5e6, "5.00 MB"}, {"resumed_per_second", 5770.3, "5770/s"}, {"resumed_share", 1, "1.00"}, {"x", 0, "0"},
	} {
		assert.Equal(t, c.text, valueText(c.name, c.value), "%s %g", c.name, c.value)
	}
}

func TestParamText(t *testing.T) {
	for value, text := range map[any]string{
		1: "1", 999.0: "999", 1000.0: "1,000", 20480: "20,480", 1e6: "1,000,000", "equal": "equal", 1.5: "1.5",
	} {
		assert.Equal(t, text, paramText(value))
	}
	assert.Equal(t, "-", paramText(nil))
}

func TestTargets(t *testing.T) {
	of := func(measurements ...measure.Measurement) measure.Comparison {
		comparisons := withStock(measurements)
		require.Len(t, comparisons, 1)
		return comparisons[0]
	}
	ratio := func(name string, sessions, threads float64, timeouts string, ratio float64) measure.Comparison {
		return of(op(name, sessions, threads, timeouts, measure.Stock, 0, 1000),
			op(name, sessions, threads, timeouts, measure.Library, 0, 1000*ratio))
	}
	for _, c := range []struct {
		comparison     measure.Comparison
		wanted, result string
	}{
		{ratio("add", 20000, 2, "random", 0.01), "≤ 0.01", "met"},
		{ratio("add", 20000, 2, "random", 0.011), "≤ 0.01", "not met"},
		{ratio("remove", 20000, 2, "random", 0.4), "≤ 0.4", "met"},
		{ratio("add-full", 20000, 4, "equal", 0.41), "≤ 0.4", "not met"},
		{ratio("add-full", 1e6, 4, "equal", 0.41), "", ""},
		{ratio("add", 1e6, 1, "equal", 1), "≤ 1", "met"},
		{ratio("add", 1000, 1, "random", 0.1), "", ""},
		{ratio("hit", 1000, 1, "random", 1.21), "≤ 1.2", "not met"},
		{ratio("hit", 1000, 4, "random", 0.6), "≤ 0.6", "met"},
		{ratio("miss", 1000, 4, "random", 7), "", ""},
	} {
		wanted, result := verdict(c.comparison)
		assert.Equal(t, c.wanted, wanted, c.comparison.Key())
		assert.Equal(t, c.result, result, c.comparison.Key())
	}
}

// A worst wait is a figure of its own: what stock does is of no account.
func TestTargets_value(t *testing.T) {
	wait := func(side string, ns float64) measure.Measurement {
		return measure.Measurement{
			Bench: "flush", Side: side, Params: map[string]any{"sessions": 1e6, "expired": "all"},
			Values: map[string]float64{"worst_ns": ns},
		}
	}
	_, result := verdict(withStock([]measure.Measurement{wait(measure.Stock, 0), wait(measure.Library, 1e6)})[0])
	assert.Equal(t, "met", result)
	wanted, result := verdict(withStock([]measure.Measurement{wait(measure.Stock, 4e8), wait(measure.Library, 1.1e6)})[0])
	assert.Equal(t, "≤ 1.00 ms", wanted)
	assert.Equal(t, "not met", result)
}

func TestTargetTable(t *testing.T) {
	table := targetTable(withStock([]measure.Measurement{
		op("hit", 1000, 1, "equal", measure.Stock, 0, 100), op("hit", 1000, 1, "equal", measure.Library, 0, 110),
		op("hit", 1000, 1, "random", measure.Stock, 0, 100), op("hit", 1000, 1, "random", measure.Library, 0, 150),
		op("hit", 1000, 2, "random", measure.Stock, 0, 100), op("hit", 1000, 2, "random", measure.Library, 0, 50),
	}))
	assert.Equal(t, [][]string{
		{"hit, one thread", "≤ 1.2", "1.500", "op=hit sessions=1000 threads=1 timeouts=random", "1 of 2", "not met"},
		{"hit, two and four threads", "≤ 0.6", "0.500", "op=hit sessions=1000 threads=2 timeouts=random", "1 of 1", "met"},
	}, table.rows)
}

// Where more is better, the lowest figure is the worst.
func TestTargetTable_atLeast(t *testing.T) {
	full := func(side string, threads, perSecond float64) measure.Measurement {
		return measure.Measurement{
			Bench: "handshake", Side: side, Params: map[string]any{"threads": threads},
			Values: map[string]float64{"full_per_second": perSecond},
		}
	}
	table := targetTable(measure.Compare([]measure.Measurement{
		full(better, 1, 100), full(measure.Library, 1, 98), full(better, 2, 100), full(measure.Library, 2, 99),
	}, better, measure.Library))
	require.Len(t, table.rows, 1)
	assert.Equal(t, []string{"≥ 0.99", "0.980", "full_per_second, threads=1", "1 of 2", "not met"}, table.rows[0][1:])
}

// The handshakes have to reach the better of two rivals, which is the same one in
// all rounds, though the other had better luck in one of them.
func TestWithAll(t *testing.T) {
	shake := func(side string, round int, perSecond, ns float64) measure.Measurement {
		return measure.Measurement{
			Bench: "handshake", Side: side, Round: round, Params: map[string]any{"protocol": "tls12"},
			Values: map[string]float64{"resumed_per_second": perSecond, "resumed_cpu_ns": ns},
		}
	}
	comparisons := withAll([]measure.Measurement{
		shake(measure.Stock, 0, 100, 10), shake(external, 0, 110, 8), shake(measure.Library, 0, 104.5, 8),
		shake(external, 1, 90, 16), shake(measure.Library, 1, 99, 12), shake(measure.Stock, 1, 100, 10),
		shake(measure.Stock, 2, 100, 10), shake(external, 2, 110, 8), shake(measure.Library, 2, 107.8, 8),
	})
	require.Len(t, comparisons, 6)
	last := comparisons[5]
	assert.Equal(t, better, last.Base)
	assert.Equal(t, "resumed_per_second", last.Value)
	assert.InDelta(t, 0.95, last.Ratio.Min, 1e-9)
	assert.InDelta(t, 1.1, last.Ratio.Max, 1e-9)
	_, result := verdict(last)
	assert.Equal(t, "not met", result, "0.98 in the middle")
	times := comparisons[4].Ratio
	assert.InDelta(t, 0.75, times.Min, 1e-9)
	assert.InDelta(t, 1, times.Max, 1e-9, "of times the lower")
}
