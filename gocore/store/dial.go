package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// dialPatience bounds the making of a connection: name, TCP, TLS. Nobody waits
// for it longer than for an answer.
const dialPatience = time.Second

// dialer makes guarded connections.
type dialer struct {
	net  net.Dialer
	tls  *tls.Config // nil: without TLS
	scan grammar
}

// newDialer prepares connections to the servers of t; ca is PEM, nil for the
// authorities of the system.
func newDialer(t *target, ca []byte) (*dialer, error) {
	d := &dialer{
		net: net.Dialer{
			Timeout: dialPatience,
			// A server that vanished is noticed, and a firewall kept from
			// forgetting the connection.
			KeepAliveConfig: net.KeepAliveConfig{
				Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3},
			// The C library's resolver would keep a thread of the host for each name.
			Resolver: &net.Resolver{PreferGo: true},
		},
		scan: scanRESP,
	}
	if t.kind == memcached {
		d.scan = scanMemcached
	}
	if !t.tls {
		return d, nil
	}
	d.tls = &tls.Config{
		ServerName:         t.name,
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(len(t.addrs)),
	}
	if ca != nil {
		d.tls.RootCAs = x509.NewCertPool()
		if !d.tls.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the file of authorities has no certificate in PEM")
		}
	}
	return d, nil
}

// dial connects. It is called on goroutines of the clients, which a panic must
// not end.
func (d *dialer) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	defer recovered(&err)
	conn, err = d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if d.tls != nil {
		secured := tls.Client(conn, d.tls)
		ctx, cancel := context.WithTimeout(ctx, dialPatience)
		defer cancel()
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secured
	}
	return newGuard(conn, d.scan), nil
}
