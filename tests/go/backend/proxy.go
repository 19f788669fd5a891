package backend

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// mode is what a Proxy does with what it gets.
type mode int

const (
	pass mode = iota
	blackhole
	reset
	garbage
)

// Proxy passes TCP connections on to a server, and makes faults when it is told
// to. Its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	changed sync.Cond // mode, delay, answer, closed
	mode    mode
	delay   time.Duration // before each piece of an answer
	answer  []byte        // garbage
	closed  bool
	conns   map[net.Conn]struct{}
	running sync.WaitGroup
}

// NewProxy starts a proxy in front of the server at addr, which need not be
// there yet.
func NewProxy(t TB, addr string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", local(freePort(t)))
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &Proxy{listener: listener, target: addr, conns: make(map[net.Conn]struct{})}
	p.changed.L = &p.mu
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is host:port of the proxy.
func (p *Proxy) Addr() string {
	return p.listener.Addr().String()
}

// Pass ends every fault. What a blackhole held back goes on.
func (p *Proxy) Pass() { p.set(pass, 0, nil) }

// Delay passes everything on, each piece of an answer after a pause.
func (p *Proxy) Delay(d time.Duration) { p.set(pass, d, nil) }

// Blackhole takes connections and everything that is sent, and passes nothing
// on in either direction.
func (p *Proxy) Blackhole() { p.set(blackhole, 0, nil) }

// Reset ends every connection with an RST, those there are and new ones.
func (p *Proxy) Reset() { p.set(reset, 0, nil) }

// Garbage answers whatever is asked with the same bytes; the server is not asked.
func (p *Proxy) Garbage(answer []byte) { p.set(garbage, 0, answer) }

func (p *Proxy) set(m mode, delay time.Duration, answer []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.delay, p.answer = m, delay, answer
	if m == reset {
		p.drop()
	}
	p.changed.Broadcast()
}

// drop resets all connections.
func (p *Proxy) drop() {
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	clear(p.conns)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.drop()
	p.changed.Broadcast()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.running.Wait()
}

// keep notes a connection; it is closed and refused if none are wanted.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	if p.closed || p.mode == reset {
		p.drop()
		return false
	}
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.keep(client) {
			p.running.Go(func() { p.serve(client) })
		}
	}
}

// serve passes one connection on, in both directions, until either end closes it.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		// Without a server there may still be faults to make.
		_ = p.pump(client, nil, client)
		return
	}
	defer p.forget(server)
	if !p.keep(server) {
		return
	}
	p.running.Go(func() {
		_ = p.pump(server, client, nil)
		p.forget(client)
	})
	_ = p.pump(client, server, client)
}

var errNoServer = errors.New("there is no server to pass it on to")

// pump passes on what comes from one end. For what comes from the client, back
// is where garbage goes; it is nil for answers, which are what is delayed.
func (p *Proxy) pump(from, to, back net.Conn) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return err
		}
		m, delay, answer, err := p.wait()
		switch {
		case err != nil:
			return err
		case m == garbage && back != nil:
			if _, err := back.Write(answer); err != nil {
				return err
			}
			continue
		case m == garbage:
			continue
		case to == nil:
			return errNoServer
		case back == nil && delay > 0:
			time.Sleep(delay)
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return err
		}
	}
}

// wait returns what is to be done with a piece, once it is not to be held back.
func (p *Proxy) wait() (mode, time.Duration, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mode == blackhole && !p.closed {
		p.changed.Wait()
	}
	if p.closed || p.mode == reset {
		return p.mode, 0, nil, io.ErrClosedPipe
	}
	return p.mode, p.delay, p.answer, nil
}

// Unanswered is the address of a listener that takes no further connection: who
// connects to it waits, as for a host that is switched off.
func Unanswered(t TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	port := freePort(t)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("bind: %v", err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatalf("listen: %v", err)
	}
	// Those that nobody accepts fill its queue.
	for {
		conn, err := net.DialTimeout("tcp", local(port), 200*time.Millisecond)
		if err != nil {
			return local(port)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}
