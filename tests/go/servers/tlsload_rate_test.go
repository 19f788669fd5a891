package servers

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// goServer is a TLS server of Go's, whose handshakes call before first.
func goServer(t *testing.T, before func()) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			before()
			return nil, nil
		},
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// The arrivals of an open loop are all made, however they are bounded, and each client has a
// session before the first of them.
func TestTlsload_rate(t *testing.T) {
	address := goServer(t, func() {})
	for _, c := range []struct {
		name        string
		args        []string
		connections int // 0: any number
	}{
		{"by number", []string{"--connections", "40", "--arrivals", "constant"}, 40},
		{"by time", []string{"--seconds", "0.1005", "--arrivals", "constant"}, 100},
		{"by the first of both", []string{"--connections", "7", "--seconds", "60"}, 7},
		{"Poisson", []string{"--seconds", "0.1"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runLoad(t, address, append(c.args, "--rate", "1000", "--threads", "8", "--tls", "1.3",
				"--warm", "--resume", "100", "--cpu-of", fmt.Sprint(os.Getpid()))...)
			requireNoFailure(t, r)
			require.Zero(t, r.Unfinished)
			require.Equal(t, 1000.0, r.Arrivals)
			if c.connections > 0 {
				require.Equal(t, c.connections, r.Connections)
			}
			require.Positive(t, r.Resumed)
			require.Equal(t, r.Connections, r.Resumed)
			require.Positive(t, r.CPU)
			require.Positive(t, r.Latency["p50"])
			for _, pair := range [][2]string{{"p50", "p90"}, {"p90", "p99"}, {"p99", "p99.9"}, {"p99.9", "max"}} {
				require.LessOrEqual(t, r.Latency[pair[0]], r.Latency[pair[1]])
			}
		})
	}
}

// A closed loop is bounded by time too; its warm-up is not counted.
func TestTlsload_seconds(t *testing.T) {
	r := runLoad(t, goServer(t, func() {}), "--seconds", "0.2", "--threads", "2", "--tls", "1.3",
		"--warm", "--resume", "100")
	requireNoFailure(t, r)
	require.Positive(t, r.Resumed)
	require.Equal(t, r.Connections, r.Resumed)
	require.GreaterOrEqual(t, r.Seconds, 0.2)
}

// A slow server is asked as often as a fast one, and its latency counts from the time at which an
// arrival was due: with one client, who is kept for 10 ms each time, the last of 20 that come
// within 20 ms is served after 200.
func TestTlsload_slow(t *testing.T) {
	const pause, arrivals = 10 * time.Millisecond, 20
	slow := goServer(t, func() { time.Sleep(pause) })
	args := []string{"--connections", fmt.Sprint(arrivals), "--tls", "1.3", "--resume", "0"}
	r := runLoad(t, slow, append(args, "--rate", "1000", "--arrivals", "constant")...)
	requireNoFailure(t, r)
	require.Equal(t, arrivals, r.Connections)
	milliseconds := float64(pause.Milliseconds())
	require.GreaterOrEqual(t, r.Latency["max"], (milliseconds-1)*arrivals)
	require.GreaterOrEqual(t, r.Latency["p50"], (milliseconds-1)*arrivals/2)
	require.GreaterOrEqual(t, r.Lag["max"], (milliseconds-1)*(arrivals-1))
}

// What could not begin before the end counts as unfinished, and in the percentiles.
func TestTlsload_unfinished(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = mute.Close() }()
	r := runLoad(t, mute.Addr().String(), "--rate", "1000", "--connections", "10", "--timeout", "1")
	require.Equal(t, 10, r.Failed+r.Unfinished)
	require.Equal(t, r.Connections, r.Failed)
	require.GreaterOrEqual(t, r.Failed, 1)
	require.GreaterOrEqual(t, r.Unfinished, 7)
	require.GreaterOrEqual(t, r.Latency["p50"], 900.0)
}

// The processor time of a process that is not there is an error.
func TestTlsload_gone(t *testing.T) {
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	program := fromEnv(t, "SESSCACHE_TLSLOAD", tlsload)
	cmd := exec.Command(program, "--connect", goServer(t, func() {}), "--connections", "1",
		"--cpu-of", fmt.Sprint(gone.Process.Pid))
	out, _ := cmd.CombinedOutput()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Contains(t, string(out), "--cpu-of cannot be looked at")
	require.NotContains(t, string(out), "cpu_seconds\":-")
}

// The histogram's percentiles are those of the numbers it counted.
func TestTlsload_percentiles(t *testing.T) {
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		needed(t, "gcc is missing: it comes with Debian's package gcc")
	}
	sources := filepath.Join("..", "..", "..", "tools", "tlsload")
	program := filepath.Join(t.TempDir(), "percentiles")
	out, err := exec.Command(compiler, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
		"-O1", "-I", sources, "-o", program, filepath.Join("testdata", "percentiles.c"),
		filepath.Join(sources, "hist.c")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command(program).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
