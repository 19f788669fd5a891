package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/libsesscache/libsesscache/bench/rig"
)

// Clients at once. Those of the closed loop keep the server busy; those of the
// open loop are so many that an arrival hardly ever waits for one.
const (
	closedClients = 8
	openClients   = 64
)

// load is what tlsload reports.
type load struct {
	Connections int            `json:"connections"`
	Failed      int            `json:"failed"`
	Full        int            `json:"full"`
	Resumed     int            `json:"resumed"`
	Offered     int            `json:"offered"`
	Said        int            `json:"said"`
	Errors      map[string]int `json:"errors"`
	Seconds     float64        `json:"seconds"`
	Latency     percentiles    `json:"latency_ms"`
	Lag         percentiles    `json:"lag_ms"`
	Rate        float64        `json:"rate"`
	Unfinished  int            `json:"unfinished"`
	CPUSeconds  float64        `json:"cpu_seconds"`     // of the server
	OwnSeconds  float64        `json:"own_cpu_seconds"` // of tlsload itself
}

// percentiles of latencies, in milliseconds.
type percentiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// load puts a load on the server whose clients have sessions from the start and
// offer one in every connection.
func (v *server) load(ctx context.Context, o *Options, args ...string) (load, error) {
	var pids []string
	for _, pid := range v.processes() {
		pids = append(pids, strconv.Itoa(pid))
	}
	return runLoad(ctx, o, append([]string{"--connect", v.address, "--says", v.says,
		"--cpu-of", strings.Join(pids, ",")}, args...)...)
}

func runLoad(ctx context.Context, o *Options, args ...string) (load, error) {
	cmd := exec.CommandContext(ctx, o.Tlsload, args...)
	cmd.Env = []string{"LANG=C"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	if ctx.Err() != nil {
		return load{}, errInterrupted
	}
	l, err := parseLoad(stdout.Bytes())
	if err != nil {
		return l, errors.Join(err, runErr, errors.New(strings.TrimSpace(stderr.String())))
	}
	// Status 1 tells of failed and unfinished connections; the first is an error already.
	if runErr != nil && l.Unfinished == 0 {
		return l, errors.Join(runErr, errors.New(strings.TrimSpace(stderr.String())))
	}
	return l, nil
}

// parseLoad reads tlsload's result. It accepts none in which a connection
// failed, or client and server disagree on what was resumed.
func parseLoad(text []byte) (load, error) {
	var l load
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("tlsload gave no result: %w", err)
	}
	return l, rig.CheckLoad(l.Connections, l.Failed, l.Resumed, l.Said, l.Errors)
}

// common are the values of either loop.
func (l load) common() (map[string]float64, error) {
	// Figures of resumed handshakes need runs that consist of them.
	if l.Resumed == 0 || l.Seconds <= 0 || l.Full > l.Connections/50 {
		return nil, fmt.Errorf("of %d connections in %.2f s, %d were resumed and %d were full handshakes",
			l.Connections, l.Seconds, l.Resumed, l.Full)
	}
	return map[string]float64{
		"resumed_per_s":     float64(l.Resumed) / l.Seconds,
		"full_share":        float64(l.Full) / float64(l.Connections),
		"cpu_us":            l.CPUSeconds * 1e6 / float64(l.Connections),
		"server_processors": l.CPUSeconds / l.Seconds,
		"client_processors": l.OwnSeconds / l.Seconds,
		"p50_ms":            l.Latency.P50,
		"p99_ms":            l.Latency.P99,
		"p999_ms":           l.Latency.P999,
		"max_ms":            l.Latency.Max,
	}, nil
}

// use has the server give out sessions, one in each connection, so that it is measured
// as one that has run for a while: its cache holds something, its heap has been used.
func (v *server) use(ctx context.Context, o *Options, sessions int) error {
	_, err := v.load(ctx, o, "--tls", "1.3", "--warm", "--resume", "100", "--threads", strconv.Itoa(closedClients),
		"--connections", strconv.Itoa(sessions))
	return err
}

// closed measures the capacity: the clients of a closed loop for some seconds.
func (v *server) closed(ctx context.Context, o *Options) (map[string]float64, error) {
	l, err := v.load(ctx, o, "--warm", "--resume", "100", "--threads", strconv.Itoa(closedClients),
		"--seconds", decimal(o.Seconds))
	if err != nil {
		return nil, err
	}
	return l.common()
}

// open measures the latency at a rate of arrivals that does not depend on the server.
func (v *server) open(ctx context.Context, o *Options, rate float64) (map[string]float64, error) {
	l, err := v.load(ctx, o, "--warm", "--resume", "100", "--threads", strconv.Itoa(openClients),
		"--seconds", decimal(o.Seconds), "--rate", decimal(rate), "--timeout", "5")
	if err != nil {
		return nil, err
	}
	values, err := l.common()
	if err != nil {
		return nil, err
	}
	values["rate_per_s"] = l.Rate
	values["unfinished"] = float64(l.Unfinished)
	// How long arrivals waited for a client, or for the generator to wake up.
	values["lag_p99_ms"] = l.Lag.P99
	return values, nil
}

func decimal(value float64) string {
	return strconv.FormatFloat(value, 'f', 3, 64)
}
