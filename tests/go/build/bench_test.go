package build

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// operations are what the program ops measures; the flush is measured once.
func operations(threads ...string) []string {
	var lines []string
	for _, n := range threads {
		for _, op := range []string{"add", "re-add", "remove", "hit", "miss", "add-full"} {
			lines = append(lines, op+" "+n)
		}
	}
	return append(lines, "flush 1")
}

// benchProgram is a program of the benchmark, with so little to do that only the
// form of its output is of interest.
type benchProgram struct {
	arguments string
	params    []string // the fields that are no values
	shown     []string // of these, what the lines are told by
	lines     []string // in any order
	above     []string // values that have to be above 0
}

var (
	opsParams       = []string{"op", "threads", "sessions", "timeouts"}
	flushParams     = []string{"sessions", "expired", "memory"}
	handshakeParams = []string{"protocol", "cache", "threads", "sessions"}
	memoryParams    = []string{"sessions", "timeouts"}
	handshakeValues = []string{"resumed_share_resumed", "resumed_per_second", "resumed_cpu_ns", "full_per_second", "full_server_p50_ns"}
	opsValues       = []string{"ns", "calls"}
)

var benchPrograms = []benchProgram{
	{"ops 1,2 100 random 5", opsParams, []string{"op", "threads"}, operations("1", "2"), opsValues},
	{"ops 1 100 equal 5", opsParams, []string{"op", "threads"}, operations("1"), opsValues},
	{"ops 2 20000 random 5", opsParams, []string{"op", "threads"}, operations("2"), opsValues},
	{"ops 2 100 random 5 2 add", opsParams, []string{"op"}, []string{"add", "re-add", "remove"}, opsValues},
	{"flush 500 all shuffled", flushParams, []string{"expired", "memory"}, []string{"all shuffled"},
		[]string{"flush_ns", "flushed_session_ns", "worst_ns", "quiet_worst_ns", "quiet_add_worst_ns", "quiet_lookup_p999_ns"}},
	{"flush 500 half", flushParams, []string{"expired", "memory"}, []string{"half in order"}, []string{"flush_ns", "flushed"}},
	{"flush 500 none", flushParams, []string{"expired", "memory"}, []string{"none in order"},
		[]string{"flush_ns", "add_worst_ns", "lookup_worst_ns"}},
	{"handshake tls12 internal 1,2 20 5 3", handshakeParams, handshakeParams,
		[]string{"tls12 internal 1 20", "tls12 internal 2 20"}, handshakeValues},
	{"handshake tls12 external 1 20 5", handshakeParams, handshakeParams, []string{"tls12 external 1 20"}, handshakeValues},
	{"handshake tls13 internal 2 120 5", handshakeParams, handshakeParams, []string{"tls13 internal 2 120"}, handshakeValues},
	{"handshake tls13 external 1 20 5", handshakeParams, handshakeParams, []string{"tls13 external 1 20"}, handshakeValues},
	{"memory 2000 equal", memoryParams, memoryParams, []string{"2000 equal"}, []string{"session_bytes", "first_session_ns"}},
	{"memory 2000 random", memoryParams, memoryParams, []string{"2000 random"}, []string{"session_bytes"}},
	{"start 2", []string{"processes"}, []string{"processes"}, []string{"2"},
		[]string{"first_ns", "first_quarter_ns", "first_cpu_ns", "first_faults", "second_ns"}},
}

func TestBench_programs(t *testing.T) {
	for _, side := range []string{measure.Stock, measure.Library} {
		for _, p := range benchPrograms {
			t.Run(side+"/"+p.arguments, func(t *testing.T) {
				arguments := strings.Fields(p.arguments)
				path := built(t, filepath.Join(root(t), "build", "bench", arguments[0]), "bench-c")
				cmd := command(root(t), path, arguments[1:]...)
				cmd.Env = slices.DeleteFunc(cmd.Env, func(entry string) bool {
					return strings.HasPrefix(entry, "SESSCACHE_") || strings.HasPrefix(entry, "LD_")
				})
				if side == measure.Library {
					cmd.Env = append(cmd.Env, "LD_PRELOAD="+library(t))
				}
				stdout, stderr := run(t, cmd)
				assert.Empty(t, stderr)
				var lines []string
				for line := range strings.Lines(stdout) {
					lines = append(lines, p.check(t, line))
				}
				assert.ElementsMatch(t, p.lines, lines)
			})
		}
	}
}

// check looks at a line of the output and returns its params.
func (p benchProgram) check(t *testing.T, line string) string {
	t.Helper()
	m, err := measure.FromLine([]byte(line), p.params...)
	require.NoError(t, err)
	name, _, _ := strings.Cut(p.arguments, " ")
	assert.Equal(t, name, m.Bench)
	for _, value := range p.above {
		assert.Positive(t, m.Values[value], value)
	}
	var params []string
	for _, param := range p.shown {
		params = append(params, fmt.Sprint(m.Params[param]))
	}
	return strings.Join(params, " ")
}

// Which library ran is seen in what only it prints.
func TestBench_library(t *testing.T) {
	path := built(t, filepath.Join(root(t), "build", "bench", "memory"), "bench-c")
	cmd := command(root(t), path, "100", "equal")
	stock, _ := run(t, cmd)
	assert.NotContains(t, stock, "core_entries")
	cmd = command(root(t), path, "100", "equal")
	cmd.Env = append(cmd.Env, "LD_PRELOAD="+library(t))
	preloaded, _ := run(t, cmd)
	assert.Contains(t, preloaded, `"core_entries":200`)
}
