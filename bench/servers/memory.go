package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/libsesscache/libsesscache/bench/rig"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

const (
	memoryWorkers = 4
	// smallTable is the size of each worker's own table where the region has all
	// sessions; usualTable is what nginx and libssl have without a number.
	smallTable = 1024
	usualTable = 20480
	// Of a session in the region with its share of what lies free between them.
	regionBytes = 220
	// realSessions is how many come from real handshakes: a million of those would
	// take half an hour.
	realSessions, realSessionsQuick = 10_000, 2_000
	// complete is the share of the sessions that has to be found. On a machine with
	// fewer processors than workers a writer that lost its own while it held a lock
	// makes another give up: of thousands of sessions one is not shared then.
	complete = 0.995
)

// Sides of the part about memory, beside measure.Stock, where each worker has
// the sessions that it made itself, and measure.Library, with small tables.
const (
	sideAll   = "stock-all"           // each worker has the sessions of all
	sideUsual = "library-usual-table" // each worker's table has the usual size
	sideLarge = "library-large-table" // each worker's table has room for all
)

// holding is how a side of the program workers is run.
type holding struct {
	side    string
	table   int
	adds    string // its last argument
	library bool
}

func holdings(sessions int) []holding {
	// Stock libssl's size of N is N-1 sessions, and a worker may get more than its share.
	room := sessions + sessions/10
	return []holding{
		{measure.Stock, room, "own", false},
		{sideAll, room, "all", false},
		{measure.Library, smallTable, "own", true},
		{sideUsual, usualTable, "own", true},
		{sideLarge, room, "own", true},
	}
}

// regionSize is a region that holds so many sessions.
func regionSize(sessions int) string {
	const megabyte = 1 << 20
	return strconv.Itoa(max(1, (sessions*regionBytes+megabyte-1)/megabyte)) + "M"
}

// runMemory measures the memory of four workers with many sessions, by a program
// that does with its context what nginx does and leaves the handshakes out; and
// shows with fewer sessions, which real handshakes with nginx made, that it
// tells the truth.
func runMemory(ctx context.Context, o *Options, s *site) ([]measure.Measurement, error) {
	few := min(o.Sessions, realSessions)
	if o.Quick {
		few = min(o.Sessions, realSessionsQuick)
	}
	var all []measure.Measurement
	counts := []int{few}
	if o.Sessions != few {
		counts = append(counts, o.Sessions)
	}
	for _, sessions := range counts {
		for _, h := range holdings(sessions) {
			o.Log("memory of %d sessions, %s", sessions, h.side)
			m, err := h.run(ctx, o, sessions)
			if err != nil {
				return all, fmt.Errorf("%s, %d sessions: %w", h.side, sessions, err)
			}
			all = append(all, m)
		}
	}
	for _, h := range holdings(few) {
		if h.side == sideAll || h.side == sideUsual {
			continue
		}
		o.Log("memory of nginx with %d sessions, %s", few, h.side)
		m, err := h.runNginx(ctx, o, s, few)
		if err != nil {
			return all, fmt.Errorf("nginx, %s, %d sessions: %w", h.side, few, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// run has the program workers fill the caches of its processes.
func (h holding) run(ctx context.Context, o *Options, sessions int) (measure.Measurement, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(o.Programs, "workers"), strconv.Itoa(memoryWorkers),
		strconv.Itoa(sessions), strconv.Itoa(h.table), h.adds)
	cmd.Env = []string{"LANG=C"}
	if h.library {
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+o.Library, "SESSCACHE_STRICT=1",
			"SESSCACHE_SHARED_SIZE="+regionSize(sessions))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return measure.Measurement{}, errInterrupted
	}
	if said := strings.TrimSpace(stderr.String()); err != nil || said != "" {
		return measure.Measurement{}, errors.Join(err, errors.New(said))
	}
	return h.parse(stdout.Bytes())
}

// parse reads the line that workers printed, and refuses a result whose sessions
// are not where the side wants them.
func (h holding) parse(line []byte) (measure.Measurement, error) {
	m, err := measure.FromLine(bytes.TrimSpace(line), "workers", "sessions", "adds")
	if err != nil {
		return m, err
	}
	// Where they have to be is told by the side.
	delete(m.Params, "adds")
	m.Side = h.side
	found := m.Values["found"]
	if everywhere := h.library || h.adds == "all"; everywhere && found < complete {
		return m, fmt.Errorf("a worker finds only %.2f %% of the sessions", 100*found)
	}
	if !h.library && h.adds == "own" && found < complete/memoryWorkers {
		return m, fmt.Errorf("a worker finds only %.2f %% of the sessions, not its own share", 100*found)
	}
	return m, nil
}

// runNginx has nginx's workers make the sessions in full handshakes.
func (h holding) runNginx(ctx context.Context, o *Options, s *site, sessions int) (m measure.Measurement, err error) {
	v := side{name: h.side, cache: fmt.Sprintf("builtin:%d", h.table)}
	if h.library {
		v.settings = map[string]string{"SESSCACHE_SHARED_SIZE": regionSize(sessions)}
		v.did = func(sum statfile.Process) error {
			lost := float64(sum.Region.Evicted + sum.Region.Busy)
			if int(sum.Region.Puts) < sessions || lost > (1-complete)*float64(sessions) {
				return fmt.Errorf("the region got %d sessions and lost %.0f", sum.Region.Puts, lost)
			}
			return nil
		}
	}
	nginx, err := startNginx(memoryWorkers)(s, o, v)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, nginx.stop()) }()
	// Enough that every worker has served, and its Go core runs.
	before, err := nginx.handshakes(ctx, o, 100*memoryWorkers)
	if err != nil {
		return m, err
	}
	after, err := nginx.handshakes(ctx, o, sessions)
	if err != nil {
		return m, err
	}
	if err := nginx.witness(ctx); err != nil {
		return m, err
	}
	return measure.Measurement{
		Bench:  "workers-nginx",
		Params: map[string]any{"workers": memoryWorkers, "sessions": sessions},
		Side:   h.side,
		Values: map[string]float64{
			"table":         float64(h.table),
			"before_bytes":  float64(before),
			"total_bytes":   float64(after),
			"session_bytes": float64(after-before) / float64(sessions),
		},
	}, nil
}

// handshakes makes full handshakes of TLS 1.2, which leave one session each, and
// returns the memory of all processes afterwards.
func (v *server) handshakes(ctx context.Context, o *Options, n int) (int64, error) {
	l, err := v.load(ctx, o, "--tls", "1.2", "--resume", "0", "--threads", strconv.Itoa(closedClients),
		"--connections", strconv.Itoa(n))
	if err != nil {
		return 0, err
	}
	if l.Full != n {
		return 0, fmt.Errorf("of %d connections %d were full handshakes", n, l.Full)
	}
	return rig.Memory(v.processes())
}
