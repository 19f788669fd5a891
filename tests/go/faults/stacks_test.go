package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFaults_Stacks: no call of the core but a thread's first opens a file or
// asks the C library for the stack's bounds, whatever stack it comes from. The
// kernel would end the program.
func TestFaults_Stacks(t *testing.T) {
	for _, where := range []string{"initial", "coroutine", "forked"} {
		for name, more := range map[string][]string{"with files": nil, "no files": {"nofiles"}} {
			t.Run(where+", "+name, func(t *testing.T) {
				result := Run(short, preload(t), program(t, "faults/stacks"), append([]string{where}, more...)...)
				requireWell(t, result)
				require.Empty(t, result.Stderr)
				require.Contains(t, result.Stdout, "-- coroutines\n")
				require.Contains(t, result.Stdout, "sessions never freed: 0\n")
				require.Equal(t, where == "forked", strings.Contains(result.Stdout, "status = 0\n"))
			})
		}
	}
}

// TestFaults_StackBounds compares what the shim tells the Go runtime of stacks
// with what the C library says, under several limits and environments.
func TestFaults_StackBounds(t *testing.T) {
	const root = "../../.."
	options, err := os.ReadFile(filepath.Join(root, "scripts/compile.opts"))
	require.NoError(t, err)
	bounds := filepath.Join(t.TempDir(), "bounds")
	args := append(strings.Fields(string(options)), "-I"+root+"/include", "-I"+root+"/cshim", "-o", bounds,
		"testdata/bounds.c", root+"/cshim/stack.c", "-lpthread")
	out, err := exec.Command("gcc", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	large := "LARGE=" + strings.Repeat("x", 100_000)
	// The kernel puts the name above all else.
	longName := filepath.Dir(bounds) + strings.Repeat("/.", 1500) + "/bounds"
	for _, test := range []struct {
		limit string // of the stack, in KiB
		name  string
		more  []string
	}{
		{"8192", bounds, nil},
		{"8192", longName, nil},
		{"8192", bounds, []string{large, "A" + large, "B" + large}},
		{"1024", bounds, nil},
		{"60000", bounds, nil},
		{"unlimited", bounds, nil},
	} {
		// The stack lies elsewhere each time, and with it the edges of its pages.
		for range 20 {
			result := Run(short, test.more, "/bin/sh", "-c", `ulimit -S -s "$1" && exec "$2"`, "sh", test.limit, test.name)
			require.NoError(t, result.Err, "%s KiB: %s%s", test.limit, result.Stdout, result.Stderr)
		}
	}
}
