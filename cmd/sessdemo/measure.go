package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/libsesscache/libsesscache/bench/rig"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// The two kinds of run, as the table calls them.
const (
	stockName   = "stock"
	libraryName = "libsesscache"
)

// measurement is one run.
type measurement struct {
	load    load
	memory  int64
	cpu     time.Duration
	figures []statfile.Process // of the library; nil without it
}

// load is what tlsload reports.
type load struct {
	Connections int
	Failed      int
	Full        int
	Resumed     int
	Offered     int
	Said        int
	Errors      map[string]int
	Seconds     float64
	Rate        float64 `json:"handshakes_per_second"`
	Latency     struct {
		P50 float64
		P99 float64
	} `json:"latency_ms"`
}

// measure starts nginx, sends the load, reads memory and figures while nginx
// still runs, and stops it.
func measure(ctx context.Context, o options, s *site, kind string) (measurement, error) {
	var m measurement
	var environment []string
	figures := filepath.Join(s.dir, "figures")
	if kind == libraryName {
		if err := os.Remove(figures); err != nil && !errors.Is(err, os.ErrNotExist) {
			return m, err
		}
		environment = []string{"LD_PRELOAD=" + o.library, "SESSCACHE_STATS_FILE=" + figures}
	}
	nginx, err := s.start(ctx, o.nginx, o.workers, environment...)
	if err != nil {
		return m, err
	}
	if m.load, err = runLoad(ctx, o, nginx.address); err == nil {
		m.memory, err = rig.Memory(nginx.processes())
	}
	if err == nil {
		m.cpu, err = nginx.cpu()
	}
	if err == nil && kind == libraryName {
		m.figures, err = statfile.Read(figures)
		if errors.Is(err, os.ErrNotExist) {
			err = errors.New("nginx did not load the library")
		}
	}
	if stopErr := nginx.stop(); err != nil || stopErr != nil {
		return m, errors.Join(err, stopErr, nginx.said())
	}
	return m, nil
}

// runLoad sends the connections; tlsload itself shows the progress.
func runLoad(ctx context.Context, o options, address string) (load, error) {
	var l load
	cmd := exec.CommandContext(ctx, o.tlsload, "--connect", address, "--tls", "mix", "--progress",
		"--connections", strconv.Itoa(o.connections), "--threads", strconv.Itoa(o.clients),
		"--resume", strconv.Itoa(o.resume), "--says", "reused=r;")
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
	runErr := cmd.Run()
	if err := json.Unmarshal(stdout.Bytes(), &l); err != nil {
		return l, fmt.Errorf("tlsload gave no result: %w", errors.Join(runErr, err))
	}
	if err := rig.CheckLoad(l.Connections, l.Failed, l.Resumed, l.Said, l.Errors); err != nil {
		return l, err
	}
	return l, runErr
}
