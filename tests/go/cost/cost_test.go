package cost

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the bounds anew from what is measured")

const (
	build      = "../../../build"
	boundsFile = "testdata/bounds.txt"
	ours       = "libsesscache.so"
)

const (
	// own are the crossings of a lookup that the process's own table answers, with
	// a session or without.
	own = 0
	// noted are those of a removal or an add that only the own table has to know of:
	// the core is told of many at once. Late are those of an add to a full table.
	noted = 1. / 64
	late  = 1. / 16
)

// operation is what one operation may cost.
type operation struct {
	name string
	// crossings are the most of one operation, by function; of others there are none.
	crossings crossings
	// inside counts the instructions of the library alone: of a handshake, libssl
	// needs a hundred times as many, and not always the same number.
	inside bool
}

type crossings map[string]float64

// operations are those of a process that shares its sessions with no other.
var operations = []operation{
	{name: "add", crossings: crossings{"sscore_settle": noted}},
	{name: "re-add", crossings: crossings{"sscore_add": 1}},
	{name: "hit", crossings: crossings{"sscore_contains": own}},
	{name: "miss", crossings: crossings{"sscore_contains": own}},
	{name: "set-timeout", crossings: crossings{"sscore_touch": 1}},
	{name: "remove", crossings: crossings{"sscore_settle": noted}},
	// Of a session that comes and goes at once the core hears no more than that.
	{name: "add-remove", crossings: crossings{"sscore_settle": noted}},
	{name: "remove-add", crossings: crossings{"sscore_settle": 2 * noted}},
	// What is noted is known to expire later than the flush asks for.
	{name: "add-flush", crossings: crossings{"sscore_settle": noted}},
	{name: "add-full", crossings: crossings{"sscore_evict": late}},
	{name: "full-tls12", inside: true, crossings: crossings{"sscore_settle": noted}},
	{name: "resumed-tls12", inside: true, crossings: crossings{"sscore_lookup": own}},
	// There are two tickets after a full handshake, and one after a resumption.
	{name: "full-tls13", inside: true, crossings: crossings{"sscore_settle": 2 * noted}},
	{name: "resumed-tls13", inside: true, crossings: crossings{"sscore_lookup": own, "sscore_settle": noted}},
}

// sharedOperations are those of a worker: what its table does not have, the
// region may, and what is added or removed has to go there too.
var sharedOperations = with(operations, map[string]crossings{
	"add":           {"sscore_add": 1},
	"miss":          {"sscore_contains": 1},
	"remove":        {"sscore_remove": 1},
	"add-remove":    {"sscore_add": 1, "sscore_remove": 1},
	"remove-add":    {"sscore_add": 1, "sscore_remove": 1},
	"add-flush":     {"sscore_add": 1},
	"add-full":      {"sscore_add": 1},
	"full-tls12":    {"sscore_add": 1},
	"full-tls13":    {"sscore_add": 2},
	"resumed-tls13": {"sscore_lookup": own, "sscore_add": 1},
})

// with is the operations with other crossings for some.
func with(operations []operation, other map[string]crossings) []operation {
	changed := slices.Clone(operations)
	for i := range changed {
		if c, ok := other[changed[i].name]; ok {
			changed[i].crossings = c
		}
	}
	return changed
}

func file(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	require.FileExists(t, path, "build it with make all tests-c")
	return path
}

// library is the path of the library that is tested.
func library(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SESSCACHE_LIBRARY"); path != "" {
		return file(t, path)
	}
	return file(t, filepath.Join(build, ours))
}

