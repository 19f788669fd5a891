// Package settings tests what becomes of the library's variables, its keys and
// the memory its workers share: by the library itself, in front of a small
// program, and by a program that is made of those parts of the shim alone.
package settings

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

const root = "../../.."

// limit ends programs that hang.
const limit = time.Minute

// compiled makes a program once for all tests.
type compiled struct {
	once sync.Once
	path string
	out  []byte
	err  error
}

var (
	probeProgram, racesProgram, clientProgram compiled

	binaries string
)

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "settings"); err != nil {
		panic(err)
	}
	// A program of a test may run as another user.
	if err = os.Chmod(binaries, 0o755); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(binaries)
	os.Exit(status)
}

func (c *compiled) make(t *testing.T, name string, args ...string) string {
	t.Helper()
	c.once.Do(func() {
		options, err := os.ReadFile(filepath.Join(root, "scripts/compile.opts"))
		if err != nil {
			c.err = err
			return
		}
		c.path = filepath.Join(binaries, name)
		args = append(append(strings.Fields(string(options)), "-g", "-o", c.path), args...)
		c.out, c.err = exec.Command("gcc", args...).CombinedOutput()
	})
	require.NoError(t, c.err, "%s", c.out)
	return c.path
}

// probe is the program of tests/c/settings/probe.c.
func probe(t *testing.T) string {
	t.Helper()
	return probeProgram.make(t, "probe", probeSources()...)
}

// raceProbe is probe with ThreadSanitizer.
func raceProbe(t *testing.T) string {
	t.Helper()
	return racesProgram.make(t, "races", append(probeSources(), "-O1", "-fsanitize=thread")...)
}

func probeSources() []string {
	args := []string{"-I" + root + "/include", "-I" + root + "/cshim", root + "/tests/c/settings/probe.c"}
	for _, name := range []string{"config", "file", "keys", "log", "region", "regionfile", "setting", "sha256", "storeurl"} {
		args = append(args, root+"/cshim/"+name+".c")
	}
	return append(args, "-lpthread")
}

// client is a program that makes two contexts, as the library's host does.
func client(t *testing.T) string {
	source := filepath.Join(t.TempDir(), "client.c")
	require.NoError(t, os.WriteFile(source, []byte(`
#include <openssl/ssl.h>
#include <stdio.h>

int main(void)
{
    SSL_CTX *one = SSL_CTX_new(TLS_server_method());
    SSL_CTX *two = SSL_CTX_new(TLS_client_method());

    puts(one != NULL && two != NULL ? "well" : "failed");
    SSL_CTX_free(one);
    SSL_CTX_free(two);
    return 0;
}
`), 0o644))
	return clientProgram.make(t, "client", source, "-lssl", "-lcrypto")
}

// library is the library under test: SESSCACHE_LIBRARY, or that of the build tree.
func library(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SESSCACHE_LIBRARY")
	if path == "" {
		path = filepath.Join(root, "build", "libsesscache.so")
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	require.FileExists(t, path, "build it with make")
	return path
}

// environ is the environment of a program: that of the test, without what would
// change the outcome, and the settings.
func environ(settings []string) []string {
	return append(conformance.PlainEnvironment(), settings...)
}

// result is what a run left behind.
type result struct {
	stdout, stderr string
	status         int
}

// runHost runs the client with the library in front.
func runHost(t *testing.T, settings ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, client(t))
	cmd.Env = append(environ(settings), "LD_PRELOAD="+library(t))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// session is a probe that runs.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// start runs a probe with settings. The test ends it.
func start(t *testing.T, settings ...string) *session {
	t.Helper()
	return startAfter(t, ":", settings...)
}

// startAfter is start after a command of the shell, which may change limits.
func startAfter(t *testing.T, command string, settings ...string) *session {
	t.Helper()
	return startProgram(t, probe(t), command, settings...)
}

func startProgram(t *testing.T, program, command string, settings ...string) *session {
	t.Helper()
	s := &session{t: t}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	s.cmd = exec.CommandContext(ctx, "/bin/sh", "-c", command+`; exec "$0"`, program)
	s.cmd.Env = environ(settings)
	s.cmd.Stderr = &s.stderr
	var err error
	s.stdin, err = s.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	s.stdout = bufio.NewReader(stdout)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		s.stdin.Close()
		cancel()
		s.cmd.Wait()
	})
	return s
}

// do gives the probe a command and returns its answer.
func (s *session) do(command string) string {
	s.t.Helper()
	_, err := io.WriteString(s.stdin, command+"\n")
	require.NoError(s.t, err)
	line, err := s.stdout.ReadString('\n')
	require.NoError(s.t, err, "after %q: %s", command, &s.stderr)
	return strings.TrimSuffix(line, "\n")
}

// end waits for the probe's end and returns its status and what it said on standard error.
func (s *session) end() (int, string) {
	s.t.Helper()
	s.stdin.Close()
	_, err := io.Copy(io.Discard, s.stdout)
	require.NoError(s.t, err)
	err = s.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(s.t, err)
	}
	return s.cmd.ProcessState.ExitCode(), s.stderr.String()
}

// says ends the probe and requires one line on its standard error, or none for
// no texts, with the texts in it.
func (s *session) says(texts ...string) {
	s.t.Helper()
	status, stderr := s.end()
	require.Zero(s.t, status, stderr)
	if len(texts) == 0 {
		require.Empty(s.t, stderr)
		return
	}
	requireLine(s.t, stderr, texts...)
}

// requireLine requires exactly one line, whole, with the texts in it.
func requireLine(t *testing.T, stderr string, texts ...string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	require.True(t, strings.HasPrefix(stderr, "sesscache: SESSCACHE_"), stderr)
	require.Less(t, len(stderr), 511, "the line was cut: %s", stderr)
	for _, text := range texts {
		require.Contains(t, stderr, text)
	}
}

// key returns a key whose bytes are b, as a line of a key file.
func key(b byte) string {
	return base64Line(bytes.Repeat([]byte{b}, 32))
}

func base64Line(data []byte) string {
	return base64.StdEncoding.EncodeToString(data) + "\n"
}

func pidOf(s *session) string {
	return strconv.Itoa(s.cmd.Process.Pid)
}

// place is a directory of a test that another user may enter.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{dir, filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(part, 0o755))
	}
	return dir
}

// writeFile writes a file that only its owner may use, in place of what is there.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	return path
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away and change its user")
	}
}
