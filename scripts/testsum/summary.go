package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// testResult is what is known of one test of a package.
type testResult struct {
	action string // "" while it runs
	output strings.Builder
}

// packageResult is what is known of one package.
type packageResult struct {
	tests  map[string]*testResult
	output strings.Builder // lines that belong to no test
}

// summarise reads the events of a run up to the end of the input. Only leaves
// are counted: a test with subtests counts when it fails although they passed.
func summarise(name string, events io.Reader, out io.Writer) record {
	rec := record{Name: name}
	packages := map[string]*packageResult{}
	builds := map[string]*strings.Builder{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadString('\n')
		var ev event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &ev) != nil:
			fmt.Fprint(out, line)
		case strings.HasPrefix(ev.Action, "build-"):
			if builds[ev.ImportPath] == nil {
				builds[ev.ImportPath] = &strings.Builder{}
			}
			builds[ev.ImportPath].WriteString(ev.Output)
		default:
			if packages[ev.Package] == nil {
				packages[ev.Package] = &packageResult{tests: map[string]*testResult{}}
			}
			if ev.FailedBuild != "" && builds[ev.FailedBuild] != nil {
				packages[ev.Package].output.WriteString(builds[ev.FailedBuild].String())
			}
			if packages[ev.Package].take(ev) {
				packages[ev.Package].report(name, ev, &rec, out)
			}
		}
		if err != nil {
			return rec
		}
	}
}

// take notes an event; true says that it ended the package.
func (p *packageResult) take(ev event) bool {
	if ev.Test == "" {
		p.output.WriteString(ev.Output)
		return ev.Action == "pass" || ev.Action == "fail" || ev.Action == "skip"
	}
	test := p.tests[ev.Test]
	if test == nil {
		test = &testResult{}
		p.tests[ev.Test] = test
	}
	test.output.WriteString(ev.Output)
	switch ev.Action {
	case "pass", "fail", "skip":
		test.action = ev.Action
	}
	return false
}

// report adds the tests of a package that has ended to rec, and prints the
// output of those that failed and the package's line.
func (p *packageResult) report(name string, end event, rec *record, out io.Writer) {
	var passed, failed, skipped int
	fail := func(test string, output *strings.Builder) {
		failed++
		label := strings.TrimSuffix(name+": "+end.Package+" "+test, " ")
		rec.Failures = append(rec.Failures, label)
		fmt.Fprintf(out, "--- FAIL: %s\n%s\n", label, output.String())
	}
	names := make([]string, 0, len(p.tests))
	for test := range p.tests {
		names = append(names, test)
	}
	sort.Strings(names)
	for _, test := range names {
		leaf, childFailed := true, false
		for _, other := range names {
			if strings.HasPrefix(other, test+"/") {
				leaf = false
				childFailed = childFailed || p.tests[other].failed()
			}
		}
		result := p.tests[test]
		switch {
		case result.failed() && !childFailed:
			fail(test, &result.output)
		case !leaf || result.failed():
		case result.action == "skip":
			skipped++
			fmt.Fprintf(out, "skip  %s %s\n", test, skipReason(result.output.String()))
		default:
			passed++
		}
	}
	if end.Action == "fail" && failed == 0 {
		fail("", &p.output)
	}
	rec.Passed += passed
	rec.Failed += failed
	rec.Skipped += skipped
	if passed+failed+skipped == 0 {
		return // a package without tests
	}
	verdict := "ok"
	if failed > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "%-5s %-60s %6.1fs  %d passed, %d failed, %d skipped\n", verdict,
		name+": "+end.Package, end.Elapsed, passed, failed, skipped)
}

// failed is also true for a test that never ended: the package panicked or
// timed out in it.
func (t *testResult) failed() bool {
	return t.action == "fail" || t.action == ""
}

// skipReason is the line that a skipped test printed, without its position.
func skipReason(output string) string {
	for _, line := range strings.Split(output, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") &&
			!strings.HasPrefix(line, "---") {
			return line
		}
	}
	return ""
}
