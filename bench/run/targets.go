package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// kind is what a target is about.
type kind int

const (
	ratioAtMost  kind = iota // library divided by the other side
	ratioAtLeast             // the same, where more is better
	valueAtMost              // the library's own figure
)

// target is what a figure of the library has to reach.
type target struct {
	text    string
	bench   string
	values  []string
	base    string // the side compared with
	applies func(params map[string]any) bool
	kind    kind
	limit   float64
}

func sessions(params map[string]any) float64 { return numberOf(params["sessions"]) }
func threads(params map[string]any) float64  { return numberOf(params["threads"]) }

// isOp tells whether the operation of an "ops" run is one of these.
func isOp(params map[string]any, ops ...string) bool {
	op, _ := params["op"].(string)
	return slices.Contains(ops, op)
}

// targets are all there are. The first that covers a figure is its target.
var targets = []target{
	{
		text:  "random timeouts, 20,000 sessions and more: add, re-add, add at capacity",
		bench: "ops", values: []string{"ns"}, base: measure.Stock, kind: ratioAtMost, limit: 0.01,
		applies: func(p map[string]any) bool {
			return p["timeouts"] == "random" && sessions(p) >= 20000 && isOp(p, "add", "re-add", "add-full")
		},
	},
	{
		text:  "two threads and more, 20,000 sessions: add, remove, add at capacity",
		bench: "ops", values: []string{"ns"}, base: measure.Stock, kind: ratioAtMost, limit: 0.4,
		applies: func(p map[string]any) bool {
			return threads(p) >= 2 && sessions(p) == 20000 && isOp(p, "add", "remove", "add-full")
		},
	},
	{
		text:  "one thread, 20,000 and 1 million sessions: add, remove, add at capacity",
		bench: "ops", values: []string{"ns"}, base: measure.Stock, kind: ratioAtMost, limit: 1,
		applies: func(p map[string]any) bool {
			return threads(p) == 1 && (sessions(p) == 20000 || sessions(p) == 1e6) &&
				isOp(p, "add", "remove", "add-full")
		},
	},
	{
		text:  "hit, one thread",
		bench: "ops", values: []string{"ns"}, base: measure.Stock, kind: ratioAtMost, limit: 1.2,
		applies: func(p map[string]any) bool { return threads(p) == 1 && isOp(p, "hit") },
	},
	{
		text:  "hit, two and four threads",
		bench: "ops", values: []string{"ns"}, base: measure.Stock, kind: ratioAtMost, limit: 0.6,
		applies: func(p map[string]any) bool { return threads(p) >= 2 && isOp(p, "hit") },
	},
	{
		text:  "flush of 1 million sessions: worst wait of a thread for another",
		bench: "flush", values: []string{"waited_worst_ns"}, base: measure.Stock,
		kind: valueAtMost, limit: 1e6, applies: func(p map[string]any) bool { return sessions(p) >= 1e6 },
	},
	{
		text:  "flush of 1 million sessions: worst call, also if the machine did not run the thread",
		bench: "flush", values: []string{"worst_ns"}, base: measure.Stock,
		kind: valueAtMost, limit: 1e6, applies: func(p map[string]any) bool { return sessions(p) >= 1e6 },
	},
	{
		text:  "flush of 1 million sessions: the flush itself",
		bench: "flush", values: []string{"flush_ns"}, base: measure.Stock,
		kind: ratioAtMost, limit: 1, applies: func(p map[string]any) bool { return sessions(p) >= 1e6 },
	},
	{
		text:  "handshakes a second, beside the better of stock's cache and one of the application",
		bench: "handshake", values: []string{"resumed_per_second", "full_per_second"}, base: better,
		kind: ratioAtLeast, limit: 0.99,
	},
	{
		text:  "resident memory by session, 1 million sessions",
		bench: "memory", values: []string{"session_bytes"}, base: measure.Stock,
		kind: ratioAtMost, limit: 1.15, applies: func(p map[string]any) bool { return sessions(p) >= 1e6 },
	},
	{
		text:  "first session of a process, with the start of the Go core",
		bench: "start", values: []string{"first_ns"}, base: measure.Stock, kind: valueAtMost, limit: 5e6,
	},
	{
		text:  "nginx, 1 worker, beside `builtin`: resumed handshakes a second",
		bench: "nginx", values: []string{"resumed_per_s"}, base: measure.Stock, kind: ratioAtLeast, limit: 0.99,
		applies: func(p map[string]any) bool { return numberOf(p["workers"]) == 1 && p["loop"] == "closed" },
	},
	{
		text:  "nginx, 4 workers, beside its `shared`: resumed handshakes a second",
		bench: "nginx", values: []string{"resumed_per_s"}, base: measure.Stock, kind: ratioAtLeast, limit: 1,
		applies: func(p map[string]any) bool { return numberOf(p["workers"]) == 4 && p["loop"] == "closed" },
	},
	{
		text:  "nginx, 4 workers, beside its `shared`: p99 at the same rate of arrivals",
		bench: "nginx", values: []string{"p99_ms"}, base: measure.Stock, kind: ratioAtMost, limit: 1,
		applies: func(p map[string]any) bool { return numberOf(p["workers"]) == 4 && p["loop"] == "open" },
	},
	{
		text:  "haproxy, 2 threads, beside its own cache: resumed handshakes a second",
		bench: "haproxy", values: []string{"resumed_per_s"}, base: measure.Stock, kind: ratioAtLeast, limit: 1,
		applies: func(p map[string]any) bool { return p["loop"] == "closed" },
	},
	{
		text:  "1 million sessions, 4 workers, beside `builtin`: memory by session",
		bench: "workers", values: []string{"session_bytes"}, base: measure.Stock, kind: ratioAtMost, limit: 0.25,
		applies: func(p map[string]any) bool { return sessions(p) >= 1e6 },
	},
}

