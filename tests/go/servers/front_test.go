package servers

import (
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// front stands before servers as a load balancer does. It passes connections on, unread, to the
// server that the test names, so the test decides what happens between one connection and the
// next: a client's sessions outlive a reload, and meet another server.
type front struct {
	listener *net.TCPListener
}

func newFront(t *testing.T) *front {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return &front{listener}
}

// pass takes so many connections and passes them on. It returns when all of them have ended;
// clients that connect meanwhile wait for the next call.
func (f *front) pass(t *testing.T, connections int, to string) {
	t.Helper()
	var passing sync.WaitGroup
	defer passing.Wait()
	for range connections {
		require.NoError(t, f.listener.SetDeadline(time.Now().Add(patience)))
		client, err := f.listener.Accept()
		require.NoError(t, err, "the clients ended before their last connection")
		server, err := net.DialTimeout("tcp", to, patience)
		if err != nil {
			_ = client.Close()
			require.NoError(t, err)
		}
		passing.Go(func() { splice(client.(*net.TCPConn), server.(*net.TCPConn)) })
	}
}

// serve passes connections on to the servers by turns, until the front is closed.
func (f *front) serve(to ...string) {
	for i := 0; ; i++ {
		client, err := f.listener.AcceptTCP()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", to[i%len(to)], patience)
		if err != nil {
			_ = client.Close()
			continue
		}
		go splice(client, server.(*net.TCPConn))
	}
}

// splice copies between two connections until both directions have ended.
func splice(client, server *net.TCPConn) {
	defer func() {
		_ = client.Close()
		_ = server.Close()
	}()
	var copying sync.WaitGroup
	for from, to := range map[*net.TCPConn]*net.TCPConn{client: server, server: client} {
		copying.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.CloseWrite()
		})
	}
	copying.Wait()
}

// journey is a client whose connections the test leads through a front.
type journey struct {
	*front
	ended  chan struct{}
	result result
	err    error
}

// travel starts tlsload before a front, as a client of servers that answer alike.
func travel(t *testing.T, as target, args ...string) *journey {
	t.Helper()
	fromEnv(t, "SESSCACHE_TLSLOAD", tlsload)
	j := &journey{front: newFront(t), ended: make(chan struct{})}
	// A client waits at the front as long as the test takes for what it does there.
	args = append(args, "--timeout", strconv.Itoa(int(2*patience/time.Second)))
	go func() {
		defer close(j.ended)
		j.result, j.err = tryLoad(j.listener.Addr().String(), append(as.args(), args...)...)
	}()
	t.Cleanup(func() {
		// What has not been passed on is refused, so that the client ends.
		_ = j.listener.Close()
		<-j.ended
	})
	return j
}

// travelInSequence sends one client that makes a session and then offers its newest each time,
// first in TLS 1.2, then in TLS 1.3.
func (s target) travelInSequence(t *testing.T) *journey {
	t.Helper()
	return travel(t, s, "--sequence", "--connections", strconv.Itoa(sequenceLength))
}

// travelInLoad sends several clients at once, most of whose connections offer a session.
func (s target) travelInLoad(t *testing.T, connections int) *journey {
	t.Helper()
	return travel(t, s, "--threads", strconv.Itoa(loadClients), "--resume", "70",
		"--connections", strconv.Itoa(connections))
}

// arrive waits for the end of the client and returns what it saw; no connection may have failed.
func (j *journey) arrive(t *testing.T) result {
	t.Helper()
	select {
	case <-j.ended:
	case <-time.After(patience):
		require.FailNow(t, "the client has connections left")
	}
	require.NoError(t, j.err)
	requireNoFailure(t, j.result)
	return j.result
}

// crowd are clients that keep connecting to several servers by turns.
type crowd struct {
	enough atomic.Bool
	gone   chan struct{}
	sum    result
	err    error
}

// crowd sends clients to the servers until disperse is called.
func (s target) crowd(t *testing.T, to ...string) *crowd {
	t.Helper()
	fromEnv(t, "SESSCACHE_TLSLOAD", tlsload)
	f := newFront(t)
	go f.serve(to...)
	c := &crowd{gone: make(chan struct{})}
	args := s.loadArgs(meanwhile)
	go func() {
		defer close(c.gone)
		for !c.enough.Load() && c.err == nil {
			var seen result
			seen, c.err = tryLoad(f.listener.Addr().String(), args...)
			c.sum.add(seen)
		}
	}()
	t.Cleanup(func() {
		c.enough.Store(true)
		<-c.gone
	})
	return c
}

// disperse lets the clients end and returns what they saw.
func (c *crowd) disperse(t *testing.T) result {
	t.Helper()
	c.enough.Store(true)
	<-c.gone
	require.NoError(t, c.err)
	return c.sum
}
