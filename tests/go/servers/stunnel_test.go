package servers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const stunnel = "/usr/bin/stunnel4"

// startStunnel starts stunnel in front of a plain HTTP server.
func startStunnel(t *testing.T, l *launch) *service {
	needInstalled(t, stunnel, "stunnel4")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("hello\n"))
	}))
	t.Cleanup(backend.Close)
	log := filepath.Join(l.dir, "stunnel.log")
	config := l.write(t, "stunnel.conf", fmt.Sprintf(`
foreground = yes
pid =
syslog = no
debug = 6
output = %s
[https]
accept = %s
connect = %s
cert = %s
key = %s
sslVersionMin = TLSv1.2
options = NO_TICKET
`, log, l.address(), backend.Listener.Addr(), l.cert, l.key))
	p := l.start(t, stunnel, config)
	p.listening(t, l.address())
	return &service{
		process: p,
		target:  target{address: l.address()},
		saw: func(t *testing.T) int {
			content, err := os.ReadFile(log)
			require.NoError(t, err)
			return strings.Count(string(content), "previous session reused")
		},
		quit: syscall.SIGTERM,
	}
}

func TestStunnel(t *testing.T) {
	scenario{
		// stunnel itself puts sessions into the internal cache, but in TLS 1.3 only those of
		// full handshakes, so stock resumes every other time. Takeover keeps them all.
		start:      startStunnel,
		stockYield: some,
		documented: expectation{theCore, asStock},
		takeover:   expectation{theCore, asStockOrMore},
	}.run(t)
}
