package servers

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	bench "github.com/libsesscache/libsesscache/bench/servers"
)

// What the benchmark of whole servers measures, in a run too short to tell how fast anything is:
// each side of a server resumes, nothing fails, and the library's figures say that the side does
// what its name says.
func TestBenchServers(t *testing.T) {
	needInstalled(t, nginx, "nginx")
	needInstalled(t, haproxy, "haproxy")
	needInstalled(t, "/usr/bin/redis-server", "redis-server")
	needRoot(t)
	measured, err := bench.Run(context.Background(), bench.Options{
		Quick:   true,
		Library: library(t),
		Tlsload: fromEnv(t, "SESSCACHE_TLSLOAD", tlsload),
		Rounds:  1,
		Seconds: 0.3,
		Only:    []string{"nginx-1", "haproxy"},
		Log:     t.Logf,
	})
	require.NoError(t, err)
	// Four sides of nginx and of haproxy, in a closed and an open loop each.
	require.Len(t, measured, 16)
	for _, m := range measured {
		require.Positive(t, m.Values["resumed_per_s"], "%s, %s", m.Key(), m.Side)
		require.Positive(t, m.Values["cpu_us"], "%s, %s", m.Key(), m.Side)
		require.Positive(t, m.Values["p99_ms"], "%s, %s", m.Key(), m.Side)
		require.Zero(t, m.Values["full_share"], "%s, %s", m.Key(), m.Side)
	}
}

// The same of memory, with few sessions: those that nginx makes and those of the program that
// stands for it are found where they have to be, and take about as much.
func TestBenchMemory(t *testing.T) {
	needInstalled(t, nginx, "nginx")
	needRoot(t)
	programs := filepath.Dir(fromEnv(t, "SESSCACHE_BENCH_WORKERS", filepath.Join("bench", "workers")))
	measured, err := bench.Run(context.Background(), bench.Options{
		Quick:    true,
		Library:  library(t),
		Tlsload:  fromEnv(t, "SESSCACHE_TLSLOAD", tlsload),
		Programs: programs,
		Sessions: 1000,
		Only:     []string{"memory"},
		Log:      t.Logf,
	})
	require.NoError(t, err)
	// Five sides of the program, three of nginx.
	require.Len(t, measured, 8)
	of := map[string]float64{}
	for _, m := range measured {
		of[m.Bench+" "+m.Side] = m.Values["session_bytes"]
	}
	// A session of libssl, about a kilobyte, once or in each of four processes.
	require.InDelta(t, 1055, of["workers stock"], 300)
	require.InDelta(t, 4*of["workers stock"], of["workers stock-all"], of["workers stock"])
	require.InDelta(t, of["workers stock"], of["workers-nginx stock"], of["workers stock"])
}
