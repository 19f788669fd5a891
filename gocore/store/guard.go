package store

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// The clients believe the lengths that a server announces and allocate for them
// before they read on, and they read lines and nested arrays without an end. A
// server that is none, or is broken, could so exhaust the memory of the host's
// process, which no recover catches. A guard reads along and ends the
// connection first.
const (
	// replyBudget bounds what one request may be answered with: bytes, and what
	// the client has to allocate for arrays. The slots of a large Redis Cluster
	// are the longest answer that is wanted.
	replyBudget = 4 << 20

	// headerCost and elementCost are what an array and each of its elements
	// count besides their bytes.
	headerCost  = 64
	elementCost = 32

	// replyPatience bounds the time for one answer, whatever deadlines the
	// client sets while parts of it arrive.
	replyPatience = 2 * time.Second

	// headerMost is how much of a line is looked at: "VALUE key flags length cas"
	// with a key of ours and the longest numbers is shorter.
	headerMost = 160
)

var errNoAnswer = errors.New("store: not an answer that a server gives")

// grammar says what a line of an answer announces: so many bytes that follow
// it, and a cost besides the bytes themselves. ok is false for a line that no
// server would send.
type grammar func(line []byte) (follow, cost int, ok bool)

// guard is a connection whose answers are bounded. Like those of net.Conn, its
// methods may be called from several goroutines, but only one may read, as the
// clients do.
type guard struct {
	net.Conn
	scan  grammar
	asked bool      // a request was written since the last read
	since time.Time // of the request that is being answered
	spent int       // of its budget
	skip  int       // bytes of a value still to come
	line  []byte    // the beginning of the line that is being read
	err   error     // once set, the connection is of no more use
}

// guarded is a guard of a connection without TLS, where go-redis looks at the
// socket to see whether the server has closed it.
type guarded struct {
	*guard
	syscall.Conn
}

// newGuard guards a connection whose answers have the given grammar.
func newGuard(conn net.Conn, scan grammar) net.Conn {
	g := &guard{Conn: conn, scan: scan, line: make([]byte, 0, headerMost)}
	if raw, ok := conn.(syscall.Conn); ok {
		return guarded{g, raw}
	}
	return g
}

func (g *guard) Write(p []byte) (int, error) {
	g.asked = true
	return g.Conn.Write(p)
}

func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if g.asked {
		g.asked = false
		g.since = time.Now()
		g.spent = 0
	} else if time.Since(g.since) > replyPatience {
		g.err = os.ErrDeadlineExceeded
		return 0, g.err
	}
	n, err := g.Conn.Read(p)
	if !g.follow(p[:n]) {
		// Not even what came before: the client has nothing to wait for.
		g.err = errNoAnswer
		return 0, g.err
	}
	return n, err
}

// follow reads along. It is false if the answer is none.
func (g *guard) follow(p []byte) bool {
	g.spent += len(p)
	for len(p) > 0 && g.spent <= replyBudget {
		if g.skip > 0 {
			n := min(g.skip, len(p))
			g.skip -= n
			p = p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end+1]
		}
		g.line = append(g.line, part[:min(len(part), headerMost-len(g.line))]...)
		p = p[len(part):]
		if end < 0 {
			continue
		}
		follow, cost, ok := g.scan(g.line)
		g.line = g.line[:0]
		if !ok || follow > MaxValue+len("\r\n") {
			return false
		}
		g.skip = follow
		g.spent += cost
	}
	return g.spent <= replyBudget
}

// scanRESP is the grammar of Redis.
func scanRESP(line []byte) (follow, cost int, ok bool) {
	switch line[0] {
	case '$', '=', '!':
		n, ok := announced(line[1:])
		if n >= 0 {
			follow = n + len("\r\n")
		}
		return follow, 0, ok
	case '*', '~', '>':
		n, ok := announced(line[1:])
		return 0, headerCost + elementCost*max(n, 0), ok
	case '%', '|':
		n, ok := announced(line[1:])
		return 0, headerCost + 2*elementCost*max(n, 0), ok
	}
	return 0, 0, true
}

// announced is the length in a header, -1 for an answer that is nil. The end of
// the line has to be there: a client reads longer lines than a guard.
func announced(text []byte) (int, bool) {
	text, ended := bytes.CutSuffix(text, []byte("\r\n"))
	n, err := strconv.ParseInt(string(text), 10, 32)
	return int(n), ended && err == nil && n >= -1 && n <= replyBudget
}

// scanMemcached is the grammar of memcached.
func scanMemcached(line []byte) (follow, cost int, ok bool) {
	text, ended := bytes.CutSuffix(line, []byte("\r\n"))
	fields := bytes.Split(text, []byte(" "))
	if string(fields[0]) != "VALUE" {
		return 0, 0, true
	}
	if !ended || len(fields) < 4 {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(string(fields[3]), 10, 31)
	return int(n) + len("\r\n"), headerCost, err == nil && n <= replyBudget
}
