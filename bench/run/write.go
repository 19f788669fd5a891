package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// The document whose sections the benchmark writes.
const documentPath = "docs/PERFORMANCE.md"

// writer keeps what the suites gave. A run that is no whole one leaves the
// files of the source tree alone and writes its own below build/bench.
type writer struct {
	results, plots, target string
	document               string
	all                    []measure.Comparison
	written                []string
}

func newWriter(partial bool, m machine) (*writer, error) {
	w := &writer{results: "bench/results", plots: "docs/performance", target: documentPath}
	if partial {
		w = &writer{results: "build/bench/results", plots: "build/bench/performance", target: "build/bench/PERFORMANCE.md"}
	}
	text, err := os.ReadFile(documentPath)
	if err != nil {
		return nil, err
	}
	w.document = string(text)
	if err := w.section(m.table()); err != nil {
		return nil, err
	}
	return w, w.json("machine", m)
}

func (w *writer) section(t table) error {
	document, err := replaceSection(w.document, t.section, t.markdown())
	if err == nil {
		w.document = document
	}
	return err
}

func (w *writer) json(name string, value any) error {
	path := filepath.Join(w.results, name+".json")
	w.written = append(w.written, path)
	return measure.WriteJSON(path, value)
}

// add writes the results and the plots of a suite, and keeps its tables.
func (w *writer) add(s suite, measurements []measure.Measurement, comparisons []measure.Comparison) error {
	w.all = append(w.all, comparisons...)
	results := measure.Results{Comparisons: comparisons, Measurements: inOrder(measurements)}
	if err := w.json(s.name, results); err != nil {
		return err
	}
	for _, t := range s.tables(comparisons) {
		if err := w.section(t); err != nil {
			return err
		}
	}
	for _, p := range s.plots {
		path := filepath.Join(w.plots, p.name+".svg")
		drawn, err := p.write(path, measurements, comparisons)
		if err != nil {
			return err
		}
		if drawn {
			w.written = append(w.written, path)
		}
	}
	return nil
}

// finish writes the document.
func (w *writer) finish() error {
	if err := w.section(targetTable(w.all)); err != nil {
		return err
	}
	w.written = append(w.written, w.target)
	return os.WriteFile(w.target, []byte(w.document), 0o644)
}

// inOrder puts what was measured of a configuration together: configurations
// as they came first, then sides by name, then rounds.
func inOrder(measurements []measure.Measurement) []measure.Measurement {
	first := map[string]int{}
	for i, m := range measurements {
		if _, found := first[m.Key()]; !found {
			first[m.Key()] = i
		}
	}
	return slices.SortedStableFunc(slices.Values(measurements), func(a, b measure.Measurement) int {
		return cmp.Or(cmp.Compare(first[a.Key()], first[b.Key()]), cmp.Compare(a.Side, b.Side),
			cmp.Compare(a.Round, b.Round))
	})
}
