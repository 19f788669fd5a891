package servers

import (
	"cmp"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

const nginx = "/usr/sbin/nginx"

// nginxConfig is a configuration of nginx; zero fields are left out.
type nginxConfig struct {
	workers int
	cache   string // argument of ssl_session_cache
	timeout string // of sessions; empty: nginx's five minutes
	listen  string // parameters of listen beside ssl
	stream  bool   // the stream module in place of http
	proxy   bool   // stream only: hand on to an HTTP server behind
}

func (c nginxConfig) write(t *testing.T, l *launch) string {
	t.Helper()
	common := fmt.Sprintf(`
user www-data;
worker_processes %d;
daemon off;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log notice;
events { worker_connections 512; }
`, c.workers, l.dir)
	tls := fmt.Sprintf(`
        listen 127.0.0.1:%d ssl %s;
        ssl_certificate %s;
        ssl_certificate_key %s;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets off;
        ssl_session_cache %s;
        ssl_session_timeout %s;
`, l.port, c.listen, l.cert, l.key, c.cache, cmp.Or(c.timeout, "5m"))
	const answer = `"reused=$ssl_session_reused;";` + "\n"
	if !c.stream {
		return l.write(t, "nginx.conf", common+httpBlock(t, l, tls+"        return 200 "+answer))
	}
	common = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;" + common
	serve := "        return " + answer
	if c.proxy {
		behind := "unix:" + l.dir + "/behind"
		common += httpBlock(t, l, "listen "+behind+"; return 200 \"hello\";")
		serve = "        proxy_pass " + behind + ";\n"
	}
	return l.write(t, "nginx.conf", common+"stream {\n    server {"+tls+serve+"    }\n}\n")
}

// httpBlock is the part of nginx's http module with one server.
func httpBlock(t *testing.T, l *launch, server string) string {
	t.Helper()
	temporary := l.mkdir(t, "temporary")
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "    %s_temp_path %s/%s;\n", kind, temporary, kind)
	}
	return "http {\n    access_log off;\n" + paths.String() + "    server {" + server + "    }\n}\n"
}

func (c nginxConfig) start(t *testing.T, l *launch) *service {
	needInstalled(t, nginx, "nginx")
	needRoot(t)
	if c.stream {
		needInstalled(t, "/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")
	}
	p := l.start(t, nginx, "-c", c.write(t, l), "-p", l.dir)
	p.listening(t, l.address())
	// nginx listens before it is ready for signals, and is ready before it has workers.
	eventually(t, func() bool { return len(p.children(t)) == c.workers }, "nginx starts its workers")
	return &service{
		process: p,
		target:  target{address: l.address(), says: "reused=r;", silent: c.stream && !c.proxy},
		quit:    syscall.SIGQUIT,
	}
}

// Values of ssl_session_cache: a cache in each worker, one that all share, and both.
const (
	builtin = "builtin:20480"
	shared  = "shared:tls:16m"
	twofold = builtin + " " + shared
)

func TestNginx(t *testing.T) {
	for _, s := range []scenario{
		{
			name:       "one worker, builtin",
			start:      nginxConfig{workers: 1, cache: builtin}.start,
			stockYield: all,
			documented: expectation{theCore, all},
			takeover:   expectation{theCore, all},
		},
		{
			name:       "one worker, shared",
			start:      nginxConfig{workers: 1, cache: shared}.start,
			stockYield: all,
			documented: expectation{theApp, all},
			takeover:   expectation{theCore, all},
		},
		{
			// nginx's new_cb gives each session back, so the documentation wants it out of
			// the internal cache; get_cb brings it back at the first resumption.
			name:       "one worker, builtin and shared",
			start:      nginxConfig{workers: 1, cache: twofold}.start,
			stockYield: all,
			documented: expectation{both, all},
			takeover:   expectation{theCore, all},
		},
		{
			// With reuseport the kernel spreads connections evenly over the workers.
			name:       "four workers, builtin",
			start:      nginxConfig{workers: 4, cache: builtin, listen: "reuseport"}.start,
			stockYield: some,
			scattered:  true,
			apart:      true,
			documented: expectation{theCore, asStock},
			takeover:   expectation{theCore, asStock},
		},
		{
			name:       "four workers, shared",
			start:      nginxConfig{workers: 4, cache: shared, listen: "reuseport"}.start,
			stockYield: all,
			documented: expectation{theApp, all},
			takeover:   expectation{theCore, all},
		},
		{
			name:       "four workers, builtin and shared",
			start:      nginxConfig{workers: 4, cache: twofold, listen: "reuseport"}.start,
			stockYield: all,
			apart:      true,
			documented: expectation{both, all},
			takeover:   expectation{coreThenApp, all},
		},
		{
			name:       "stream, shared",
			start:      nginxConfig{workers: 1, cache: shared, stream: true}.start,
			stockYield: all,
			documented: expectation{theApp, all},
			takeover:   expectation{theCore, all},
		},
		{
			name:       "stream, builtin",
			start:      nginxConfig{workers: 1, cache: builtin, stream: true}.start,
			stockYield: all,
			documented: expectation{theCore, all},
			takeover:   expectation{theCore, all},
		},
	} {
		t.Run(s.name, s.run)
	}
}

func TestNginx_reload(t *testing.T) {
	for _, c := range []struct {
		cache string
		keeps []mode
	}{
		{builtin, []mode{documented, takeover}},
		{shared, []mode{stock, documented, takeover}},
	} {
		t.Run(c.cache, reload{
			start:  nginxConfig{workers: 2, cache: c.cache}.start,
			signal: syscall.SIGHUP,
			keeps:  c.keeps,
		}.run)
	}
}
