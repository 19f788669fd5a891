package servers

import (
	"fmt"
	"syscall"
	"testing"
)

const lighttpd = "/usr/sbin/lighttpd"

// startLighttpd starts lighttpd with tickets off. It then resumes nothing: it turns the cache off.
// It has no variable that tells whether a connection was resumed.
func startLighttpd(t *testing.T, l *launch) *service {
	needInstalled(t, lighttpd, "lighttpd")
	needInstalled(t, "/usr/lib/lighttpd/mod_openssl.so", "lighttpd-mod-openssl")
	needRoot(t)
	l.write(t, "www/index.html", "hello\n")
	config := l.write(t, "lighttpd.conf", fmt.Sprintf(`
server.modules = ( "mod_openssl" )
server.document-root = "%[1]s/www"
server.username = "www-data"
server.groupname = "www-data"
server.bind = "127.0.0.1"
server.port = %[2]d
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html" )
ssl.engine = "enable"
ssl.pemfile = "%[3]s"
ssl.privkey = "%[4]s"
ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1.2", "Options" => "-SessionTicket" )
`, l.dir, l.port, l.cert, l.key))
	p := l.start(t, lighttpd, "-D", "-f", config)
	p.listening(t, l.address())
	return &service{
		process: p,
		target:  target{address: l.address()},
		quit:    syscall.SIGTERM,
	}
}

func TestLighttpd(t *testing.T) {
	scenario{
		start:      startLighttpd,
		stockYield: none,
		documented: expectation{nobody, none},
		takeover:   expectation{theCore, all},
	}.run(t)
}
