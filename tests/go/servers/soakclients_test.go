package servers

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// strokes is how often workers were struck so far.
type strokes struct {
	kills   int // a worker was killed (SIGKILL)
	reloads int // all workers were told to end in good order
}

func (s strokes) since(before strokes) strokes {
	return strokes{s.kills - before.kills, s.reloads - before.reloads}
}

// toll is what clients saw of a server whose workers are struck.
type toll struct {
	result
	cut     int            // connections that ended with the worker that had them
	failed  int            // all others that failed
	reasons map[string]int // of those
}

// How a connection ends whose worker is gone. No alert of TLS and no timeout is among them.
var cutOff = regexp.MustCompile(`^(connect|handshake|request|answer): (Connection refused|` +
	`Connection reset by peer|Broken pipe|the peer closed the connection|` +
	`unexpected eof while reading|empty)$`)

// idleOff is how one ends that was made and had not said anything when its worker was told to end;
// nginx closes these without the library just as well. Its handshake was good.
var idleOff = regexp.MustCompile(`^(request|answer): `)

// add counts a run of tlsload with so many clients at once, and tells the connections that were cut
// from those that failed: a killed worker had at most one connection of each client, and so had the
// workers that a reload ended. Whatever is above that has failed, whatever it looks like.
func (o *toll) add(seen result, clients int, struck strokes) {
	cuts := struck.kills * clients
	idle := struck.reloads * clients
	o.result.add(seen)
	for reason, times := range seen.Errors {
		if cutOff.MatchString(reason) {
			if idleOff.MatchString(reason) {
				n := min(times, idle)
				o.cut, idle, times = o.cut+n, idle-n, times-n
			}
			n := min(times, cuts)
			o.cut, cuts, times = o.cut+n, cuts-n, times-n
		}
		if times > 0 {
			if o.reasons == nil {
				o.reasons = make(map[string]int)
			}
			o.failed += times
			o.reasons[reason] += times
		}
	}
}

func TestToll_add(t *testing.T) {
	for _, c := range []struct {
		name        string
		errors      map[string]int
		struck      strokes
		cut, failed int
	}{
		{"no worker was struck", map[string]int{"handshake: Connection reset by peer": 1}, strokes{}, 0, 1},
		{"a worker of each client", map[string]int{
			"handshake: Connection reset by peer": 2, "answer: the peer closed the connection": 1,
		}, strokes{kills: 1}, 3, 0},
		{"more than a worker had", map[string]int{"answer: empty": 4}, strokes{kills: 1}, 3, 1},
		{"an alert", map[string]int{"handshake: sslv3 alert handshake failure": 1}, strokes{kills: 1}, 0, 1},
		{"a timeout", map[string]int{"handshake: timeout": 1}, strokes{kills: 1}, 0, 1},
		{"a reload ends who is idle", map[string]int{"answer: empty": 3}, strokes{reloads: 1}, 3, 0},
		{"a reload ends no handshake", map[string]int{"handshake: the peer closed the connection": 1},
			strokes{reloads: 1}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o toll
			o.add(result{Errors: c.errors}, 3, c.struck)
			assert.Equal(t, c.cut, o.cut)
			assert.Equal(t, c.failed, o.failed)
		})
	}
}

// soakClients are the clients of a soak, in several crowds.
type soakClients struct {
	mu     sync.Mutex
	toll   toll
	struck strokes
	err    error // of a client that gave no result
	enough bool
	busy   sync.WaitGroup
}

// strike notes that workers are about to be struck.
func (s *soakClients) strike(by strokes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.struck.kills += by.kills
	s.struck.reloads += by.reloads
}

// come sends clients to an address until leave is called.
func (s *soakClients) come(as target, clients int) {
	args := append(as.args(), "--threads", strconv.Itoa(clients), "--connections", strconv.Itoa(meanwhile))
	s.busy.Go(func() {
		for s.more(as.address, args, clients) {
		}
	})
}

// more makes one run of clients. It is false if that was the last.
func (s *soakClients) more(address string, args []string, clients int) bool {
	before, _, last := s.state()
	if last {
		return false
	}
	seen, err := tryLoad(address, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		s.enough = true
		return false
	}
	s.toll.add(seen, clients, s.struck.since(before))
	return true
}

// state is how things stand: what was struck, what clients saw, and whether they are to end.
func (s *soakClients) state() (strokes, toll, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck, s.toll, s.enough
}

// broken says what kept clients from giving a result; they have left then.
func (s *soakClients) broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// leave lets the clients end and waits for them.
func (s *soakClients) leave() {
	s.mu.Lock()
	s.enough = true
	s.mu.Unlock()
	s.busy.Wait()
}

// failures are the reasons of connections that failed, one a line.
func (o *toll) failures() string {
	var lines []string
	for reason, times := range o.reasons {
		lines = append(lines, strconv.Itoa(times)+" times: "+reason)
	}
	return strings.Join(lines, "\n")
}
