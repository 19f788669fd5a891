package conformance

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Pair is a line that stock libssl prints and the one that stands in its place
// with the library in front.
type Pair struct {
	Program, Stock, Here string
	// On is where stock libssl prints so.
	On Lines
}

// Kind is what a Rule allows where the lines that differ are many.
type Kind string

const (
	// AnyOrder: neighbouring entries of one kind in a log line may change places.
	AnyOrder Kind = "removals in any order"
	// AsReference: the library's output is compared with what it prints on 3.0.
	AsReference Kind = "as on " + reference
	// StockFails: stock libssl does not come to the end, so that the library alone
	// runs; AsReference beside it says what it has to print.
	StockFails Kind = "stock fails"
)

// EveryProgram stands in a Rule for all programs.
const EveryProgram = "*"

// Rule is how the output of a program is compared on some lines of OpenSSL.
type Rule struct {
	Program string
	Kind    Kind
	On      Lines
}

// Divergence is one section of docs/DIVERGENCES.md.
type Divergence struct {
	ID       string
	Title    string
	Reason   string
	Programs []string
	Tests    []string // Go tests of this package
	Pairs    []Pair
	Rules    []Rule
}

var divergenceHeading = regexp.MustCompile(`^## (D[0-9]+) (.+)$`)

// ReadDivergences reads docs/DIVERGENCES.md: sections "## D<n> title" with a
// reason, "Program: <subject>" lines or "Test: <Go test>" lines, and below such a line, in a code block,
// pairs of lines "stock: ..." and "here: ...".
func ReadDivergences(file string) ([]Divergence, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	divergences, err := parseDivergences(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return divergences, nil
}

func parseDivergences(text string) ([]Divergence, error) {
	var all []Divergence
	var current *Divergence
	var program, stock string
	var on Lines
	inCode, pending := false, false
	for number, line := range lines(text) {
		fail := func(what string) error { return fmt.Errorf("line %d: %s", number+1, what) }
		if heading := divergenceHeading.FindStringSubmatch(line); heading != nil && !inCode {
			all = append(all, Divergence{ID: heading[1], Title: heading[2]})
			current, program, on = &all[len(all)-1], "", ""
			continue
		}
		if current == nil {
			continue
		}
		switch {
		case strings.HasPrefix(line, "```"):
			if inCode && pending {
				return nil, fail("a stock line without its here line")
			}
			inCode = !inCode
		case inCode && strings.HasPrefix(line, "stock: "):
			if program == "" || pending {
				return nil, fail("a stock line without a program, or two in a row")
			}
			stock, pending = strings.TrimPrefix(line, "stock: "), true
		case inCode && strings.HasPrefix(line, "here: "):
			if !pending {
				return nil, fail("a here line without its stock line")
			}
			pending = false
			here := strings.TrimPrefix(line, "here: ")
			current.Pairs = append(current.Pairs, Pair{program, stock, here, on})
		case inCode:
			return nil, fail("neither a stock nor a here line")
		case strings.HasPrefix(line, "Program: "):
			program, on = strings.TrimSpace(strings.TrimPrefix(line, "Program: ")), ""
			current.Programs = append(current.Programs, program)
		case strings.HasPrefix(line, "On: "):
			on = Lines(strings.TrimSpace(strings.TrimPrefix(line, "On: ")))
			if err := on.check(); err != nil || program == "" {
				return nil, fail(fmt.Sprintf("lines without a program, or none: %v", err))
			}
		case strings.HasPrefix(line, "Rule: "):
			kind := Kind(strings.TrimSpace(strings.TrimPrefix(line, "Rule: ")))
			if program == "" || (kind != AnyOrder && kind != AsReference && kind != StockFails) {
				return nil, fail("a rule without a program, or of no known kind")
			}
			current.Rules = append(current.Rules, Rule{program, kind, on})
		case strings.HasPrefix(line, "Test: "):
			current.Tests = append(current.Tests, strings.TrimSpace(strings.TrimPrefix(line, "Test: ")))
		default:
			current.Reason = strings.TrimSpace(current.Reason + "\n" + line)
		}
	}
	if inCode {
		return nil, fmt.Errorf("a code block is not closed")
	}
	return all, nil
}

// Compare compares the lines of a program's two runs. It returns the listed
// pairs that occurred and a description of what differs beyond them, or "".
func Compare(program string, stock, here []string, listed []Pair) (used []Pair, difference string) {
	allowed := make(map[[2]string]Pair, len(listed))
	for _, pair := range listed {
		if pair.Program == program {
			allowed[[2]string{pair.Stock, pair.Here}] = pair
		}
	}
	var report strings.Builder
	heading := ""
	for i := range max(len(stock), len(here)) {
		a, b := lineAt(stock, i), lineAt(here, i)
		if strings.HasPrefix(a, "-- ") {
			heading = a
		}
		if a == b {
			continue
		}
		if pair, ok := allowed[[2]string{a, b}]; ok && i < len(stock) && i < len(here) {
			used = append(used, pair)
			continue
		}
		fmt.Fprintf(&report, "line %d, below %q:\n  stock: %s\n  here:  %s\n", i+1, heading, a, b)
	}
	return used, report.String()
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}