// targetOf is the target of a figure, or nil.
func targetOf(c measure.Comparison) *target {
	for i, t := range targets {
		if t.bench == c.Bench && t.base == c.Base && c.Side == measure.Library && slices.Contains(t.values, c.Value) &&
			(t.applies == nil || t.applies(c.Params)) {
			return &targets[i]
		}
	}
	return nil
}

// figure is what is compared with the limit: the median of the rounds.
func (t target) figure(c measure.Comparison) float64 {
	if t.kind == valueAtMost {
		return c.SideValue.Median
	}
	return c.Ratio.Median
}

// met tells whether the figure reaches the target. One without a pair does not.
func (t target) met(c measure.Comparison) bool {
	switch {
	case t.kind == valueAtMost:
		return c.SideValue.Rounds > 0 && t.figure(c) <= t.limit
	case c.Ratio.Rounds == 0:
		return false
	case t.kind == ratioAtLeast:
		return t.figure(c) >= t.limit
	}
	return t.figure(c) <= t.limit
}

// wanted is the limit for a reader.
func (t target) wanted(value string) string {
	switch t.kind {
	case ratioAtLeast:
		return fmt.Sprintf("≥ %g", t.limit)
	case valueAtMost:
		return "≤ " + valueText(value, t.limit)
	}
	return fmt.Sprintf("≤ %g", t.limit)
}

// verdict is the target of a figure and whether it is met; nothing without one.
func verdict(c measure.Comparison) (wanted, result string) {
	t := targetOf(c)
	if t == nil {
		return "", ""
	}
	if t.met(c) {
		return t.wanted(c.Value), "met"
	}
	return t.wanted(c.Value), "not met"
}

// targetTable has a line for each target that something was measured of: how
// many of its figures reach it, and the one that is farthest from it.
func targetTable(comparisons []measure.Comparison) table {
	result := table{section: "targets", head: []string{"target", "wanted", "worst", "where", "figures met", ""}}
	for i := range targets {
		t := &targets[i]
		var covered []measure.Comparison
		met := 0
		for _, c := range comparisons {
			if targetOf(c) == t {
				covered = append(covered, c)
				if t.met(c) {
					met++
				}
			}
		}
		if len(covered) == 0 {
			continue
		}
		worst := t.worst(covered)
		figure := ratioText(worst.Ratio)
		if t.kind == valueAtMost {
			figure = valueText(worst.Value, t.figure(worst))
		}
		word := "not met"
		if met == len(covered) {
			word = "met"
		}
		result.rows = append(result.rows, []string{t.text, t.wanted(worst.Value), figure, place(worst),
			fmt.Sprintf("%d of %d", met, len(covered)), word})
	}
	return result
}

// worst is the figure farthest from the target.
func (t target) worst(covered []measure.Comparison) measure.Comparison {
	return slices.MaxFunc(covered, func(a, b measure.Comparison) int {
		sign := 1
		if t.kind == ratioAtLeast {
			sign = -1
		}
		switch left, right := t.figure(a), t.figure(b); {
		case left < right:
			return -sign
		case left > right:
			return sign
		}
		return 0
	})
}

// place names a figure: the value if it has a name of its own, and the configuration.
func place(c measure.Comparison) string {
	name := strings.TrimPrefix(c.Key(), c.Bench+" ")
	if c.Value == "ns" {
		return name
	}
	return c.Value + ", " + name
}
