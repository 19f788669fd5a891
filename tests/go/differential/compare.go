package differential

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Difference is where the transcripts of two sides part.
type Difference struct {
	Against string // the side that differs from the first
	Call    string // the call, as the transcript heads it
	Stock   string
	Here    string
	Before  []string // the lines before it
}

// Error describes the difference.
func (d *Difference) Error() string {
	stock, here := around(d.Stock, d.Here)
	return fmt.Sprintf("%s differs at call %s\n%s\nstock: %s\nhere:  %s", d.Against, d.Call,
		strings.Join(d.Before, "\n"), stock, here)
}

// around cuts long lines to what stands near the first character that differs.
func around(a, b string) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	cut := func(s string) string {
		from, to := max(0, same-200), min(len(s), same+200)
		return s[from:to]
	}
	return cut(a), cut(b)
}

var number = regexp.MustCompile(`[0-9]+`)

// Kind is what differences of the same cause probably have in common.
func (d *Difference) Kind() string {
	_, call, _ := strings.Cut(d.Call, ": ")
	return d.Against + " " + call + " " + firstDifferent(d.Stock, d.Here)
}

// firstDifferent names the first word that differs, without its numbers.
func firstDifferent(a, b string) string {
	as, bs := strings.Fields(a), strings.Fields(b)
	word := func(words []string, i int) string {
		if i < len(words) {
			return number.ReplaceAllString(words[i], "n")
		}
		return "(none)"
	}
	for i := range max(len(as), len(bs)) {
		if i >= len(as) || i >= len(bs) || as[i] != bs[i] {
			return fmt.Sprintf("%d %s %s", i, word(as, i), word(bs, i))
		}
	}
	return ""
}

// compare returns where b parts from a, or nil.
func compare(against string, a, b []string) *Difference {
	call := ""
	for i := range max(len(a), len(b)) {
		x, y := lineAt(a, i), lineAt(b, i)
		if isCall(x) {
			call = x
		}
		if x != y {
			return &Difference{against, call, x, y, a[max(0, i-6):min(i, len(a))]}
		}
	}
	return nil
}

var callHeading = regexp.MustCompile(`^[0-9]+: [a-z]+$`)

func isCall(line string) bool {
	return callHeading.MatchString(line)
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}

// Sides are the ways to run an input; the first is the one to agree with.
type Sides []*Side

// Run runs an input on all sides at once. It returns the transcript of the
// first and the first difference from it, or nil.
func (sides Sides) Run(input []byte) ([]string, *Difference, error) {
	transcripts := make([][]string, len(sides))
	errs := make([]error, len(sides))
	var wait sync.WaitGroup
	for i, side := range sides {
		wait.Go(func() { transcripts[i], errs[i] = side.Run(input) })
	}
	wait.Wait()
	for i := range sides {
		if errs[i] != nil {
			return nil, nil, errs[i]
		}
	}
	for i := 1; i < len(sides); i++ {
		if d := compare(sides[i].Name, transcripts[0], transcripts[i]); d != nil {
			return transcripts[0], d, nil
		}
	}
	return transcripts[0], nil, nil
}

// Close ends the processes of all sides.
func (sides Sides) Close() {
	for _, side := range sides {
		side.Close()
	}
}
