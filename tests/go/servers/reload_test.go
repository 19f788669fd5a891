package servers

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reload is a server that replaces its workers on a signal, while clients connect. No handshake
// may fail, and the new workers cache as the old ones did.
type reload struct {
	start  func(t *testing.T, l *launch) *service
	signal syscall.Signal
	// keeps are the modes in which a session resumes whatever worker made it, though that worker
	// is gone.
	keeps []mode
	// idle: the stock server may refuse connections during a reload, so there are none.
	idle bool
}

const (
	reloads     = 3
	meanwhile   = 500 // connections of one load during the reloads
	afterwards  = 400 // connections after the last reload
	enoughTaken = 10
)

func (r reload) run(t *testing.T) {
	var status string
	t.Run(string(stock), func(t *testing.T) { status = r.observe(t, stock) })
	if status == "" {
		t.Skip("the stock run was skipped or filtered out: there is nothing to compare with")
	}
	for _, m := range []mode{documented, takeover} {
		t.Run(string(m), func(t *testing.T) {
			assert.Equal(t, status, r.observe(t, m), "the server ends as it does without the library")
		})
	}
}

// observe runs the server in one mode and returns how it ended.
func (r reload) observe(t *testing.T, m mode) string {
	t.Helper()
	l := newLaunch(t, m)
	server := r.start(t, l)
	during := r.reloadUnderLoad(t, server)
	for _, seen := range during {
		if slices.Contains(r.keeps, m) {
			assert.Zero(t, seen.Refused, "sessions lost at a reload")
		}
		for reason, times := range seen.Errors {
			// A worker that ends may close a connection that has not said anything yet.
			step, _, _ := strings.Cut(reason, ":")
			assert.NotContains(t, []string{"connect", "handshake"}, step, "%d times: %s", times, reason)
		}
	}
	before := l.idleFigures(t)
	after := server.load(t, afterwards)
	now := l.idleFigures(t)
	t.Logf("during the reloads %+v\nafter them %+v\n%s", during, after, now)
	requireNoFailure(t, after)
	require.Equal(t, after.Resumed, after.Said)
	require.Greater(t, after.Resumed, enoughTaken)
	if m != stock {
		hits := now.coreHits() + now.appHits() - before.coreHits() - before.appHits()
		require.Equal(t, after.Resumed, hits, "the new workers' hits")
	}
	if m == takeover {
		require.Greater(t, now.coreHits(), before.coreHits(), "the new workers' cores serve")
	}
	server.shutdown(t)
	l.idleFigures(t)
	server.requireQuiet(t)
	return server.status()
}

// reloadUnderLoad reloads some times, and returns what clients saw meanwhile.
func (r reload) reloadUnderLoad(t *testing.T, server *service) []result {
	t.Helper()
	if r.idle {
		before := server.load(t, meanwhile)
		for range reloads {
			server.replaceWorkers(t, r.signal)
		}
		return []result{before}
	}
	var during []result
	var reloaded atomic.Bool
	var clients sync.WaitGroup
	clients.Go(func() {
		for !reloaded.Load() {
			seen, err := tryLoad(server.address, server.loadArgs(meanwhile)...)
			if !assert.NoError(t, err) {
				return
			}
			during = append(during, seen)
		}
	})
	func() {
		defer clients.Wait()
		defer reloaded.Store(true)
		for range reloads {
			server.replaceWorkers(t, r.signal)
		}
	}()
	return during
}

// replaceWorkers sends the signal and waits until the old workers are gone and as many new ones
// are there.
func (p *process) replaceWorkers(t *testing.T, signal syscall.Signal) {
	t.Helper()
	before := p.children(t)
	p.signal(t, signal)
	eventually(t, func() bool {
		now := p.children(t)
		return len(now) >= len(before) && !slices.ContainsFunc(now, func(pid int) bool {
			return slices.Contains(before, pid)
		})
	}, "the server replaces its workers")
}