// TestCost counts, operation for operation, the instructions of the library and
// of stock libssl beside it, and the crossings into Go.
func TestCost(t *testing.T) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		t.Skip("valgrind is not installed")
	}
	preload := []string{"LD_PRELOAD=" + library(t)}
	program := file(t, filepath.Join(build, "tests/cost/cost"))

	var stock, alone, shared map[string]*Counted
	runs := []struct {
		operations *map[string]*Counted
		env        []string
		how        string
	}{{&stock, nil, "alone"}, {&alone, preload, "alone"}, {&shared, preload, "shared"}}
	var running sync.WaitGroup
	failed := make([]error, len(runs))
	for i, run := range runs {
		directory := t.TempDir()
		running.Go(func() {
			*run.operations, failed[i] = Count(valgrind, directory, run.env, program, run.how)
		})
	}
	running.Wait()
	for _, err := range failed {
		require.NoError(t, err)
	}

	add := shared["add"]
	require.NotNil(t, add)
	require.Equal(t, map[string]uint64{"sscore_add": add.Times}, add.Crossings(), "crossings are counted")

	bounds, err := ReadBounds(boundsFile)
	require.NoError(t, err)
	measured := Bounds{}
	t.Run("alone", func(t *testing.T) {
		check(t, "alone", operations, alone, stock, bounds, measured)
	})
	t.Run("shared", func(t *testing.T) {
		check(t, "shared", sharedOperations, shared, stock, bounds, measured)
	})
	if *update {
		require.NoError(t, os.WriteFile(boundsFile, []byte(text(measured)), 0o644))
	}
}

// check compares a run with what the operations may cost, and adds what was
// measured.
func check(t *testing.T, run string, operations []operation, here, stock map[string]*Counted, bounds, measured Bounds) {
	require.Len(t, here, len(operations))
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			library, libssl := here[o.name], stock[o.name]
			require.NotNil(t, library)
			require.NotNil(t, libssl)
			require.Empty(t, libssl.Crossings(), "stock libssl does not know Go")
			checkCrossings(t, o, library)

			all, before := library.Each(library.Instructions()), libssl.Each(libssl.Instructions())
			inside := library.Each(library.In(ours))
			what, instructions := "instructions", all
			if o.inside {
				what, instructions = "instructions in "+ours, inside
			}
			name := [2]string{run, o.name}
			measured[name] = instructions
			t.Logf("%s measured %.0f, bound %.0f; all %.0f, stock %.0f, ratio %.3f",
				what, instructions, bounds[name], all, before, all/before)
			if *update {
				return
			}
			require.Contains(t, bounds, name)
			if instructions > bounds[name] {
				t.Errorf("%.0f %s, more than %.0f; if that has to be, run this test with -args -update. "+
					"Where it has more than stock libssl:\n%s",
					instructions, what, bounds[name], most(library, libssl))
			}
		})
	}
}

func checkCrossings(t *testing.T, o operation, library *Counted) {
	t.Helper()
	for function, n := range library.Crossings() {
		most := uint64(math.Ceil(o.crossings[function] * float64(library.Times)))
		require.LessOrEqual(t, n, most, "calls of %s for %d of %s", function, library.Times, o.name)
	}
}

// most are the functions in which an operation has the most instructions beyond
// those of stock libssl.
func most(library, stock *Counted) string {
	more := map[Function]float64{}
	for function, n := range library.Self {
		more[function] += library.Each(n)
	}
	for function, n := range stock.Self {
		more[function] -= stock.Each(n)
	}
	functions := make([]Function, 0, len(more))
	for function := range more {
		functions = append(functions, function)
	}
	slices.SortFunc(functions, func(a, b Function) int {
		return cmp.Compare(more[b], more[a])
	})
	var lines strings.Builder
	for _, function := range functions[:min(20, len(functions))] {
		fmt.Fprintf(&lines, "%8.0f  %s (%s)\n", more[function], function.Name, function.Object)
	}
	return lines.String()
}

// text is the file of the bounds for what was measured.
func text(measured Bounds) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The most instructions that one operation may take: %.0f %% more than were measured
# with %s on %s; written by "go test ./tests/go/cost -args -update".
# Of handshakes, those in %s alone, and %.0f %% more.
`, 100*(Headroom-1), runtime.Version(), runtime.GOARCH, ours, 100*(HandshakeHeadroom-1))
	for _, run := range []struct {
		name       string
		operations []operation
	}{{"alone", operations}, {"shared", sharedOperations}} {
		for _, o := range run.operations {
			headroom := Headroom
			if o.inside {
				headroom = HandshakeHeadroom
			}
			most := bound(measured[[2]string{run.name, o.name}], headroom)
			fmt.Fprintf(&b, "%-7s %-14s %.0f\n", run.name, o.name, most)
		}
	}
	return b.String()
}
