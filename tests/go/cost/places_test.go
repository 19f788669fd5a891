package cost

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

// printed runs one of the programs of tests/c/cost and reads what it prints.
func printed(t *testing.T, program, format string, env []string, values ...any) {
	cmd := exec.Command(file(t, filepath.Join(build, "tests/cost", program)))
	cmd.Env = append(conformance.PlainEnvironment(), env...)
	output, err := cmd.Output()
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(output), format, values...)
	require.NoError(t, err, "%s", output)
}

// neighbours is the share of the sessions that stay in the cache which lie
// beside the one made before, by tests/c/cost/places.c.
func neighbours(t *testing.T, env ...string) float64 {
	var n, of int
	printed(t, "places", "%d of %d", env, &n, &of)
	return float64(n) / float64(of)
}

// pages is the number of pages to which the allocations of ten handshakes come
// when the cache is full, by tests/c/cost/spread.c.
func pages(t *testing.T, env ...string) (n int) {
	printed(t, "spread", "%d", env, &n)
	return n
}

// Sessions that stay are not to lie apart in what each connection has freed:
// malloc would take longer for all that comes after them.
func TestPlaces(t *testing.T) {
	stock, here := neighbours(t), neighbours(t, "LD_PRELOAD="+library(t))
	t.Logf("side by side: %.0f %% of the sessions, with stock libssl %.0f %%", 100*here, 100*stock)
	require.Greater(t, here, 0.85)
}

// Nor are sessions of a full cache, of which one leaves for each that comes, to
// spread what connections allocate over the heap.
func TestPlaces_FullCache(t *testing.T) {
	stock, here := pages(t), pages(t, "LD_PRELOAD="+library(t))
	t.Logf("ten handshakes come to %d pages, with stock libssl to %d", here, stock)
	require.Less(t, float64(here)/float64(stock), 0.75)
}
