package servers

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The load client is a witness of every test here, so it is tried on a server that is not
// OpenSSL: Go's resumes by ticket only, which the client refuses up to TLS 1.2.
func TestTlsload_counts(t *testing.T) {
	var resumed atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.TLS.DidResume {
				resumed.Add(1)
				_, _ = w.Write([]byte("again"))
			}
		}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	address := server.Listener.Addr().String()

	sequence := runLoad(t, address, "--sequence", "--connections", "3", "--says", "again")
	require.Equal(t, share{Full: 3, History: "fff"}, sequence.TLS12)
	require.Equal(t, share{Full: 1, Resumed: 2, Offered: 2, History: "frr"}, sequence.TLS13)
	require.Equal(t, 2, sequence.SaidResumed)

	load := runLoad(t, address, "--connections", "200", "--threads", "4", "--resume", "50",
		"--says", "again")
	require.Equal(t, 200, load.Connections)
	requireNoFailure(t, load)
	require.Zero(t, load.Refused)
	require.Positive(t, load.Resumed)
	require.Equal(t, load.Resumed, load.SaidResumed)
	require.EqualValues(t, sequence.Resumed+load.Resumed, resumed.Load())
}

func TestTlsload_failures(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = mute.Close() }()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	for _, c := range []struct{ name, address, reason string }{
		{"nobody listens", gone.Addr().String(), "connect: Connection refused"},
		{"nobody answers", mute.Addr().String(), "handshake: timeout"},
		{"not TLS", plain.Listener.Addr().String(), "handshake: "}, // libssl's versions differ
		{"no socket", "unix:/nonexistent/socket", "connect: No such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runLoad(t, c.address, "--connections", "2", "--threads", "2", "--timeout", "1")
			require.Equal(t, 2, r.Failed)
			for reason := range r.Errors {
				require.Contains(t, reason, c.reason)
			}
		})
	}
}

func TestTlsload_usage(t *testing.T) {
	program := fromEnv(t, "SESSCACHE_TLSLOAD", tlsload)
	for args, status := range map[string]int{
		"--help":                                       0,
		"":                                             2,
		"--connect":                                    2,
		"--connect 127.0.0.1":                          2,
		"--connect 127.0.0.1:1 --tls 1.1":              2,
		"--connect 127.0.0.1:1 --threads 0":            2,
		"--connect 127.0.0.1:1 more":                   2,
		"--unheard":                                    2,
		"--connect 127.0.0.1:1 --rate 0":               2,
		"--connect 127.0.0.1:1 --rate nan":             2,
		"--connect 127.0.0.1:1 --seconds x":            2,
		"--connect 127.0.0.1:1 --arrivals on-time":     2,
		"--connect 127.0.0.1:1 --cpu-of 1,,2":          2,
		"--connect 127.0.0.1:1 --cpu-of init":          2,
		"--connect 127.0.0.1:1 --sequence --rate 10":   2,
		"--connect 127.0.0.1:1 --sequence --seconds 1": 2,
	} {
		t.Run(args, func(t *testing.T) {
			cmd := exec.Command(program, strings.Fields(args)...)
			out, _ := cmd.CombinedOutput()
			require.Equal(t, status, cmd.ProcessState.ExitCode())
			require.Contains(t, string(out), "usage: tlsload")
		})
	}
}
