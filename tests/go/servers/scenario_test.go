package servers

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// servant is who finds the sessions that are resumed.
type servant string

const (
	// nobody: the server caches nothing, so nothing resumes.
	nobody servant = "nobody"
	// theCore: each one is the Go core's.
	theCore servant = "the core"
	// theApp: each one is the application's callback's, and the core is not even started.
	theApp servant = "the application"
	// both: the core's, or the application's after a miss of the core; some of each kind may be.
	both servant = "both"
	// coreThenApp is both, where the core has to serve some.
	coreThenApp servant = "the core, then the application"
)

// yield is how many of the sessions that clients offer are resumed.
type yield string

const (
	none yield = "none"
	all  yield = "all"
	// asStock: as large a share as without the library, but for noise. So it is with
	// workers that have a cache each, or a cache that is smaller than the load.
	asStock yield = "as stock"
	// asStockOrMore: at least as large a share, but for noise.
	asStockOrMore yield = "as stock or more"
	// some: more than none.
	some yield = "some"
)

// noise is how far two shares of the same configuration may be apart.
const noise = 0.12

// expectation is what a server with the library shows.
type expectation struct {
	by    servant
	yield yield
}

// scenario is one server in one configuration.
type scenario struct {
	name string
	// start starts the server. It returns when the server listens.
	start func(t *testing.T, l *launch) *service
	// stockYield is what the server resumes without the library: all, none or some.
	stockYield yield
	// scattered: which worker gets a connection is chance, so no two sequences are alike.
	scattered bool
	// apart has each process of the server cache alone. Stock libssl's processes do; those of the
	// library would share their sessions, which then could not be compared with stock's.
	apart      bool
	documented expectation
	takeover   expectation
}

// service is a server that runs.
type service struct {
	*process
	target
	// saw counts the resumed connections in the server's own log; nil if it has no such log.
	saw func(t *testing.T) int
	// halt stops the server in an orderly way; nil if the signal below does.
	halt func(t *testing.T)
	// signal for an orderly stop.
	quit syscall.Signal
}

func (s *service) shutdown(t *testing.T) {
	t.Helper()
	if s.halt != nil {
		s.halt(t)
		s.ended(t)
		return
	}
	s.stop(t, s.quit)
}

// observation is what was seen of one run of a server.
type observation struct {
	sequence, load result
	afterSequence  figures
	figures        figures // after the load
	status         string
}

func (o observation) resumed() int {
	return o.sequence.Resumed + o.load.Resumed
}

// run starts the server in each mode and compares.
func (s scenario) run(t *testing.T) {
	var plain, byTheBook observation
	run := func(m mode, judge func(t *testing.T, seen observation)) bool {
		return t.Run(string(m), func(t *testing.T) {
			seen := s.observe(t, m)
			judge(t, seen)
		})
	}
	if !run(stock, func(t *testing.T, seen observation) {
		requireYield(t, s.stockYield, seen, seen)
		plain = seen
	}) {
		return
	}
	if plain.status == "" {
		t.Skip("the stock run was skipped or filtered out: there is nothing to compare with")
	}
	run(documented, func(t *testing.T, seen observation) {
		byTheBook = seen
		s.judge(t, s.documented, seen, plain)
		if !s.scattered {
			assert.Equal(t, plain.sequence.TLS12, seen.sequence.TLS12, "hit for hit as stock")
			assert.Equal(t, plain.sequence.TLS13, seen.sequence.TLS13, "hit for hit as stock")
		}
	})
	run(takeover, func(t *testing.T, seen observation) {
		s.judge(t, s.takeover, seen, plain)
		if s.documented.by == theApp {
			assert.Equal(t, byTheBook.afterSequence.appNew(), seen.afterSequence.appNew(),
				"the application still learns of each new session")
		}
	})
}

