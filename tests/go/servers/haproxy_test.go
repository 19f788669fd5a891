package servers

import (
	"fmt"
	"syscall"
	"testing"
)

const haproxy = "/usr/sbin/haproxy"

// startHaproxy starts haproxy as Debian's configuration does: two threads, chroot, a user of its
// own. Once its threads run it forbids new ones (RLIMIT_NPROC is 0).
func startHaproxy(args ...string) func(*testing.T, *launch) *service {
	return func(t *testing.T, l *launch) *service {
		needInstalled(t, haproxy, "haproxy")
		needRoot(t)
		l.mkdir(t, "empty")
		config := l.write(t, "haproxy.cfg", fmt.Sprintf(`
global
    chroot %[1]s/empty
    stats socket %[1]s/admin.sock mode 660 level admin
    stats timeout 30s
    user haproxy
    group haproxy
    nbthread 2
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s

frontend tls
    bind %[2]s ssl crt %[3]s
    http-request return status 200 content-type text/plain lf-string "reused=%%[ssl_fc_is_resumed];"
`, l.dir, l.address(), l.bundle))
		p := l.start(t, haproxy, append(args, "-f", config)...)
		p.listening(t, l.address())
		return &service{
			process: p,
			target:  target{address: l.address(), says: "reused=1;"},
			quit:    syscall.SIGUSR1,
		}
	}
}

func TestHaproxy(t *testing.T) {
	for _, s := range []scenario{
		{
			name:       "one process",
			start:      startHaproxy(),
			stockYield: all,
			documented: expectation{theApp, all},
			takeover:   expectation{theCore, all},
		},
		{
			name:       "master and worker",
			start:      startHaproxy("-W"),
			stockYield: all,
			documented: expectation{theApp, all},
			takeover:   expectation{theCore, all},
		},
	} {
		t.Run(s.name, s.run)
	}
}

func TestHaproxy_reload(t *testing.T) {
	reload{
		start:  startHaproxy("-W"),
		signal: syscall.SIGUSR2,
		idle:   true,
	}.run(t)
}
