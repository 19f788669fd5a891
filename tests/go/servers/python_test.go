package servers

import (
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const python = "/usr/bin/python3"

// startPython starts a small threaded server on CPython's ssl module, loaded as an extension.
func startPython(t *testing.T, l *launch) *service {
	needInstalled(t, python, "python3")
	script, err := filepath.Abs("testdata/https_server.py")
	require.NoError(t, err)
	p := l.start(t, python, script, strconv.Itoa(l.port), l.cert, l.key)
	p.listening(t, l.address())
	return &service{
		process: p,
		target:  target{address: l.address(), says: "reused=True;"},
		quit:    syscall.SIGTERM,
	}
}

func TestPython(t *testing.T) {
	scenario{
		start:      startPython,
		stockYield: all,
		documented: expectation{theCore, all},
		takeover:   expectation{theCore, all},
	}.run(t)
}
