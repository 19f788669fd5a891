package servers

import (
	"crypto/tls"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// workers is a server of several processes, unmodified and not configured for it, that share their
// sessions.
type workers struct {
	name  string
	mode  mode
	start func(t *testing.T, l *launch) *service
	// spread is in how many processes sessions of others are found at least. How connections
	// spread over processes is the server's business.
	spread int
	// signal has the server replace its workers; 0 if its sessions do not survive that.
	signal syscall.Signal
}

func sharing() []workers {
	return []workers{
		{
			name:   "nginx, builtin",
			mode:   documented,
			start:  nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start,
			spread: 4,
			signal: syscall.SIGHUP,
		},
		{
			// One process serves: the other is its master, which executes itself at a reload.
			name:  "haproxy, master and worker",
			mode:  takeover,
			start: startHaproxy("-W"),
		},
		{
			name:   "Apache, event",
			mode:   takeover,
			start:  apacheConfig{mpm: "event", cache: shmcb}.start,
			spread: 2,
			signal: syscall.SIGUSR1,
		},
		{
			name:   "Apache, prefork",
			mode:   takeover,
			start:  apacheConfig{mpm: "prefork", cache: shmcb}.start,
			spread: 2,
			signal: syscall.SIGUSR1,
		},
	}
}

// sharers are the processes that found sessions of others in their common memory.
func (f figures) sharers() []int {
	var pids []int
	for _, p := range f {
		if p.Core.SharedHits > 0 {
			pids = append(pids, int(p.PID))
		}
	}
	return pids
}

func (f figures) sharedHits() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Core.SharedHits })
}

// requireAllResumed asserts that the server took each session that was offered, in the client's
// view, in its own and in that of the core; `before` are the figures when the client began.
func requireAllResumed(t *testing.T, seen result, before, now figures) {
	t.Helper()
	requireNoFailure(t, seen)
	require.Zero(t, seen.Refused, "each session offered should resume")
	require.Equal(t, seen.Offered, seen.Resumed)
	require.Positive(t, seen.Resumed)
	require.Equal(t, seen.Resumed, seen.SaidResumed, "a resumed connection, and the server does not say so")
	require.Equal(t, seen.Resumed, seen.Said, "the server says resumed on a full handshake")
	require.Equal(t, seen.Resumed, now.coreHits()-before.coreHits(), "each resumption is a hit of the core")
	require.Equal(t, before.appHits(), now.appHits(), "hits of the application")
}

func TestRegion_anyWorker(t *testing.T) {
	for _, w := range sharing() {
		t.Run(w.name, func(t *testing.T) {
			l := newLaunch(t, w.mode)
			server := w.start(t, l)
			for _, version := range []string{"1.2", "1.3"} {
				before := l.idleFigures(t)
				seen := runLoad(t, server.address, append(server.loadArgs(loadConnections/2),
					"--tls", version)...)
				now := l.idleFigures(t)
				t.Logf("TLS %s: %+v\n%s", version, seen, now)
				requireAllResumed(t, seen, before, now)
				require.Greater(t, seen.Resumed, loadConnections/4)
				require.GreaterOrEqual(t, len(now.sharers()), w.spread)
				if w.spread > 0 {
					require.Greater(t, now.sharedHits(), before.sharedHits())
				}
			}
			server.shutdown(t)
			server.requireQuiet(t)
		})
	}
}

// A session from before a reload resumes at the new workers, while old ones are still at work and
// when their end has emptied their own caches.
func TestRegion_reload(t *testing.T) {
	for _, w := range sharing() {
		if w.signal == 0 {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			const leg = 150
			l := newLaunch(t, w.mode)
			server := w.start(t, l)
			clients := server.travelInLoad(t, 3*leg)
			clients.pass(t, leg, server.address)

			old := server.children(t)
			late := hold(t, server.address)
			server.signal(t, w.signal)
			eventually(t, func() bool {
				now := server.children(t)
				return len(without(now, old)) >= w.spread && len(without(now, old)) < len(now)
			}, "the server starts new workers, and an old one stays with its connection")
			before := l.idleFigures(t)
			clients.pass(t, leg, server.address)
			between := l.idleFigures(t)
			require.NotEmpty(t, without(between.sharers(), old), "no new worker found a session of an old one")

			require.NoError(t, late.Close())
			eventually(t, func() bool {
				now := server.children(t)
				return len(without(now, old)) == len(now)
			}, "the old workers end")
			clients.pass(t, leg, server.address)
			seen := clients.arrive(t)
			now := l.idleFigures(t)
			t.Logf("%+v\n%s", seen, now)
			requireAllResumed(t, seen, nil, now)
			require.Greater(t, between.sharedHits(), before.sharedHits())
			server.shutdown(t)
			server.requireQuiet(t)
		})
	}
}

// without is what of a is not in b.
func without(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(i int) bool { return slices.Contains(b, i) })
}

// hold opens a connection whose request does not end, so that its worker does not either.
func hold(t *testing.T, address string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n"))
	require.NoError(t, err)
	return conn
}

// A region that is full makes room: what resumes is what fits, and no handshake fails.
func TestRegion_full(t *testing.T) {
	l := newLaunch(t, documented)
	l.set("SESSCACHE_SHARED_SIZE", "256K")
	server := nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start(t, l)
	seen := server.load(t, 2*loadConnections)
	now := l.idleFigures(t)
	t.Logf("%+v\n%s", seen, now)
	requireNoFailure(t, seen)
	require.Equal(t, seen.Resumed, now.coreHits())
	require.Positive(t, now.sum(func(p statfile.Process) uint64 { return p.Region.Evicted }))
	require.Greater(t, seen.taken(), 0.5, "what was stored last is there")
	server.shutdown(t)
	server.requireQuiet(t)
}
