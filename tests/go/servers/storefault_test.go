package servers

import (
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

// storeFault is what may happen to a Redis that live servers use.
type storeFault struct {
	name   string
	strike func(t *testing.T, redis *backend.RedisServer, wire *backend.Proxy)
	heal   func(t *testing.T, redis *backend.RedisServer, wire *backend.Proxy)
	// shows is true of a process that has noticed the fault, given its figures from before; nil:
	// its breaker is open.
	shows func(before, now statfile.Process) bool
}

func breakerOpen(_, now statfile.Process) bool { return now.Store.Open > 0 }

func pass(_ *testing.T, _ *backend.RedisServer, wire *backend.Proxy) { wire.Pass() }

func storeFaults() []storeFault {
	return []storeFault{
		{
			// It comes back empty.
			name:   "killed",
			strike: func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) { r.Kill(t) },
			heal:   func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) { r.Restart(t) },
		},
		{
			name:   "stopped",
			strike: func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) { r.Stop(t) },
			heal:   func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) { r.Continue(t) },
		},
		{
			name: "slow",
			strike: func(_ *testing.T, _ *backend.RedisServer, wire *backend.Proxy) {
				wire.Delay(3 * storeTimeout)
			},
			heal: pass,
		},
		{
			name:   "silent",
			strike: func(_ *testing.T, _ *backend.RedisServer, wire *backend.Proxy) { wire.Blackhole() },
			heal:   pass,
		},
		{
			name:   "resetting",
			strike: func(_ *testing.T, _ *backend.RedisServer, wire *backend.Proxy) { wire.Reset() },
			heal:   pass,
		},
		{
			name: "answering garbage",
			strike: func(_ *testing.T, _ *backend.RedisServer, wire *backend.Proxy) {
				wire.Garbage([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$-5\r\n\x00\xff"))
			},
			heal: pass,
		},
		{
			// It refuses what is written and answers what is asked, so no breaker opens.
			name: "full",
			strike: func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) {
				r.Do(t, "config", "set", "maxmemory", "1")
			},
			heal: func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) {
				r.Do(t, "config", "set", "maxmemory", "0")
			},
			shows: func(before, now statfile.Process) bool { return now.Store.Errors > before.Store.Errors },
		},
		{
			// What was in it is not found; no breaker opens, and what comes is written.
			name:   "emptied",
			strike: func(t *testing.T, r *backend.RedisServer, _ *backend.Proxy) { r.Do(t, "flushall") },
			heal:   func(*testing.T, *backend.RedisServer, *backend.Proxy) {},
			shows:  func(before, now statfile.Process) bool { return now.Store.Writes > before.Store.Writes },
		},
	}
}

// servingProcesses are the figures of processes that have looked for sessions.
func (f figures) servingProcesses() figures {
	return slices.DeleteFunc(slices.Clone(f), func(p statfile.Process) bool { return p.Core.Lookups == 0 })
}

// await waits until something is true of each process that serves, of both instances, given its
// figures from before and of now.
func (p *pair) await(t *testing.T, what string, holds func(before, now statfile.Process) bool) {
	t.Helper()
	for i, l := range p.launches {
		before := map[uint64]statfile.Process{}
		for _, process := range l.readFigures(t) {
			before[process.PID] = process
		}
		eventually(t, func() bool {
			now := l.readFigures(t).servingProcesses()
			return len(now) == len(p.servers[i].children(t)) &&
				!slices.ContainsFunc(now, func(p statfile.Process) bool { return !holds(before[p.PID], p) })
		}, what)
	}
}

// requireSharing asserts that each instance resumes what the other made. If the machine let the
// store answer too late, it is tried again.
func (p *pair) requireSharing(t *testing.T) {
	t.Helper()
	p.rest(t)
	var sequence result
	for range 3 {
		late := sum(p.settle(t)).late()
		sequence = p.alternate(t)
		if sum(p.settle(t)).late() == late {
			break
		}
	}
	p.log(t, sequence)
	require.Equal(t, eachResumes, sequence.TLS12.History)
	require.Equal(t, eachResumes, sequence.TLS13.History)
}

