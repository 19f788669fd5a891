// Package build tests what the build makes: the shape of libsesscache.so, its
// installation, and programs that link with it.
package build

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the top of the source tree.
func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	return path
}

// built is a file of the build tree; making it is the business of `make`.
func built(t *testing.T, path, target string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run `make %s` first", path, target)
	}
	return path
}

// library is the library under test: SESSCACHE_LIBRARY, or that of the build tree.
func library(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SESSCACHE_LIBRARY"); path != "" {
		return built(t, path, "all")
	}
	return built(t, filepath.Join(root(t), "build", "libsesscache.so"), "all")
}

// command is a program to run with the environment of this test, but without
// what make hands to the makes below it.
func command(dir, name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		key, _, _ := strings.Cut(variable, "=")
		switch key {
		case "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "DESTDIR", "PREFIX":
		default:
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// run runs a program to its end and returns what it wrote to standard output
// and to standard error.
func run(t *testing.T, cmd *exec.Cmd) (string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

// program is a C program that shows at run time which library it has in front:
// a session cache size that stock libssl would answer too, and the version that
// only libsesscache knows.
const program = `
#include <openssl/ssl.h>
#include <stdio.h>
#include "openssl_sess.h"

int main(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_sess_set_cache_size(ctx, 7);
    printf("%s %ld %d\n", sesscache_version(), SSL_CTX_sess_get_cache_size(ctx),
           sesscache_attached(ctx));
    SSL_CTX_free(ctx);
    return 0;
}
`

// writeProgram puts the program into dir and returns its path.
func writeProgram(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "main.c")
	require.NoError(t, os.WriteFile(path, []byte(program), 0o644))
	return path
}

// version is the library's version in the source.
func version(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root(t), "cshim", "ssc.h"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(source), `#define SSC_VERSION "`)
	require.True(t, found)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}
