// Package servers runs unmodified servers, stock and with libsesscache
// preloaded, and compares what they resume. Each claim has three witnesses:
// the client, the server's own view of the connection, and the figures that
// the library keeps for each process.
package servers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mode is how a server is started.
type mode string

const (
	// stock is the server alone.
	stock mode = "stock"
	// documented is the library preloaded, in its default mode.
	documented mode = "documented"
	// takeover is the library preloaded, serving whatever the server's flags say.
	takeover mode = "takeover"
)

// patience bounds each wait for a condition; nothing waits for it when all is well.
const patience = 20 * time.Second

// launch is one start of a server: where it may write, what it shows, how it is preloaded.
type launch struct {
	mode    mode
	dir     string // of this start alone; any user may traverse it
	cert    string // certificate, PEM
	key     string // its key, PEM
	bundle  string // both in one file
	port    int    // free on loopback
	figures string // the figures file, absent when stock
	// settings are further variables of the library, NAME=value; stock has none.
	settings []string
	// living are the processes whose figures count; nil: all, also those that have ended.
	living func() []int
}

// newLaunch prepares the start of a server in a directory of its own.
func newLaunch(t *testing.T, m mode) *launch {
	t.Helper()
	// t.TempDir is closed to the users that servers switch to.
	dir, err := os.MkdirTemp("", "sesscache-server-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &launch{
		mode:    m,
		dir:     dir,
		cert:    filepath.Join(dir, "cert.pem"),
		key:     filepath.Join(dir, "key.pem"),
		bundle:  filepath.Join(dir, "bundle.pem"),
		port:    freePort(t),
		figures: filepath.Join(dir, "figures"),
	}
	l.writeCertificate(t)
	return l
}

// address is HOST:PORT of the server.
func (l *launch) address() string {
	return fmt.Sprintf("127.0.0.1:%d", l.port)
}

// write puts a file into the directory of the launch and returns its path.
func (l *launch) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

// mkdir makes a directory in that of the launch and returns its path.
func (l *launch) mkdir(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	require.NoError(t, os.MkdirAll(path, 0o755))
	return path
}

// environment is what the server is started with.
func (l *launch) environment(t *testing.T) []string {
	t.Helper()
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	if l.mode == stock {
		return env
	}
	return append(append(env,
		"LD_PRELOAD="+library(t),
		"SESSCACHE_MODE="+string(l.mode),
		"SESSCACHE_STATS_FILE="+l.figures), l.settings...)
}

// set gives a variable of the library a value for the next start.
func (l *launch) set(variable, value string) {
	l.settings = slices.DeleteFunc(l.settings, func(setting string) bool {
		return strings.HasPrefix(setting, variable+"=")
	})
	l.settings = append(l.settings, variable+"="+value)
}

// certifiedAs gives the launch the certificate of another.
func (l *launch) certifiedAs(t *testing.T, other *launch) {
	t.Helper()
	for from, to := range map[string]string{
		other.cert: l.cert, other.key: l.key, other.bundle: l.bundle,
	} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, content, 0o644))
	}
}

func (l *launch) writeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	require.NoError(t, os.WriteFile(l.cert, certPEM, 0o644))
	require.NoError(t, os.WriteFile(l.key, keyPEM, 0o644))
	require.NoError(t, os.WriteFile(l.bundle, bytes.Join([][]byte{certPEM, keyPEM}, nil), 0o644))
}

// Ports below the kernel's range for outgoing connections, so that no client
// of these tests happens to sit on the port a server is about to take.
const (
	firstPort = 20000
	ports     = 10000
)

var nextPort atomic.Int64

func init() {
	nextPort.Store(int64(os.Getpid()*7) % ports)
}

// freePort finds a port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		return port
	}
	require.Fail(t, "no free port on loopback")
	return 0
}

// pathFromEnv is the path that the environment gives, else that in the build tree.
func pathFromEnv(variable, built string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return filepath.Join("..", "..", "..", "build", built)
}

// fromEnv is pathFromEnv, absolute, of a file that has to be there.
func fromEnv(t *testing.T, variable, built string) string {
	t.Helper()
	path, err := filepath.Abs(pathFromEnv(variable, built))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run `make %s` first, or name another with %s", path,
			filepath.Join("build", built), variable)
	}
	return path
}

// library is the path of the library under test.
func library(t *testing.T) string {
	t.Helper()
	return fromEnv(t, "SESSCACHE_LIBRARY", "libsesscache.so")
}

// needInstalled finds a file of a server. A missing one skips the test, except
// where everything must be there.
func needInstalled(t *testing.T, path, debianPackage string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	needed(t, path+" is not installed: it comes with Debian's package "+debianPackage)
}

// needRoot ends the test where the server could not switch users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		needed(t, "the server starts as root and then drops its rights: run this test as root")
	}
}

func needed(t *testing.T, sentence string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

// eventually polls a condition until it holds.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain", what)
		}
		<-pause.C
	}
}
