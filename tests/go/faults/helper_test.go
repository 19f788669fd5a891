package faults

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const build = "../../../build"

var stressSeconds = flag.Int("stress", 5, "how many seconds each stress run takes")

func file(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	require.FileExists(t, path, "build it with make all tests-c")
	return path
}

func library(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SESSCACHE_LIBRARY"); path != "" {
		return file(t, path)
	}
	return file(t, filepath.Join(build, "libsesscache.so"))
}

// preload is the environment of a program with the library in front.
func preload(t *testing.T) []string {
	t.Helper()
	return []string{"LD_PRELOAD=" + library(t)}
}

func program(t *testing.T, name string) string {
	t.Helper()
	return file(t, filepath.Join(build, "tests", name))
}

// runtimeOf is the path of a sanitizer's runtime.
func runtimeOf(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("gcc", "-print-file-name="+name).Output()
	require.NoError(t, err)
	path := strings.TrimSpace(string(out))
	if !filepath.IsAbs(path) {
		t.Skipf("gcc has no %s", name)
	}
	return path
}

func requireWell(t *testing.T, result Result) {
	t.Helper()
	require.NoError(t, result.Err, "%s\n%s", end(result.Stdout), end(result.Stderr))
}

// end is the last part of a text.
func end(text string) string {
	return text[max(0, len(text)-4000):]
}

const short = time.Minute
