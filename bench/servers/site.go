package servers

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/libsesscache/libsesscache/bench/rig"
)

// site is a directory with what all servers have in common: the certificate,
// and the key that seals what goes to the store.
type site struct {
	dir     string
	servers int // started so far
}

func newSite() (*site, error) {
	dir, err := os.MkdirTemp("", "sesscache-bench-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir}
	// The workers run as another user and have to pass through.
	if err = os.Chmod(dir, 0o755); err == nil {
		err = rig.WriteCertificate(s.certificate())
	}
	if err == nil {
		err = s.writeSealingKey()
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *site) remove() {
	_ = os.RemoveAll(s.dir)
}

func (s *site) certificate() string {
	return filepath.Join(s.dir, "server.pem")
}

func (s *site) sealingKey() string {
	return filepath.Join(s.dir, "sealing.key")
}

// next makes the directory of one more server.
func (s *site) next() (string, error) {
	s.servers++
	dir := filepath.Join(s.dir, strconv.Itoa(s.servers))
	return dir, os.Mkdir(dir, 0o755)
}

func (s *site) writeSealingKey() error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return os.WriteFile(s.sealingKey(), []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600)
}

// startNginx gives a function that starts nginx with some workers. The kernel
// spreads the connections evenly over them.
func startNginx(workers int) func(*site, *Options, side) (*server, error) {
	return func(s *site, o *Options, v side) (*server, error) {
		program, err := find("nginx")
		if err != nil {
			return nil, err
		}
		l, err := s.launch(o, v)
		if err != nil {
			return nil, err
		}
		user, listen, paths := "", "", ""
		if os.Geteuid() == 0 {
			user = "user www-data;"
		}
		if workers > 1 {
			listen = "reuseport"
		}
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			paths += fmt.Sprintf("    %s_temp_path %s/%[1]s;\n", kind, l.dir)
		}
		config := filepath.Join(l.dir, "nginx.conf")
		text := fmt.Sprintf(`%s
daemon off;
worker_processes %d;
pid %s/nginx.pid;
error_log %[3]s/error.log warn;
events { worker_connections 4096; }
http {
    access_log off;
%s
    server {
        listen %s ssl %s;
        ssl_certificate %s;
        ssl_certificate_key %[7]s;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets off;
        ssl_session_cache %s;
        ssl_session_timeout 1h;
        return 200 "reused=$ssl_session_reused;";
    }
}
`, user, workers, l.dir, paths, l.address, listen, s.certificate(), v.cache)
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			return nil, err
		}
		l.children, l.says = workers, "reused=r;"
		return l.start(program, "-p", l.dir, "-c", config, "-e", filepath.Join(l.dir, "error.log"))
	}
}

// startHaproxy starts haproxy as Debian configures it: chroot and a user of its own.
func startHaproxy(s *site, o *Options, v side) (*server, error) {
	program, err := find("haproxy")
	if err != nil {
		return nil, err
	}
	l, err := s.launch(o, v)
	if err != nil {
		return nil, err
	}
	rights := ""
	if os.Geteuid() == 0 {
		empty := filepath.Join(l.dir, "empty")
		if err := os.Mkdir(empty, 0o755); err != nil {
			return nil, err
		}
		rights = fmt.Sprintf("    chroot %s\n    user haproxy\n    group haproxy\n", empty)
	}
	config := filepath.Join(l.dir, "haproxy.cfg")
	text := fmt.Sprintf(`global
%s    nbthread 2
    tune.ssl.cachesize %s
    tune.ssl.lifetime 3600
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s

frontend tls
    bind %s ssl crt %s
    http-request return status 200 content-type text/plain lf-string "reused=%%[ssl_fc_is_resumed];"
`, rights, v.cache, l.address, s.certificate())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	l.says = "reused=1;"
	return l.start(program, "-f", config)
}

// freeAddress is an address of loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}
