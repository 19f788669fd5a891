// Package cost holds the library to what its operations cost: in instructions
// and in crossings from C to Go, which valgrind counts. Nothing is timed, so a
// busy machine changes nothing.
package cost

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Function is where instructions are counted.
type Function struct {
	Object string // base name of the library or program
	Name   string
}

// Profile is what callgrind counted in one part of a run, in one thread.
type Profile struct {
	Part  int
	Self  map[Function]uint64 // instructions in the function itself
	Calls map[string]uint64   // of functions, by name

	names     map[string]string // by kind and number
	here      Function
	called    string
	inclusive bool // the next line of cost is a call's
}

// ParseProfile reads what callgrind wrote; see "Callgrind Format Specification"
// in valgrind's manual.
func ParseProfile(r io.Reader) (*Profile, error) {
	p := &Profile{
		Self:  map[Function]uint64{},
		Calls: map[string]uint64{},
		names: map[string]string{},
	}
	var totals uint64
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if value, ok := strings.CutPrefix(line, "totals: "); ok {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return nil, err
			}
			totals += n
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if sum := p.Instructions(); sum != totals {
		return nil, fmt.Errorf("the functions have %d instructions, all have %d", sum, totals)
	}
	return p, nil
}

var (
	header = regexp.MustCompile(`^[a-z]+: ?`)
	named  = regexp.MustCompile(`^(c?)(ob|fn|fi|fe|fl)=\(([0-9]+)\)(?: (.*))?$`)
	cost   = regexp.MustCompile(`^(?:[0-9]+|0x[0-9a-f]+|[+-][0-9]+|\*) ([0-9]+)$`)
)

// line reads one line: a name that stands for what follows, a number of calls,
// or a cost.
func (p *Profile) line(line string) error {
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if found := named.FindStringSubmatch(line); found != nil {
		p.name(found[1] == "c", found[2], found[3], found[4])
		return nil
	}
	if calls, ok := strings.CutPrefix(line, "calls="); ok {
		count, _, _ := strings.Cut(calls, " ")
		n, err := strconv.ParseUint(count, 10, 64)
		p.Calls[p.called] += n
		p.inclusive = true
		return err
	}
	if found := cost.FindStringSubmatch(line); found != nil {
		n, err := strconv.ParseUint(found[1], 10, 64)
		if !p.inclusive {
			p.Self[p.here] += n
		}
		p.inclusive = false
		return err
	}
	if part, ok := strings.CutPrefix(line, "part: "); ok {
		n, err := strconv.Atoi(part)
		p.Part = n
		return err
	}
	if !header.MatchString(line) {
		return fmt.Errorf("not a line of a profile")
	}
	return nil
}

// name notes a name where its number is seen first, and what it is the name of.
func (p *Profile) name(call bool, kind, number, name string) {
	if kind[0] == 'f' && kind != "fn" {
		return // a source file
	}
	if name != "" {
		p.names[kind+number] = name
	}
	name = p.names[kind+number]
	switch {
	case kind == "ob" && !call:
		p.here.Object = filepath.Base(name)
	case kind == "fn" && !call:
		p.here.Name = name
	case kind == "fn":
		p.called = name
	}
}

// Instructions is the sum over all functions.
func (p *Profile) Instructions() (sum uint64) {
	for _, n := range p.Self {
		sum += n
	}
	return sum
}

// In is the sum over the functions of one library or program.
func (p *Profile) In(object string) (sum uint64) {
	for function, n := range p.Self {
		if function.Object == object {
			sum += n
		}
	}
	return sum
}

// exported is the Go side of a function that C calls. The C side is of no use
// here: as Go changes stacks, its return looks like another call.
var exported = regexp.MustCompile(`^_cgoexp_[0-9a-f]+_(\w+)$`)

// Crossings are the calls from C to Go, by the name of the function.
func (p *Profile) Crossings() map[string]uint64 {
	crossings := map[string]uint64{}
	for name, n := range p.Calls {
		if found := exported.FindStringSubmatch(name); found != nil {
			crossings[found[1]] += n
		}
	}
	return crossings
}
