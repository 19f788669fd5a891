package differential

import (
	"hash/maphash"
	"math/rand/v2"
	"regexp"
	"slices"
)

// record is the length of a call in an input; the first record is the header.
const record = 6

// maxRecords bounds the length of an input.
const maxRecords = 120

// generator makes inputs: random ones, and changed ones of those that led to
// something new in a transcript.
type generator struct {
	random *rand.Rand
	corpus [][]byte
	seen   map[uint64]bool
	seed   maphash.Seed
}

func newGenerator(seed uint64) *generator {
	return &generator{
		random: rand.New(rand.NewPCG(seed, seed)),
		seen:   map[uint64]bool{},
		seed:   maphash.MakeSeed(),
	}
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.random.Uint32())
	}
	return b
}

// next makes an input.
func (g *generator) next() []byte {
	if len(g.corpus) == 0 || g.random.IntN(4) == 0 {
		return g.bytes(record * (2 + g.random.IntN(maxRecords-2)))
	}
	input := slices.Clone(g.pick())
	for range 1 + g.random.IntN(8) {
		input = g.change(input)
	}
	if len(input) > record*maxRecords {
		input = input[:record*maxRecords]
	}
	return input
}

func (g *generator) pick() []byte {
	return g.corpus[g.random.IntN(len(g.corpus))]
}

// change does one change of an input.
func (g *generator) change(input []byte) []byte {
	records := len(input) / record
	at := record * g.random.IntN(records)
	switch g.random.IntN(6) {
	case 0: // one byte
		input[g.random.IntN(len(input))] = byte(g.random.Uint32())
	case 1: // another call
		copy(input[at:], g.bytes(record))
	case 2: // one more call
		input = slices.Insert(input, max(at, record), g.bytes(record)...)
	case 3: // some calls less
		if records > 4 && at > 0 {
			input = slices.Delete(input, at, min(at+record*(1+g.random.IntN(3)), len(input)))
		}
	case 4: // a part of another input
		other := g.pick()
		from := record * g.random.IntN(len(other)/record)
		to := from + record*(1+g.random.IntN(20))
		input = slices.Insert(input, max(at, record), other[from:min(to, len(other))]...)
	default: // a part of itself again
		to := min(at+record*(1+g.random.IntN(5)), len(input))
		input = slices.Insert(input, to, slices.Clone(input[at:to])...)
	}
	return input
}

var (
	someSession = regexp.MustCompile(`S[0-9]+#[0-9]+`)
	bigNumber   = regexp.MustCompile(`[0-9]{2,}`)
)

// learn keeps an input whose transcript has something new: a call with results
// that no call has had before, apart from names and great numbers. It returns
// how many such calls there are.
func (g *generator) learn(input []byte, transcript []string) int {
	fresh := 0
	var sum maphash.Hash
	sum.SetSeed(g.seed)
	for _, line := range transcript {
		if isCall(line) {
			if key := sum.Sum64(); !g.seen[key] {
				g.seen[key] = true
				fresh++
			}
			sum.Reset()
			_, call := splitCall(line)
			sum.WriteString(call)
			continue
		}
		if len(line) > 0 && line[0] == 'l' { // the log
			line = someSession.ReplaceAllString(line, "S")
			sum.WriteString(bigNumber.ReplaceAllString(line, "n"))
		}
	}
	if fresh > 0 {
		g.corpus = append(g.corpus, input)
	}
	if len(g.corpus) > 2000 {
		g.corpus = slices.Delete(g.corpus, 0, 500)
	}
	return fresh
}

func splitCall(line string) (at, call string) {
	for i := range line {
		if line[i] == ':' {
			return line[:i], line[i:]
		}
	}
	return line, ""
}

// minimise leaves out what a failing input does not need: calls first, then
// the values of bytes. It tries at most tries inputs.
func minimise(input []byte, tries int, fails func([]byte) bool) []byte {
	try := func(candidate []byte) bool {
		if tries == 0 || len(candidate) < record {
			return false
		}
		tries--
		if !fails(candidate) {
			return false
		}
		input = candidate
		return true
	}
	for size := len(input) / record / 2; size > 0; size /= 2 {
		for at := record; at < len(input); {
			end := min(at+size*record, len(input))
			if !try(slices.Concat(input[:at], input[end:])) {
				at = end
			}
		}
	}
	for i := range input {
		if input[i] != 0 {
			candidate := slices.Clone(input)
			candidate[i] = 0
			try(candidate)
		}
	}
	return input
}
