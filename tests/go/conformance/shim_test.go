package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShim runs the shim with a core of its own in the place of Go, which
// counts crossings: at most one for a hit, an add, a removal.
func TestShim(t *testing.T) {
	const root = "../../.."
	options, err := os.ReadFile(filepath.Join(root, "scripts/compile.opts"))
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "crossings")
	args := append(strings.Fields(string(options)), "-Wno-deprecated-declarations", "-g",
		"-I"+root+"/include", "-I"+root+"/cshim", "-o", program)
	for _, pattern := range []string{"cshim/*.c", "tests/c/shim/*.c", "tests/c/harness.c", "tests/c/connect.c", "tests/c/blocked.c"} {
		sources, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, sources, pattern)
		args = append(args, sources...)
	}
	out, err := exec.Command("gcc", append(args, "-lssl", "-lcrypto", "-lpthread", "-ldl")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command(program).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
