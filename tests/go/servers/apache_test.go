package servers

import (
	"cmp"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

const apache = "/usr/sbin/apache2"

// apacheConfig is a configuration of Apache httpd.
type apacheConfig struct {
	mpm   string // event or prefork
	cache string // argument of SSLSessionCache; %s is a directory
	// serverName is that of the virtual host, which names its session id context; empty: localhost.
	serverName string
}

// Debian's figures for its two process models.
const apacheModels = `
<IfModule mpm_event_module>
    StartServers 2
    MinSpareThreads 25
    MaxSpareThreads 75
    ThreadLimit 64
    ThreadsPerChild 25
    MaxRequestWorkers 150
    MaxConnectionsPerChild 0
</IfModule>
<IfModule mpm_prefork_module>
    StartServers 5
    MinSpareServers 5
    MaxSpareServers 10
    MaxRequestWorkers 150
    MaxConnectionsPerChild 0
</IfModule>
`

func (c apacheConfig) start(t *testing.T, l *launch) *service {
	needInstalled(t, apache, "apache2")
	needRoot(t)
	run := l.mkdir(t, "run")
	l.write(t, "www/index.html", "hello\n")
	config := l.write(t, "apache.conf", fmt.Sprintf(`
ServerRoot %[1]s
ServerName localhost
PidFile %[2]s/apache.pid
DefaultRuntimeDir %[2]s
Mutex file:%[2]s
LoadModule mpm_%[3]s_module /usr/lib/apache2/modules/mod_mpm_%[3]s.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
User www-data
Group www-data
ErrorLog %[1]s/error.log
LogLevel notice
Listen %[4]s
%[5]s
SSLSessionCache %[6]s
SSLSessionCacheTimeout 300
<VirtualHost *:*>
    ServerName %[9]s
    DocumentRoot %[1]s/www
    SSLEngine on
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLSessionTickets off
    SSLCertificateFile %[7]s
    SSLCertificateKeyFile %[8]s
    Header always set X-Session "%%{SSL_SESSION_RESUMED}s;"
</VirtualHost>
<Directory %[1]s/www>
    Require all granted
</Directory>
`, l.dir, run, c.mpm, l.address(), apacheModels, fmt.Sprintf(c.cache, run), l.cert, l.key,
		cmp.Or(c.serverName, "localhost")))
	p := l.start(t, apache, "-f", config, "-D", "FOREGROUND")
	p.listening(t, l.address())
	// Apache listens before it is ready for signals.
	eventually(t, func() bool {
		return strings.Contains(p.logs(), "resuming normal operations")
	}, "Apache says that it is ready")
	return &service{
		process: p,
		target:  target{address: l.address(), says: "X-Session: Resumed;"},
		quit:    syscall.SIGTERM,
	}
}

const (
	shmcb   = "shmcb:%s/sessions(8000000)"
	nothing = "none%.0s"
)

func TestApache(t *testing.T) {
	for _, mpm := range []string{"event", "prefork"} {
		for _, s := range []scenario{
			{
				name:       mpm + ", shmcb",
				start:      apacheConfig{mpm: mpm, cache: shmcb}.start,
				stockYield: all,
				documented: expectation{theApp, all},
				takeover:   expectation{theCore, all},
			},
			{
				name:       mpm + ", none",
				start:      apacheConfig{mpm: mpm, cache: nothing}.start,
				stockYield: none,
				documented: expectation{nobody, none},
				takeover:   expectation{theCore, all},
			},
		} {
			t.Run(s.name, s.run)
		}
	}
}

// A graceful restart unloads mod_ssl and loads it again.
func TestApache_reload(t *testing.T) {
	for _, mpm := range []string{"event", "prefork"} {
		t.Run(mpm, reload{
			start:  apacheConfig{mpm: mpm, cache: shmcb}.start,
			signal: syscall.SIGUSR1,
			keeps:  []mode{takeover},
		}.run)
	}
}
