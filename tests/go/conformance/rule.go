package conformance

import (
	"slices"
	"strings"
)

// Listed is what docs/DIVERGENCES.md lists for one line of OpenSSL.
type Listed struct {
	Pairs []Pair
	rules map[Rule]bool
}

// On picks from all sections what holds on a line.
func On(line string, sections []Divergence) Listed {
	listed := Listed{rules: map[Rule]bool{}}
	for _, section := range sections {
		for _, pair := range section.Pairs {
			if pair.On.Hold(line) {
				listed.Pairs = append(listed.Pairs, pair)
			}
		}
		for _, rule := range section.Rules {
			if rule.On.Hold(line) {
				listed.rules[Rule{Program: rule.Program, Kind: rule.Kind}] = true
			}
		}
	}
	return listed
}

// Rule says whether a rule holds for a program.
func (l Listed) Rule(program string, kind Kind) bool {
	return l.rules[Rule{Program: program, Kind: kind}] ||
		l.rules[Rule{Program: EveryProgram, Kind: kind}]
}

// Of is the pairs of one program.
func (l Listed) Of(program string) []Pair {
	var pairs []Pair
	for _, pair := range l.Pairs {
		if pair.Program == program {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// Compare is the function Compare with the pairs and rules of this line.
func (l Listed) Compare(program string, stock, here []string) (used []Pair, difference string) {
	pairs := l.Of(program)
	if !l.Rule(program, AnyOrder) {
		return Compare(program, stock, here, pairs)
	}
	original := map[Pair][]Pair{}
	sorted := make([]Pair, len(pairs))
	for i, pair := range pairs {
		sorted[i] = Pair{program, inOrder(pair.Stock), inOrder(pair.Here), pair.On}
		original[sorted[i]] = append(original[sorted[i]], pair)
	}
	found, difference := Compare(program, allInOrder(stock), allInOrder(here), sorted)
	for _, pair := range found {
		used = append(used, original[pair]...)
	}
	return used, difference
}

func allInOrder(lines []string) []string {
	result := make([]string, len(lines))
	for i, line := range lines {
		result[i] = inOrder(line)
	}
	return result
}

// inOrder sorts neighbouring entries of one kind in a log line: in
// "log: new(S1) remove(S3) remove(S2)" the last two.
func inOrder(line string) string {
	text, ok := strings.CutPrefix(line, "log: ")
	if !ok {
		return line
	}
	entries := strings.Split(text, " ")
	for start := 0; start < len(entries); {
		kind, _, _ := strings.Cut(entries[start], "(")
		end := start + 1
		for end < len(entries) && strings.HasPrefix(entries[end], kind+"(") {
			end++
		}
		slices.Sort(entries[start:end])
		start = end
	}
	return "log: " + strings.Join(entries, " ")
}
