package build

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// link builds the program with libraries in the order given, runs it with the
// library's directory in the loader's path, and returns both outputs.
func link(t *testing.T, libraries ...string) (string, string) {
	t.Helper()
	dir := t.TempDir()
	directory := filepath.Dir(library(t))
	arguments := []string{"-o", "program", "-I" + filepath.Join(root(t), "include"),
		writeProgram(t, dir), "-L" + directory, "-Wl,--no-as-needed"}
	run(t, command(dir, "cc", append(arguments, libraries...)...))
	cmd := command(dir, "./program")
	cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+directory)
	return run(t, cmd)
}

func TestLink_inOrder(t *testing.T) {
	stdout, stderr := link(t, "-lsesscache", "-lssl", "-lcrypto")
	assert.Equal(t, version(t)+" 7 1\n", stdout)
	assert.Empty(t, stderr)
}

// Behind libssl our functions are not found: the program runs on libssl's own
// cache, and the library says why, once.
func TestLink_inTheWrongOrder(t *testing.T) {
	stdout, stderr := link(t, "-lssl", "-lcrypto", "-lsesscache")
	assert.Equal(t, version(t)+" 7 0\n", stdout)
	assert.True(t, strings.HasPrefix(stderr, "sesscache: "), "%q", stderr)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), "%q", stderr)
}
