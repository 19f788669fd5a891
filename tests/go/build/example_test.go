package build

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// example is the path of the example server, built in the build tree.
func example(t *testing.T) string {
	t.Helper()
	return built(t, filepath.Join(root(t), "build", "examples", "sessfile"), "examples")
}

// server is a running sessfile.
type server struct {
	cmd     *exec.Cmd
	address string
	stdout  *bufio.Reader
}

// site is what servers share from start to start: certificate, key and the
// directory of the file cache.
type site struct {
	certificate, key, cache string
}

func newSite(t *testing.T) site {
	t.Helper()
	dir := t.TempDir()
	s := site{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"),
		filepath.Join(dir, "cache")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for path, block := range map[string]*pem.Block{
		s.certificate: {Type: "CERTIFICATE", Bytes: certificate},
		s.key:         {Type: "PRIVATE KEY", Bytes: der},
	} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return s
}

// sessions is the number of files in the cache.
func (s site) sessions(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(s.cache)
	require.NoError(t, err)
	return len(entries)
}

// start starts a server on a free port; its line on standard output says which.
func (s site) start(t *testing.T, program string, environment ...string) *server {
	t.Helper()
	cmd := command("", program, "0", s.certificate, s.key, s.cache, "4")
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, found, line)
	return &server{cmd: cmd, address: address, stdout: reader}
}

// stop ends the server by SIGTERM and returns the figures it prints, by name.
func (s *server) stop(t *testing.T) map[string]int {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	output, err := io.ReadAll(s.stdout)
	require.NoError(t, err)
	require.NoError(t, s.cmd.Wait(), string(output))
	figures := map[string]int{}
	for line := range strings.Lines(string(output)) {
		kind, rest, _ := strings.Cut(line, ": ")
		for _, match := range regexp.MustCompile(`(\w+)=(\d+)`).FindAllStringSubmatch(rest, -1) {
			figures[kind+" "+match[1]], err = strconv.Atoi(match[2])
			require.NoError(t, err)
		}
	}
	return figures
}

// load is what tlsload reports, as far as it is of interest here.
type load struct {
	Connections int
	Failed      int
	Full        int
	Resumed     int
	Said        int
}

// drive sends connections to the server; says is the text in the answers to count.
func (s *server) drive(t *testing.T, says string, arguments ...string) load {
	t.Helper()
	tlsload := built(t, filepath.Join(root(t), "build", "tools", "tlsload"), "tools")
	stdout, _ := run(t, command("", tlsload,
		append([]string{"--connect", s.address, "--says", says}, arguments...)...))
	var result load
	require.NoError(t, json.Unmarshal([]byte(stdout), &result), stdout)
	require.Zero(t, result.Failed, stdout)
	return result
}

// get asks the server once and returns its answer. It uses
// `openssl s_client`, which, unlike tlsload, can keep a session beyond its process.
func (s *server) get(t *testing.T, version string, arguments ...string) string {
	t.Helper()
	cmd := command("", "openssl", append([]string{"s_client", "-connect", s.address, "-" + version,
		"-quiet", "-no_ign_eof"}, arguments...)...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.WriteString(stdin, "GET / HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	// Standard input stays open until the answer is here: its end ends s_client.
	answer, err := io.ReadAll(stdout)
	require.NoError(t, err)
	_ = stdin.Close()
	_ = cmd.Wait()
	return string(answer)
}

// resumesAcrossRestart shows the example at work: a session made by one server
// process is resumed by the next one, from its file, and after that from the
// internal cache.
func resumesAcrossRestart(t *testing.T, program string, environment ...string) {
	t.Helper()
	for _, version := range []string{"tls1_2", "tls1_3"} {
		site := newSite(t)
		first := filepath.Join(t.TempDir(), "first.pem")
		second := filepath.Join(t.TempDir(), "second.pem")

		before := site.start(t, program, environment...)
		assert.Contains(t, before.get(t, version, "-sess_out", first), "session new")
		figures := before.stop(t)
		assert.Equal(t, 1, figures["core adds"], figures)
		require.Equal(t, 1, site.sessions(t))

		after := site.start(t, program, environment...)
		assert.Contains(t, after.get(t, version, "-sess_in", first, "-sess_out", second),
			"session resumed from a file")
		if version == "tls1_2" {
			second = first // a resumed session stays the same; TLS 1.3 gives a new one
		}
		assert.Contains(t, after.get(t, version, "-sess_in", second), "session resumed\n")
		figures = after.stop(t)
		assert.Equal(t, 1, figures["files found"], figures)
		assert.Equal(t, 1, figures["core hits"], figures)
	}
}

func TestExample_resumesAcrossRestart(t *testing.T) {
	resumesAcrossRestart(t, example(t))
}

func TestExample_resumesFromTheGoCore(t *testing.T) {
	site := newSite(t)
	server := site.start(t, example(t))
	result := server.drive(t, "session resumed\n",
		"--connections", "400", "--threads", "4", "--tls", "mix", "--resume", "80")
	assert.Equal(t, 400, result.Full+result.Resumed)
	assert.Greater(t, result.Resumed, 200)
	assert.Equal(t, result.Resumed, result.Said, "the server's view is another")
	figures := server.stop(t)
	assert.Equal(t, result.Resumed, figures["core hits"], figures)
	assert.Zero(t, figures["files found"], figures)
	assert.Equal(t, site.sessions(t), figures["files entries"], figures)
}

func TestExample_removalDeletesTheFile(t *testing.T) {
	site := newSite(t)
	server := site.start(t, example(t))
	result := server.drive(t, "session new",
		"--connections", "100", "--tls", "mix", "--request", `GET /forget HTTP/1.0\r\n\r\n`)
	assert.Equal(t, 100, result.Said, "a removed session was resumed")
	assert.Zero(t, site.sessions(t))
	figures := server.stop(t)
	assert.Equal(t, 100, figures["files removed"], figures)
	assert.Zero(t, figures["core entries"], figures)
}

func TestExample_keepsFilesToItself(t *testing.T) {
	site := newSite(t)
	server := site.start(t, example(t))
	server.drive(t, "new", "--connections", "1")
	server.stop(t)
	entries, err := os.ReadDir(site.cache)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), entry.Name())
	}

	require.NoError(t, os.Chmod(site.cache, 0o755))
	output, err := command("", example(t), "0", site.certificate, site.key,
		site.cache).CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(output), "Operation not permitted")
}