// While a store fails and comes back, clients keep connecting to two instances. Not one handshake
// fails; each process leaves the store alone by itself, comes back to it by itself, and then
// sessions are shared again.
func TestStoreFault(t *testing.T) {
	redis := backend.Redis(t, backend.RedisOptions{})
	for _, fault := range storeFaults() {
		t.Run(fault.name, func(t *testing.T) {
			wire := backend.NewProxy(t, redis.Addr())
			p := hosts{mode: documented, start: twoWorkers}.startPair(t, redis.URLVia(wire.Addr()))
			p.underFault(t, fault.shows,
				func() { fault.strike(t, redis, wire) },
				func() { fault.heal(t, redis, wire) })
			p.end(t)
		})
	}
}

var twoWorkers = nginxConfig{workers: 2, cache: builtin, listen: "reuseport"}.start

// underFault has a fault strike and go, while clients connect.
func (p *pair) underFault(t *testing.T, shows func(before, now statfile.Process) bool,
	strike, heal func()) {
	t.Helper()
	t.Helper()
	opens := shows == nil
	if opens {
		shows = breakerOpen
	}
	clients := p.servers[0].crowd(t, p.servers[0].address, p.servers[1].address)
	p.await(t, "each worker finds sessions of the other instance",
		func(_, now statfile.Process) bool { return now.Core.StoredHits > 0 })
	strike()
	p.await(t, "each worker notices", shows)
	heal()
	p.await(t, "each breaker closes", func(_, now statfile.Process) bool { return now.Store.Open == 0 })
	seen := clients.disperse(t)
	now := p.settle(t)
	p.log(t, seen)
	requireNoFailure(t, seen)
	require.Equal(t, seen.Resumed, seen.SaidResumed)
	require.Equal(t, seen.Resumed, seen.Said)
	require.Equal(t, seen.Resumed, sum(now).coreHits())
	for _, f := range sum(now).servingProcesses() {
		require.Equal(t, opens, f.Store.Opened > 0, "process %d opened its breaker", f.PID)
	}
	p.requireSharing(t)
}

func TestStoreFault_failover(t *testing.T) {
	redis := backend.RedisSentinel(t, backend.SentinelOptions{Sentinels: 3})
	p := hosts{mode: documented, start: twoWorkers}.startPair(t, redis.URL())
	p.underFault(t, nil, func() { redis.Master.Kill(t) }, func() { redis.Promoted(t) })
	p.end(t)
}

// What a store costs that does not serve: nothing that can be told from the noise. The figures are
// shown, not judged: a machine that does something else meanwhile would decide.
func TestStoreFault_throughput(t *testing.T) {
	const rounds = 3
	redis := backend.Redis(t, backend.RedisOptions{})
	with, without := newLaunch(t, documented), newLaunch(t, documented)
	without.certifiedAs(t, with)
	with.useKeys(t, newKey(t))
	with.set("SESSCACHE_STORE", redis.URL())
	start := nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start
	servers := map[*launch]*service{with: start(t, with), without: start(t, without)}
	redis.Kill(t)
	for l, server := range servers {
		requireNoFailure(t, server.load(t, loadConnections/2))
		if l == with {
			eventually(t, func() bool {
				return !slices.ContainsFunc(l.readFigures(t).servingProcesses(), func(p statfile.Process) bool {
					return !breakerOpen(p, p)
				})
			}, "each breaker opens")
		}
	}
	rates := map[*launch][]float64{}
	for range rounds {
		for l, server := range servers {
			seen := server.load(t, loadConnections/2)
			requireNoFailure(t, seen)
			rates[l] = append(rates[l], seen.Rate)
		}
	}
	for _, rate := range rates {
		slices.Sort(rate)
	}
	a, b := rates[with], rates[without]
	t.Logf("handshakes a second, median of %d: %.0f (%.0f to %.0f) with the breaker open, "+
		"%.0f (%.0f to %.0f) without a store: %+.1f %%", rounds, a[rounds/2], a[0], a[rounds-1],
		b[rounds/2], b[0], b[rounds-1], 100*(a[rounds/2]/b[rounds/2]-1))
	for _, f := range with.idleFigures(t).servingProcesses() {
		require.Zero(t, f.Store.Writes+f.Store.Hits, "nothing of process %d reached the store", f.PID)
	}
	for _, server := range servers {
		server.stop(t, syscall.SIGQUIT)
		server.requireQuiet(t)
	}
}
