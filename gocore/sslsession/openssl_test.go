package sslsession

import (
	"bufio"
	"context"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Sessions of the openssl that is installed, read by Parse and by
// `openssl sess_id -text`.
func TestParse_AsOpenSSLReads(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	e := environment{openssl: openssl, dir: t.TempDir()}
	e.run(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-subj", "/CN=localhost", "-days", "2", "-keyout", e.path("key"), "-out", e.path("cert"))

	for _, c := range []struct {
		name           string
		server, client []string
	}{
		{"TLS 1.2, ID", []string{"-no_ticket"}, []string{"-tls1_2"}},
		{"TLS 1.2, ticket", nil, []string{"-tls1_2", "-servername", "www.example.org"}},
		{"TLS 1.2, client certificate", []string{"-Verify", "1"},
			[]string{"-tls1_2", "-cert", e.path("cert"), "-key", e.path("key")}},
		{"TLS 1.3", nil, []string{"-tls1_3"}},
		{"TLS 1.3, early data, ALPN", []string{"-max_early_data", "4096", "-alpn", "h2"},
			[]string{"-tls1_3", "-alpn", "h2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pem := e.connect(t, c.server, c.client)
			der := e.run(t, "sess_id", "-in", pem, "-outform", "DER")
			s, err := Parse([]byte(der))
			require.NoError(t, err)
			check(t, []byte(der), s)
			text := e.run(t, "sess_id", "-in", pem, "-noout", "-text")
			require.Equal(t, readTold(t, text), tell(s))
		})
	}
}

// told is what `openssl sess_id -text` says of a session that Session has too.
type told struct {
	protocol, id, context              string
	time, timeout, verified, earlyData int64
	ticket                             bool
}

func tell(s Session) told {
	return told{
		protocol:  map[int32]string{0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}[s.Version],
		id:        strings.ToUpper(hex.EncodeToString(s.ID)),
		context:   strings.ToUpper(hex.EncodeToString(s.IDContext)),
		time:      s.Time,
		timeout:   s.Timeout,
		verified:  int64(s.VerifyResult),
		earlyData: int64(s.MaxEarlyData),
		ticket:    s.HasTicket,
	}
}

func readTold(t *testing.T, text string) told {
	t.Helper()
	field := func(name string) string {
		found := regexp.MustCompile(`(?m)^ *` + name + ` *: *([\w.]*)`).FindStringSubmatch(text)
		require.NotNil(t, found, "%s in\n%s", name, text)
		return found[1]
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(field(name), 10, 64)
		require.NoError(t, err)
		return n
	}
	s := told{
		protocol: field("Protocol"),
		id:       field("Session-ID"),
		context:  field("Session-ID-ctx"),
		time:     number("Start Time"),
		timeout:  number("Timeout"),
		verified: number("Verify return code"),
		ticket:   strings.Contains(text, "TLS session ticket:"),
	}
	if s.protocol == "TLSv1.3" {
		s.earlyData = number("Max Early Data")
	}
	return s
}

// environment is where the programs of a test run.
type environment struct {
	openssl, dir string
}

func (e environment) path(name string) string { return filepath.Join(e.dir, name) }

// command is openssl, which does not outlive the test, nor a minute.
func (e environment) command(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, e.openssl, arguments...)
}

// run returns what openssl printed.
func (e environment) run(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := e.command(t, arguments...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	require.NoError(t, err, "openssl %v: %s", arguments, &complaints)
	return string(output)
}

// connect makes one connection and returns the path of the client's session.
func (e environment) connect(t *testing.T, server, client []string) string {
	t.Helper()
	s := e.command(t, append([]string{"s_server", "-accept", "127.0.0.1:0", "-www", "-naccept", "1",
		"-cert", e.path("cert"), "-key", e.path("key")}, server...)...)
	var complaints strings.Builder
	s.Stderr = &complaints
	output, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() {
		_ = s.Process.Kill()
		_ = s.Wait()
	})

	address := ""
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		if said, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			address = said
		}
	}
	if address == "" {
		require.FailNow(t, "s_server says no address", "%v: %s", s.Wait(), &complaints)
	}

	pem := filepath.Join(t.TempDir(), "session.pem")
	// It ends when the server has answered, by when a session of TLS 1.3 has come.
	c := e.command(t, append([]string{"s_client", "-connect", address, "-ign_eof",
		"-sess_out", pem}, client...)...)
	c.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	said, err := c.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.FileExists(t, pem, "%s", said)
	return pem
}
