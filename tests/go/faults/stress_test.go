package faults

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
)

var stressModes = map[string][]string{"plain": nil, "mirror": {"mirror"}}

func stressArgs(seconds int, mode []string) []string {
	return append([]string{strconv.Itoa(seconds)}, mode...)
}

// TestStress has eight threads do everything at once with one context. The
// program checks that nothing is left and the sums hold; here the process's
// figures must say so too.
func TestStress(t *testing.T) {
	for name, mode := range stressModes {
		t.Run(name, func(t *testing.T) {
			figures := filepath.Join(t.TempDir(), "figures")
			limit := time.Duration(*stressSeconds)*time.Second + short
			result := Run(limit, append(preload(t), "SESSCACHE_STATS_FILE="+figures),
				program(t, "stress/stress"), stressArgs(*stressSeconds, mode)...)
			requireWell(t, result)
			require.Empty(t, result.Stderr)
			require.Contains(t, result.Stdout, " failed=0 ")
			require.Contains(t, result.Stdout, " alive=0\n")
			t.Logf("%s", result.Stdout)
			if name == "mirror" {
				// libssl's own table has what the core has, whatever passed through it.
				require.Regexp(t, "libssl's table: more=0 fewer=0 without_id=[0-9]+ left=0\n", result.Stdout)
			}

			processes, err := statfile.Read(figures)
			require.NoError(t, err)
			require.Len(t, processes, 1)
			p := processes[0]
			require.NotZero(t, p.Core.Adds)
			require.Zero(t, p.Contexts)
			require.Zero(t, p.SlotsUsed)
			require.Zero(t, p.Panics)
			require.Zero(t, p.Core.Entries)
			require.Equal(t, p.Core.Lookups, p.Core.Hits+p.Core.Misses)
			require.Equal(t, p.Core.Adds,
				p.Core.Replaced+p.Core.Evicted+p.Core.Expired+p.Core.Removed+p.Core.Flushed)
		})
	}
}

// sanitizedThreads is the environment of a program under ThreadSanitizer with
// the library that is.
func sanitizedThreads(t *testing.T) []string {
	return []string{
		"LD_PRELOAD=" + runtimeOf(t, "libtsan.so") + ":" +
			file(t, filepath.Join(build, "tsan/stress/libsesscache.so")),
		"TSAN_OPTIONS=ignore_noninstrumented_modules=1 exitcode=66",
	}
}

// TestStress_Threads runs it with the shim and the program under
// ThreadSanitizer. libssl and the Go core are not instrumented: accesses below
// their own calls are left out, their locks are seen.
func TestStress_Threads(t *testing.T) {
	seconds := max(2, *stressSeconds/2)
	env := sanitizedThreads(t)
	for name, mode := range stressModes {
		t.Run(name, func(t *testing.T) {
			limit := time.Duration(seconds)*time.Second + short
			requireWell(t, Run(limit, env, program(t, "../tsan/tests/stress/stress"),
				stressArgs(seconds, mode)...))
		})
	}
	t.Run("finds a race", func(t *testing.T) {
		result := Run(short, env, program(t, "../tsan/tests/stress/stress"), "1", "race")
		require.Error(t, result.Err)
		require.Contains(t, result.Stderr, "WARNING: ThreadSanitizer: data race")
	})
}

// TestReaders looks sessions up, without a lock, while the table changes.
func TestReaders(t *testing.T) {
	limit := time.Duration(*stressSeconds)*time.Second + short
	result := Run(limit, preload(t), program(t, "stress/readers"), strconv.Itoa(*stressSeconds))
	requireWell(t, result)
	require.Empty(t, result.Stderr)
	require.Contains(t, result.Stdout, " alive=0\n")
	t.Logf("%s", result.Stdout)
}

// TestReaders_Threads runs it under ThreadSanitizer, like TestStress_Threads.
func TestReaders_Threads(t *testing.T) {
	seconds := max(2, *stressSeconds/2)
	limit := time.Duration(seconds)*time.Second + short
	requireWell(t, Run(limit, sanitizedThreads(t), program(t, "../tsan/tests/stress/readers"),
		strconv.Itoa(seconds), "calm"))
}

// TestStress_Memory runs it under valgrind, where it gets little done: valgrind
// runs one thread at a time.
func TestStress_Memory(t *testing.T) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		t.Skip("valgrind is not installed")
	}
	suppressions := file(t, "../../c/stress/valgrind.supp")
	// valgrind says that there is rdtscp where the processor has none, and fails.
	env := append(preload(t), "GODEBUG=cpu.rdtscp=off")
	result := Run(2*short, env, valgrind, "-q", "--error-exitcode=66",
		"--suppressions="+suppressions, program(t, "stress/stress"), "2", "brief")
	requireWell(t, result)
}
