package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strconv"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisOptions are how a Redis is started. The zero value is one that anybody
// may use, without TLS or a limit.
type RedisOptions struct {
	Password string     // of the default user; empty: none
	TLS      *Authority // issues its certificate; nil: no TLS
	CertName string     // whom the certificate is for; empty: localhost and 127.0.0.1
	// MaxMemory is Redis's setting maxmemory, with the policy noeviction; empty: no limit.
	MaxMemory string

	more []string // further arguments
}

// RedisServer is a running Redis, or a Sentinel.
type RedisServer struct {
	*Server
	port     int
	password string
	tls      *tls.Config // of its clients
}

// Redis starts a Redis that keeps nothing on disk.
func Redis(t TB, o RedisOptions) *RedisServer {
	t.Helper()
	return newRedis(t, freePort(t), o)
}

func newRedis(t TB, port int, o RedisOptions) *RedisServer {
	t.Helper()
	path := program(t, "redis-server", "redis-server")
	dir := t.TempDir()
	listen := "--port"
	r := &RedisServer{port: port, password: o.Password}
	args := []string{"--bind", "127.0.0.1", "--protected-mode", "no", "--daemonize", "no",
		"--save", "", "--appendonly", "no", "--dir", dir}
	if o.Password != "" {
		args = append(args, "--requirepass", o.Password, "--masterauth", o.Password)
	}
	if o.TLS != nil {
		listen = "--tls-port"
		cert, key := o.TLS.issue(t, dir, o.CertName)
		args = append(args, "--port", "0", "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-auth-clients", "no", "--tls-ca-cert-file", cert)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(o.TLS.PEM())
		r.tls = &tls.Config{RootCAs: roots, ServerName: o.CertName}
		if o.CertName == "" {
			r.tls.ServerName = "localhost"
		}
	}
	if o.MaxMemory != "" {
		args = append(args, "--maxmemory", o.MaxMemory, "--maxmemory-policy", "noeviction")
	}
	args = append(args, listen, strconv.Itoa(port))
	r.Server = newServer(t, path, port, dir, append(args, o.more...)...)
	return r
}

// URL is the address for a store, with the password if there is one.
func (r *RedisServer) URL() string {
	return r.URLVia(r.addr)
}

// URLVia is URL with another address in front, such as that of a Proxy.
func (r *RedisServer) URLVia(addr string) string {
	u := url.URL{Scheme: "redis", Host: addr}
	if r.tls != nil {
		u.Scheme = "rediss"
	}
	if r.password != "" {
		u.User = url.UserPassword("", r.password)
	}
	return u.String()
}

// Do runs a command and returns the answer; an error ends the test.
func (r *RedisServer) Do(t TB, command ...any) any {
	t.Helper()
	answer, err := r.try(command...)
	if err != nil {
		t.Fatalf("%v at %s: %v", command[0], r.addr, err)
	}
	return answer
}

func (r *RedisServer) try(command ...any) (any, error) {
	client := redis.NewClient(&redis.Options{
		Addr: r.addr, Password: r.password, TLSConfig: r.tls, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer func() { _ = client.Close() }()
	return client.Do(context.Background(), command...).Result()
}

// answers is true if a command's answer is as wanted; it is for polling.
func (r *RedisServer) answers(wanted func(answer any) bool, command ...any) bool {
	answer, err := r.try(command...)
	return err == nil && wanted(answer)
}