// observe runs the server once, under load, and asserts what holds in every mode.
func (s scenario) observe(t *testing.T, m mode) observation {
	t.Helper()
	l := newLaunch(t, m)
	if s.apart {
		l.set("SESSCACHE_SHARED_SIZE", "0")
	}
	server := s.start(t, l)
	var seen observation
	seen.sequence = server.sequence(t)
	seen.afterSequence = l.idleFigures(t)
	seen.load = server.load(t, loadConnections)
	seen.figures = l.idleFigures(t)
	t.Logf("sequence %+v\nload %+v\n%s", seen.sequence, seen.load, seen.figures)
	requireNoFailure(t, seen.sequence)
	requireNoFailure(t, seen.load)
	requireWitness(t, server, seen)
	server.shutdown(t)
	t.Logf("after the stop\n%s", l.idleFigures(t))
	seen.status = server.status()
	server.requireQuiet(t)
	return seen
}

func (s scenario) judge(t *testing.T, want expectation, seen, plain observation) {
	t.Helper()
	requireYield(t, want.yield, seen, plain)
	requireServant(t, want.by, seen)
	assert.Equal(t, plain.status, seen.status, "the server ends as it does without the library")
}

// requireNoFailure asserts that each connection ended well.
func requireNoFailure(t *testing.T, r result) {
	t.Helper()
	require.Zero(t, r.Failed, "failed connections: %v", r.Errors)
	require.Equal(t, r.Connections, r.Full+r.Resumed)
}

// requireWitness asserts that the server saw as resumed just what the client did.
func requireWitness(t *testing.T, server *service, seen observation) {
	t.Helper()
	if server.says != "" {
		for _, r := range []result{seen.sequence, seen.load} {
			require.Equal(t, r.Resumed, r.SaidResumed, "a resumed connection, and the server does not say so")
			require.Equal(t, r.Resumed, r.Said, "the server says resumed on a full handshake")
		}
	}
	if server.saw != nil {
		eventually(t, func() bool { return server.saw(t) >= seen.resumed() },
			"the server's log shows each resumption")
		require.Equal(t, seen.resumed(), server.saw(t), "resumptions in the server's log")
	}
}

func requireYield(t *testing.T, want yield, seen, plain observation) {
	t.Helper()
	switch want {
	case none:
		require.Zero(t, seen.resumed(), "nothing should resume")
	case all:
		require.Zero(t, seen.sequence.Refused+seen.load.Refused, "each session offered should resume")
		require.Equal(t, 2*(sequenceLength-1), seen.sequence.Resumed)
		require.Greater(t, seen.load.Resumed, loadConnections/2)
	case asStock:
		require.Positive(t, seen.load.Resumed)
		require.InDelta(t, plain.load.taken(), seen.load.taken(), noise, "the share that is resumed")
	case asStockOrMore:
		require.Positive(t, seen.load.Resumed)
		require.Greater(t, seen.load.taken(), plain.load.taken()-noise, "the share that is resumed")
	case some:
		require.Positive(t, seen.load.TLS12.Resumed)
		require.Positive(t, seen.load.TLS13.Resumed)
	}
}

func requireServant(t *testing.T, want servant, seen observation) {
	t.Helper()
	require.NotEmpty(t, seen.figures, "the library was not loaded")
	core, app := seen.figures.coreHits(), seen.figures.appHits()
	switch want {
	case nobody:
		require.Zero(t, core, "hits of the core")
		require.Zero(t, app, "hits of the application")
	case theCore:
		require.Equal(t, seen.resumed(), core, "each resumption is a hit of the core")
		require.Zero(t, app, "hits of the application")
	case theApp:
		require.Equal(t, seen.resumed(), app, "each resumption is a hit of the application")
		require.Zero(t, core, "hits of the core")
		require.Zero(t, seen.figures.started(), "no process needs the core")
	case both, coreThenApp:
		require.Equal(t, seen.resumed(), core+app, "each resumption is a hit of one or the other")
		if want == coreThenApp {
			require.Positive(t, core, "hits of the core")
		}
	}
}
