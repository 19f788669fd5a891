package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/libsesscache/libsesscache/bench/measure"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// flushPlot is the worst wait of a second thread, with and without a flush.
var flushPlot = plotting{"flush", 1, func(_ []measure.Measurement, comparisons []measure.Comparison) ([]*plot.Plot, error) {
	during, quiet := waits(comparisons, "worst_ns"), waits(comparisons, "quiet_worst_ns")
	if len(during) == 0 || len(during) != len(quiet) {
		return nil, nil
	}
	p := newPlot("worst wait of a second thread, "+paramText(during[0].Params["sessions"])+" sessions",
		"sessions that are expired and flushed", "worst wait")
	var names []string
	var series [4]plotter.XYs
	for i, c := range during {
		names = append(names, fmt.Sprint(c.Params["expired"]))
		for place, value := range []float64{c.BaseValue.Median, c.SideValue.Median,
			quiet[i].BaseValue.Median, quiet[i].SideValue.Median} {
			// A little beside each other, so that none hides another.
			series[place] = append(series[place], plotter.XY{X: float64(i) + 0.12*(float64(place)-1.5), Y: max(value, 1)})
		}
	}
	for place, name := range []string{"stock, flush", "library, flush", "stock, no flush", "library, no flush"} {
		if err := addDots(p, place, name, series[place]); err != nil {
			return nil, err
		}
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.5, float64(len(names))-0.5
	p.Y.Max *= 30 // room for the legend
	logarithmic(&p.Y, timeLabel)
	return []*plot.Plot{p}, nil
}}

// waits are the comparisons of a value at the largest number of sessions,
// shuffled in memory.
func waits(comparisons []measure.Comparison, value string) []measure.Comparison {
	largest := 0.0
	for _, c := range comparisons {
		largest = max(largest, sessions(c.Params))
	}
	return slices.DeleteFunc(slices.Clone(comparisons), func(c measure.Comparison) bool {
		return c.Value != value || sessions(c.Params) != largest || c.Params["memory"] != "shuffled"
	})
}

// addDots draws points without a line.
func addDots(p *plot.Plot, place int, name string, points plotter.XYs) error {
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.Color = colours[place%2]
	dots.Radius = vg.Points(4)
	dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}}[place]
	p.Add(dots)
	p.Legend.Add(name, dots)
	return nil
}

// handshakePlot is handshakes a second of all three sides.
var handshakePlot = plotting{"handshake", 2, func(measurements []measure.Measurement, _ []measure.Comparison) ([]*plot.Plot, error) {
	var plots []*plot.Plot
	for _, kind := range []string{"resumed", "full"} {
		p := newPlot(kind+" handshakes in one process", "protocol, threads", "handshakes a second")
		var names []string
		for _, m := range configurationsOf(measurements) {
			protocol := strings.Replace(fmt.Sprint(m.Params["protocol"]), "tls1", "TLS 1.", 1)
			names = append(names, fmt.Sprintf("%s, %v", protocol, m.Params["threads"]))
		}
		sides := []string{measure.Stock, measure.Library, external}
		titles := []string{measure.Stock, measure.Library, "stock, cache of the application"}
		for place, side := range sides {
			values := medians(measurements, side, kind+"_per_second")
			if len(values) != len(names) {
				return nil, nil
			}
			if err := addBars(p, place, len(sides), titles[place], values); err != nil {
				return nil, err
			}
		}
		p.NominalX(names...)
		plots = append(plots, p)
	}
	return plots, nil
}}

// configurationsOf is the first measurement of each configuration.
func configurationsOf(measurements []measure.Measurement) []measure.Measurement {
	var first []measure.Measurement
	for _, m := range measurements {
		if !slices.ContainsFunc(first, func(other measure.Measurement) bool { return other.Key() == m.Key() }) {
			first = append(first, m)
		}
	}
	return first
}

// medians has a side's median of a value for each configuration that has it.
func medians(measurements []measure.Measurement, side, value string) plotter.Values {
	var values plotter.Values
	for _, first := range configurationsOf(measurements) {
		var rounds []float64
		for _, m := range measurements {
			if figure, found := m.Values[value]; found && m.Side == side && m.Key() == first.Key() {
				rounds = append(rounds, figure)
			}
		}
		if len(rounds) > 0 {
			values = append(values, measure.Median(rounds))
		}
	}
	return values
}

// serversPlot is the latency of servers at the same rate of arrivals.
var serversPlot = plotting{"servers", 3, func(measurements []measure.Measurement, _ []measure.Comparison) ([]*plot.Plot, error) {
	percentiles := []struct{ value, name string }{
		{"p50_ms", "p50"}, {"p99_ms", "p99"}, {"p999_ms", "p99.9"},
	}
	var plots []*plot.Plot
	for _, first := range configurationsOf(measurements) {
		if first.Params["loop"] != "open" {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(measurements), func(m measure.Measurement) bool { return m.Key() != first.Key() })
		p := newPlot(strings.ReplaceAll(strings.TrimSuffix(first.Key(), " loop=open"), "loop=open ", "")+", equal arrivals",
			"percentile of resumed handshakes", "latency")
		var sides []string
		for _, m := range of {
			if !slices.Contains(sides, m.Side) {
				sides = append(sides, m.Side)
			}
		}
		slices.SortStableFunc(sides, func(a, b string) int { return rank(a) - rank(b) })
		var names []string
		for _, percentile := range percentiles {
			names = append(names, percentile.name)
		}
		for place, side := range sides {
			var points plotter.XYs
			for i, percentile := range percentiles {
				if values := medians(of, side, percentile.value); len(values) == 1 {
					points = append(points, plotter.XY{X: float64(i), Y: math.Max(values[0]*1e6, 1)})
				}
			}
			if err := addLine(p, place, side, points); err != nil {
				return nil, err
			}
		}
		p.NominalX(names...)
		p.Legend.Left = true
		p.Y.Max *= 10 // room for the legend
		logarithmic(&p.Y, timeLabel)
		plots = append(plots, p)
	}
	return plots, nil
}}

// rank puts stock first and the library second, so that each always has its colour.
func rank(side string) int {
	switch side {
	case measure.Stock:
		return 0
	case measure.Library:
		return 1
	}
	return 2
}
