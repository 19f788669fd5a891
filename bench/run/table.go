package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// table is printed, and stands in docs/PERFORMANCE.md between the markers of
// its section.
type table struct {
	section string
	title   string
	head    []string
	rows    [][]string
}

// text is the table in columns.
func (t table) text() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// markdown is the table for the document.
func (t table) markdown() string {
	line := func(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }
	var b strings.Builder
	b.WriteString(line(t.head))
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		b.WriteString(line(row))
	}
	return b.String()
}

// column is a parameter that a table shows, or "bench" for the name of what was run.
type column struct{ param, title string }

func (column column) of(c measure.Comparison) any {
	if column.param == "bench" {
		return c.Bench
	}
	return c.Params[column.param]
}

// figure is a value that a table shows.
type figure struct{ value, title string }

// form is how comparisons become a table.
type form struct {
	section, title string
	columns        []column
	figures        []figure
	// keep chooses the comparisons; nil: all.
	keep func(measure.Comparison) bool
}

// table has a line for each comparison that has one of the figures: sorted by
// the columns from left to right, numbers by size, words as they came first.
func (f form) table(comparisons []measure.Comparison) table {
	lines := slices.DeleteFunc(slices.Clone(comparisons), func(c measure.Comparison) bool {
		return f.figureOf(c) < 0 || f.keep != nil && !f.keep(c)
	})
	f.sort(lines)
	bases := slices.ContainsFunc(lines, func(c measure.Comparison) bool { return c.Base != lines[0].Base })
	sides := slices.ContainsFunc(lines, func(c measure.Comparison) bool { return c.Side != lines[0].Side })
	t := table{section: f.section, title: f.title}
	for _, column := range f.columns {
		t.head = append(t.head, column.title)
	}
	if len(f.figures) > 1 {
		t.head = append(t.head, "figure")
	}
	baseTitle, sideTitle := measure.Stock, measure.Library
	if sides {
		t.head = append(t.head, "side")
		sideTitle = "its"
	}
	if bases {
		t.head = append(t.head, "beside")
		baseTitle = "that"
	}
	t.head = append(t.head, baseTitle, sideTitle, "ratio", "min to max", "target", "")
	for _, c := range lines {
		var row []string
		for _, column := range f.columns {
			row = append(row, paramText(column.of(c)))
		}
		if len(f.figures) > 1 {
			row = append(row, f.figures[f.figureOf(c)].title)
		}
		if sides {
			row = append(row, c.Side)
		}
		if bases {
			row = append(row, c.Base)
		}
		wanted, result := verdict(c)
		t.rows = append(t.rows, append(row, valueText(c.Value, c.BaseValue.Median),
			valueText(c.Value, c.SideValue.Median), ratioText(c.Ratio), spreadText(c.Ratio), wanted, result))
	}
	return t
}

// figureOf is the place of the comparison's value among the figures, or -1.
func (f form) figureOf(c measure.Comparison) int {
	return slices.IndexFunc(f.figures, func(figure figure) bool { return figure.value == c.Value })
}

func (f form) sort(lines []measure.Comparison) {
	first := map[string]int{} // where a word came first
	for i, c := range lines {
		for _, column := range f.columns {
			if word := column.param + paramText(column.of(c)); first[word] == 0 {
				first[word] = i + 1
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b measure.Comparison) int {
		for _, column := range f.columns {
			left, right := column.of(a), column.of(b)
			order := cmp.Compare(numberOf(left), numberOf(right))
			if order == 0 {
				order = first[column.param+paramText(left)] - first[column.param+paramText(right)]
			}
			if order != 0 {
				return order
			}
		}
		return f.figureOf(a) - f.figureOf(b)
	})
}

// numberOf is a parameter as a number; 0 for a word.
func numberOf(param any) float64 {
	switch n := param.(type) {
	case float64:
		return n
	case int:
		return float64(n)
	}
	return 0
}

// paramText groups the digits of large numbers.
func paramText(param any) string {
	if param == nil {
		return "-"
	}
	n := numberOf(param)
	if n < 1000 || n != math.Trunc(n) {
		return fmt.Sprint(param)
	}
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// valueText writes a value with its unit, which the end of its name tells.
func valueText(name string, value float64) string {
	switch {
	case name == "ns" || strings.HasSuffix(name, "_ns"):
		return scaled(value, 1000, "ns", "µs", "ms", "s")
	case name == "us" || strings.HasSuffix(name, "_us"):
		return scaled(value*1000, 1000, "ns", "µs", "ms", "s")
	case name == "ms" || strings.HasSuffix(name, "_ms"):
		return scaled(value*1e6, 1000, "ns", "µs", "ms", "s")
	case strings.HasSuffix(name, "_bytes"):
		if value < 10000 {
			return fmt.Sprintf("%.0f B", value)
		}
		return scaled(value, 1000, "B", "kB", "MB", "GB")
	case strings.HasSuffix(name, "_per_second") || strings.HasSuffix(name, "_per_s"):
		return fmt.Sprintf("%.0f/s", value)
	}
	return significant(value)
}

// scaled takes the unit in which the value is not below 1.
func scaled(value, step float64, units ...string) string {
	unit := 0
	for unit < len(units)-1 && math.Abs(value) >= step {
		value /= step
		unit++
	}
	return significant(value) + " " + units[unit]
}

// significant writes three digits or, of a larger number, all before the point.
func significant(value float64) string {
	switch size := math.Abs(value); {
	case size >= 100 || value == 0:
		return fmt.Sprintf("%.0f", value)
	case size >= 10:
		return fmt.Sprintf("%.1f", value)
	case size >= 1:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.3g", value)
}

func ratioText(ratio measure.Spread) string {
	if ratio.Rounds == 0 {
		return "-"
	}
	return ratioNumber(ratio.Median)
}

// spreadText is the lowest and the highest ratio of a round.
func spreadText(ratio measure.Spread) string {
	if ratio.Rounds < 2 {
		return "-"
	}
	return ratioNumber(ratio.Min) + " to " + ratioNumber(ratio.Max)
}

// ratioNumber keeps ratios near 1 right to a thousandth.
func ratioNumber(ratio float64) string {
	if ratio >= 0.1 && ratio < 10 {
		return fmt.Sprintf("%.3f", ratio)
	}
	return fmt.Sprintf("%.3g", ratio)
}
