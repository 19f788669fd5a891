package servers

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const openssl = "/usr/bin/openssl"

// startSServer starts `openssl s_server`, which ends by itself after a number of connections.
func startSServer(t *testing.T, l *launch) *service {
	needInstalled(t, openssl, "openssl")
	p := l.start(t, openssl, "s_server", "-accept", l.address(), "-cert", l.cert, "-key", l.key,
		"-www", "-no_ticket", "-naccept", strconv.Itoa(totalConnections+1))
	// A connection to see whether it listens would count.
	eventually(t, func() bool {
		if p.gone() {
			require.FailNow(t, "s_server ended at its start", "%s", p.status())
		}
		output, err := os.ReadFile(p.log)
		require.NoError(t, err)
		return strings.Contains(string(output), "ACCEPT")
	}, "s_server says that it accepts")
	return &service{
		process: p,
		target:  target{address: l.address(), says: "Reused, TLS"},
		halt: func(t *testing.T) {
			conn, err := net.Dial("tcp", l.address())
			require.NoError(t, err)
			_ = conn.Close()
		},
	}
}

func TestSServer(t *testing.T) {
	scenario{
		// s_server's cache holds 128 sessions, fewer than the load makes.
		start:      startSServer,
		stockYield: some,
		documented: expectation{theCore, asStock},
		takeover:   expectation{theCore, asStockOrMore},
	}.run(t)
}
