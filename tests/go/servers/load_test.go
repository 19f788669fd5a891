package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// share is what tlsload counted for one protocol version.
type share struct {
	Full    int    `json:"full"`
	Resumed int    `json:"resumed"`
	Offered int    `json:"offered"`
	Refused int    `json:"refused"`
	History string `json:"history"` // of a sequence: f full, r resumed, x failed
}

// result is what tlsload prints.
type result struct {
	Connections int            `json:"connections"`
	Failed      int            `json:"failed"`
	Full        int            `json:"full"`
	Resumed     int            `json:"resumed"`
	Offered     int            `json:"offered"`
	Refused     int            `json:"refused"`
	Said        int            `json:"said"`
	SaidResumed int            `json:"said_resumed"`
	Errors      map[string]int `json:"errors"`
	Rate        float64        `json:"handshakes_per_second"`
	Seconds     float64        `json:"seconds"`
	// Of latencies, in milliseconds, by name: p50, p90, p99, p99.9, max.
	Latency map[string]float64 `json:"latency_ms"`
	// Of an open loop: arrivals a second, what never began, and how late the others did.
	Arrivals   float64            `json:"rate"`
	Unfinished int                `json:"unfinished"`
	Lag        map[string]float64 `json:"lag_ms"`
	// Processor time of the processes watched, in seconds.
	CPU   float64 `json:"cpu_seconds"`
	TLS12 share   `json:"tls12"`
	TLS13 share   `json:"tls13"`
}

// taken is the share of offered sessions that the server resumed.
func (r result) taken() float64 {
	if r.Offered == 0 {
		return 0
	}
	return float64(r.Resumed) / float64(r.Offered)
}

// add adds what another run of tlsload counted. Histories and rates have no sum.
func (r *result) add(other result) {
	r.Connections += other.Connections
	r.Failed += other.Failed
	r.Full += other.Full
	r.Resumed += other.Resumed
	r.Offered += other.Offered
	r.Refused += other.Refused
	r.Said += other.Said
	r.SaidResumed += other.SaidResumed
	if r.Errors == nil {
		r.Errors = make(map[string]int)
	}
	for reason, times := range other.Errors {
		r.Errors[reason] += times
	}
}

// runLoad runs tlsload, without the library, and returns what it saw, failed connections included.
func runLoad(t *testing.T, address string, args ...string) result {
	t.Helper()
	fromEnv(t, "SESSCACHE_TLSLOAD", tlsload)
	r, err := tryLoad(address, args...)
	require.NoError(t, err)
	return r
}

const tlsload = "tools/tlsload"

// tryLoad is runLoad for goroutines, which must not end the test.
func tryLoad(address string, args ...string) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	program := pathFromEnv("SESSCACHE_TLSLOAD", tlsload)
	cmd := exec.CommandContext(ctx, program, append([]string{"--connect", address}, args...)...)
	cmd.Env = []string{"LANG=C"}
	out, err := cmd.Output()
	var r result
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		return r, fmt.Errorf("tlsload gave no result: %w: %s", errors.Join(err, jsonErr), out)
	}
	return r, nil
}

const (
	sequenceLength   = 6    // connections for each version in a sequence
	loadConnections  = 2000 // connections of a load
	loadClients      = 4    // clients at once
	totalConnections = 2*sequenceLength + loadConnections
)

// target is a server as tlsload sees it.
type target struct {
	address string
	says    string // text in the answer on a resumed connection; empty if the server has none
	silent  bool   // the server answers without a request
}

func (s target) args() []string {
	args := []string{"--tls", "mix"}
	if s.says != "" {
		args = append(args, "--says", s.says)
	}
	if s.silent {
		args = append(args, "--request", "")
	}
	return args
}

// sequence makes, in each version, a first connection and then offers the newest session each time.
func (s target) sequence(t *testing.T) result {
	t.Helper()
	return runLoad(t, s.address, append(s.args(), "--sequence",
		"--connections", strconv.Itoa(sequenceLength))...)
}

// load makes many connections from several clients at once, most of them with a session.
func (s target) load(t *testing.T, connections int) result {
	t.Helper()
	return runLoad(t, s.address, s.loadArgs(connections)...)
}

func (s target) loadArgs(connections int) []string {
	return append(s.args(), "--threads", strconv.Itoa(loadClients),
		"--connections", strconv.Itoa(connections))
}
