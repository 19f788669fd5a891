package servers

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// newKey is a line of a key file, as `openssl rand -base64 32` prints it.
func newKey(t *testing.T) string {
	t.Helper()
	var key [32]byte
	_, err := rand.Read(key[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(key[:]) + "\n"
}

// keyFile is where the launch has its keys.
func (l *launch) keyFile() string {
	return filepath.Join(l.dir, "keys")
}

// useKeys writes the key file, the key that seals first, and has the library read it.
func (l *launch) useKeys(t *testing.T, keys ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(l.keyFile(), []byte(strings.Join(keys, "")), 0o600))
	l.set("SESSCACHE_KEY_FILE", l.keyFile())
}

// useFile has the library keep the region in a file, whose path it returns.
func (l *launch) useFile() string {
	path := filepath.Join(l.dir, "region")
	l.set("SESSCACHE_SHARED_FILE", path)
	return path
}

// requireClosed asserts that the file is root's, that nobody else can use it, and that the
// processes which do use it are not root's.
func requireClosed(t *testing.T, file string, workers []int) {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(file, &st))
	require.Zero(t, st.Uid)
	require.EqualValues(t, 0o600, st.Mode&0o7777)
	require.NotEmpty(t, workers)
	for _, pid := range workers {
		require.NoError(t, syscall.Stat(fmt.Sprintf("/proc/%d", pid), &st))
		require.NotZero(t, st.Uid, "process %d has kept its rights", pid)
	}
}

// restart starts a server, stops it in the middle of what its clients do, starts it again after
// `meanwhile`, and returns the second server, what the clients saw, and the figures of the first
// server alone.
func restart(t *testing.T, l *launch, start func(*testing.T, *launch) *service, meanwhile func()) (
	*service, result, figures) {
	t.Helper()
	const leg = 150
	first := start(t, l)
	clients := first.travelInLoad(t, 2*leg)
	clients.pass(t, leg, first.address)
	requireClosed(t, filepath.Join(l.dir, "region"), first.children(t))
	first.shutdown(t)
	first.requireQuiet(t)
	before := l.idleFigures(t)
	meanwhile()
	second := start(t, l)
	clients.pass(t, leg, second.address)
	return second, clients.arrive(t), before
}

func TestRegionFile_outlivesServer(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  mode
		start func(*testing.T, *launch) *service
	}{
		{"nginx", documented, nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start},
		{"haproxy", takeover, startHaproxy("-W")},
		{"Apache", takeover, apacheConfig{mpm: "event", cache: shmcb}.start},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLaunch(t, c.mode)
			l.useFile()
			key := newKey(t)
			l.useKeys(t, key)
			server, seen, before := restart(t, l, c.start, func() {
				// A new key seals from now on; the old one still opens.
				l.useKeys(t, newKey(t), key)
			})
			now := l.idleFigures(t)
			t.Logf("%+v\n%s", seen, now)
			requireAllResumed(t, seen, nil, now)
			require.Greater(t, now.sharedHits(), before.sharedHits(), "the second server found sessions of the first")
			server.shutdown(t)
			server.requireQuiet(t)
		})
	}
}

// haproxy's master executes itself at a reload, so that memory without a file is lost.
func TestRegionFile_outlivesReload(t *testing.T) {
	const leg = 150
	l := newLaunch(t, takeover)
	l.useFile()
	l.useKeys(t, newKey(t))
	server := startHaproxy("-W")(t, l)
	clients := server.travelInLoad(t, 2*leg)
	clients.pass(t, leg, server.address)
	before := l.idleFigures(t)
	server.replaceWorkers(t, syscall.SIGUSR2)
	clients.pass(t, leg, server.address)
	seen := clients.arrive(t)
	now := l.idleFigures(t)
	t.Logf("%+v\n%s", seen, now)
	requireAllResumed(t, seen, nil, now)
	require.Greater(t, now.sharedHits(), before.sharedHits())
	server.shutdown(t)
	server.requireQuiet(t)
}

// A file that cannot be trusted or read is refused with a line, and the server runs without it:
// its workers share memory that ends with it.
func TestRegionFile_refused(t *testing.T) {
	for _, c := range []struct {
		name, says string
		spoil      func(t *testing.T, l *launch, file string)
	}{
		{"another key", "it was made with another key", func(t *testing.T, l *launch, _ string) {
			l.useKeys(t, newKey(t))
		}},
		{"another size", "it was made with another size", func(_ *testing.T, l *launch, _ string) {
			l.set("SESSCACHE_SHARED_SIZE", "1M")
		}},
		{"others may write it", "others than its owner may write it", func(t *testing.T, _ *launch, file string) {
			require.NoError(t, os.Chmod(file, 0o666))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLaunch(t, documented)
			file := l.useFile()
			l.useKeys(t, newKey(t))
			server, seen, before := restart(t, l,
				nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start,
				func() { c.spoil(t, l, file) })
			requireRefused(t, server, "SESSCACHE_SHARED_FILE="+file, c.says)
			require.Positive(t, seen.Refused, "sessions of the first server should be lost")
			after := server.load(t, afterwards)
			now := l.idleFigures(t)
			t.Logf("%+v\n%+v\n%s", seen, after, now)
			require.Equal(t, seen.Resumed+after.Resumed, now.coreHits())
			require.Zero(t, after.Refused, "the workers share memory that is not in a file")
			require.Greater(t, now.sharedHits(), before.sharedHits())
			server.shutdown(t)
		})
	}
}

// requireRefused asserts that the library said just one thing, on a line of its own.
func requireRefused(t *testing.T, server *service, setting, says string) {
	t.Helper()
	lines := server.complaints(t)
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "sesscache: "+setting)
	require.Contains(t, lines[0], says)
}
