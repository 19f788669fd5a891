package cost

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

// neighbours runs the program tests/c/cost/places.c and returns which share of
// the sessions that stay in the cache lies beside the one made before.
func neighbours(t *testing.T, env ...string) float64 {
	cmd := exec.Command(file(t, filepath.Join(build, "tests/cost/places")))
	cmd.Env = append(conformance.PlainEnvironment(), env...)
	output, err := cmd.Output()
	require.NoError(t, err)
	var n, of int
	_, err = fmt.Sscanf(string(output), "%d of %d", &n, &of)
	require.NoError(t, err, "%s", output)
	return float64(n) / float64(of)
}

// Sessions that stay are not to lie apart in what each connection has freed:
// malloc would take longer for all that comes after them.
func TestPlaces(t *testing.T) {
	stock, here := neighbours(t), neighbours(t, "LD_PRELOAD="+library(t))
	t.Logf("side by side: %.0f %% of the sessions, with stock libssl %.0f %%", 100*here, 100*stock)
	require.Greater(t, here, 0.85)
}
