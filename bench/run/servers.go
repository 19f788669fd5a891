package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/libsesscache/libsesscache/bench/servers"
)

func runServers(ctx context.Context, r runner) ([]measure.Measurement, error) {
	parts := slices.DeleteFunc(servers.Parts(), func(name string) bool { return !r.wants("servers " + name) })
	if len(parts) == 0 {
		return nil, nil
	}
	return servers.Run(ctx, servers.Options{
		Quick: r.quick, Library: r.library, Tlsload: r.tlsload, Programs: r.programs, Only: parts,
		Log: func(format string, arguments ...any) { fmt.Fprintf(r.progress, format+"\n", arguments...) },
	})
}

// withStockEach compares every side with stock.
func withStockEach(measurements []measure.Measurement) []measure.Comparison {
	var sides []string
	for _, m := range measurements {
		if m.Side != measure.Stock && !slices.Contains(sides, m.Side) {
			sides = append(sides, m.Side)
		}
	}
	var comparisons []measure.Comparison
	for _, side := range sides {
		comparisons = append(comparisons, measure.Compare(measurements, measure.Stock, side)...)
	}
	return comparisons
}

var serversForm = form{
	section: "servers", title: "Servers under load, resumed handshakes",
	columns: []column{{"bench", "server"}, {"workers", "workers"}, {"threads", "threads"}, {"loop", "loop"}},
	figures: []figure{
		{"resumed_per_s", "resumed"}, {"cpu_us", "CPU of the server by handshake"},
		{"p50_ms", "p50"}, {"p99_ms", "p99"}, {"p999_ms", "p99.9"},
	},
	keep: func(c measure.Comparison) bool { return c.Bench == "nginx" || c.Bench == "haproxy" },
}

var workersForm = form{
	section: "workers", title: "Memory of a server with several processes",
	columns: []column{{"bench", "program"}, {"workers", "workers"}, {"sessions", "sessions"}},
	figures: []figure{{"session_bytes", "by session"}, {"total_bytes", "total"}},
	keep:    func(c measure.Comparison) bool { return c.Bench == "workers" || c.Bench == "workers-nginx" },
}
