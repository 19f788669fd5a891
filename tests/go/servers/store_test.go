package servers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

// pair are two instances of one service, as on two hosts: each has its own directory, socket,
// processes and memory. What they have in common is the store, and what prepare gives them.
type pair struct {
	launches [2]*launch
	servers  [2]*service
	settled  [2]int // unwritten of each once nothing more was written: see rest
}

// storeTimeout is longer than the default: a machine with clients, servers and store on two
// processors is slower than a server by itself, and here it is to be told whether sessions are
// found.
const storeTimeout = 100 * time.Millisecond

// hosts is how a pair is made.
type hosts struct {
	name  string
	mode  mode
	start func(t *testing.T, l *launch) *service
	// other starts the second instance; nil: as the first.
	other func(t *testing.T, l *launch) *service
	// found: the core finds what the other made, and libssl refuses it. unsealed: the store has it
	// under the same key, and the core does not open it.
	found, unsealed bool
	// differ makes the second instance other than the first; nil: it has the same certificate and
	// keys.
	differ func(t *testing.T, first, second *launch)
}

// startPair starts both instances behind the store.
func (h hosts) startPair(t *testing.T, store string) *pair {
	t.Helper()
	p := &pair{launches: [2]*launch{newLaunch(t, h.mode), newLaunch(t, h.mode)}}
	first, second := p.launches[0], p.launches[1]
	second.certifiedAs(t, first)
	key := newKey(t)
	for _, l := range p.launches {
		l.useKeys(t, key)
		l.set("SESSCACHE_STORE", store)
		l.set("SESSCACHE_STORE_TIMEOUT", storeTimeout.String())
	}
	if h.differ != nil {
		h.differ(t, first, second)
	}
	other := h.other
	if other == nil {
		other = h.start
	}
	p.servers = [2]*service{h.start(t, first), other(t, second)}
	return p
}

// stored is how many sessions were found in the store.
func (f figures) stored() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Core.StoredHits })
}

// written is how many records the store has got.
func (f figures) written() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Store.Writes })
}

// unwritten is how many sessions were made here of whose records it is not known yet what became
// of them: nothing waits for the store's answer to a write.
func (f figures) unwritten() int {
	made := f.sum(func(p statfile.Process) uint64 {
		return p.Core.Adds - p.Core.SharedHits - p.Core.StoredHits
	})
	known := f.sum(func(p statfile.Process) uint64 {
		return p.Store.Writes + p.Store.Dropped + p.Store.Errors
	})
	return made - known
}

// settle waits until the store has what each instance made, and returns the figures of both.
func (p *pair) settle(t *testing.T) [2]figures {
	t.Helper()
	var now [2]figures
	for i, l := range p.launches {
		eventually(t, func() bool {
			now[i] = l.idleFigures(t)
			return now[i].unwritten() <= p.settled[i]
		}, "the store gets what was made")
	}
	return now
}

// rest waits until no more is written, and has settle go by that. After a store has failed it is
// needed, for among its errors are those of reads, so that more seems to be known of than was made.
func (p *pair) rest(t *testing.T) {
	t.Helper()
	const looks = 10
	for i, l := range p.launches {
		same := 0
		eventually(t, func() bool {
			now := l.idleFigures(t).unwritten()
			if same++; now != p.settled[i] {
				same = 0
			}
			p.settled[i] = now
			return same == looks
		}, "nothing more is written")
	}
}

// late is how many answers the store has given too late.
func (f figures) late() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Store.Timeouts })
}

// unsealed is how many records were found that the keys do not open.
func (f figures) unsealed() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Unsealed })
}

// sum are the figures of both instances.
func sum(f [2]figures) figures {
	return append(append(figures{}, f[0]...), f[1]...)
}

// alternate has one client make a session and offer its newest each time, now to one instance, now
// to the other.
func (p *pair) alternate(t *testing.T) result {
	t.Helper()
	client := p.servers[0].travelInSequence(t)
	for i := range 2 * sequenceLength {
		client.pass(t, 1, p.servers[i%2].address)
		p.settle(t)
	}
	return client.arrive(t)
}

// wander has several clients use one instance, then the other, then the first again.
func (p *pair) wander(t *testing.T) result {
	t.Helper()
	const leg = 150
	clients := p.servers[0].travelInLoad(t, 3*leg)
	for i := range 3 {
		clients.pass(t, leg, p.servers[i%2].address)
		p.settle(t)
	}
	return clients.arrive(t)
}

// end stops both instances.
func (p *pair) end(t *testing.T) {
	t.Helper()
	for _, server := range p.servers {
		server.shutdown(t)
		server.requireQuiet(t)
	}
}

func (p *pair) log(t *testing.T, seen ...result) {
	t.Helper()
	var text strings.Builder
	for _, r := range seen {
		fmt.Fprintf(&text, "%+v\n", r)
	}
	for i, l := range p.launches {
		fmt.Fprintf(&text, "instance %d:\n%s", i+1, l.readFigures(t))
	}
	t.Log(text.String())
}

const (
	eachResumes = "frrrrr" // in a history of a sequence
	noneResumes = "ffffff"
)

// requireShared asserts that each instance resumes what the other made.
func (p *pair) requireShared(t *testing.T) {
	t.Helper()
	before := p.settle(t)
	sequence := p.alternate(t)
	load := p.wander(t)
	now := p.settle(t)
	p.log(t, sequence, load)
	require.Equal(t, eachResumes, sequence.TLS12.History)
	require.Equal(t, eachResumes, sequence.TLS13.History)
	seen := sequence
	seen.add(load)
	requireAllResumed(t, seen, sum(before), sum(now))
	for i := range now {
		require.Greater(t, now[i].stored(), before[i].stored(), "sessions of the other instance %d found", i+1)
	}
}

// requireApart asserts that no instance resumes what the other made, though each has sent its
// sessions to the store.
func (p *pair) requireApart(t *testing.T, found bool) [2]figures {
	t.Helper()
	sequence := p.alternate(t)
	now := p.settle(t)
	p.log(t, sequence)
	require.Equal(t, noneResumes, sequence.TLS12.History)
	require.Equal(t, noneResumes, sequence.TLS13.History)
	require.Zero(t, sequence.Said, "the server says resumed on a full handshake")
	for i := range now {
		require.Positive(t, now[i].written(), "records of instance %d in the store", i+1)
		require.Equal(t, found, now[i].coreHits() > 0, "sessions of the other that the core finds")
	}
	return now
}

func TestStore_sharedByHosts(t *testing.T) {
	redis := backend.Redis(t, backend.RedisOptions{}).URL()
	memcached := backend.Memcached(t).URL()
	nginx := nginxConfig{workers: 2, cache: builtin, listen: "reuseport"}.start
	for _, h := range []struct {
		hosts
		store string
	}{
		{hosts{name: "nginx", mode: documented, start: nginx}, redis},
		{hosts{name: "nginx, memcached", mode: documented, start: nginx}, memcached},
		{hosts{name: "haproxy", mode: takeover, start: startHaproxy("-W")}, redis},
		{hosts{name: "Apache", mode: takeover, start: apacheConfig{mpm: "event", cache: shmcb}.start}, redis},
		{
			// haproxy's session id context is the same whatever its certificate.
			hosts{
				name:  "haproxy, certificates of two, one name",
				mode:  takeover,
				start: startHaproxy("-W"),
				differ: func(t *testing.T, first, second *launch) {
					second.writeCertificate(t)
					first.set("SESSCACHE_NAMESPACE", "service")
					second.set("SESSCACHE_NAMESPACE", "service")
				},
			}, redis,
		},
	} {
		t.Run(h.name, func(t *testing.T) {
			p := h.startPair(t, h.store)
			p.requireShared(t)
			p.end(t)
		})
	}
}

func TestStore_apart(t *testing.T) {
	redis := backend.Redis(t, backend.RedisOptions{}).URL()
	http := nginxConfig{workers: 2, cache: builtin, listen: "reuseport"}
	stream := nginxConfig{workers: 2, cache: builtin, listen: "reuseport", stream: true, proxy: true}
	for _, h := range []hosts{
		{
			name: "another certificate", mode: documented, start: http.start,
			differ: func(t *testing.T, _, second *launch) { second.writeCertificate(t) },
		},
		{
			// Its contexts of connections have no certificate, and its session id context is always
			// the same: what tells the sessions apart is the certificate that a connection gets.
			name: "another certificate, haproxy", mode: takeover, start: startHaproxy("-W"), unsealed: true,
			differ: func(t *testing.T, _, second *launch) { second.writeCertificate(t) },
		},
		{
			name: "another certificate, haproxy, no seal", mode: takeover, start: startHaproxy("-W"), unsealed: true,
			differ: func(t *testing.T, first, second *launch) {
				second.writeCertificate(t)
				for _, l := range []*launch{first, second} {
					l.set("SESSCACHE_KEY_FILE", "")
					l.set("SESSCACHE_INSECURE", "1")
				}
			},
		},
		{
			name: "another certificate, Apache", mode: takeover,
			start:  apacheConfig{mpm: "event", cache: shmcb}.start,
			differ: func(t *testing.T, _, second *launch) { second.writeCertificate(t) },
		},
		{
			// nginx makes the session id context of the certificate and of what serves.
			name: "another session id context", mode: documented, start: http.start, other: stream.start,
		},
		{
			// Apache names the context of its virtual host to each connection, not to libssl's context.
			name: "another session id context of connections", mode: takeover, found: true,
			start: apacheConfig{mpm: "event", cache: shmcb}.start,
			other: apacheConfig{mpm: "event", cache: shmcb, serverName: "other"}.start,
		},
		{
			name: "another name", mode: documented, start: http.start,
			differ: func(_ *testing.T, first, second *launch) {
				first.set("SESSCACHE_NAMESPACE", "blue")
				second.set("SESSCACHE_NAMESPACE", "green")
			},
		},
		{
			name: "another name, haproxy", mode: takeover, start: startHaproxy("-W"),
			differ: func(_ *testing.T, first, second *launch) {
				first.set("SESSCACHE_NAMESPACE", "blue")
				second.set("SESSCACHE_NAMESPACE", "green")
			},
		},
		{
			name: "another key", mode: documented, start: http.start, unsealed: true,
			differ: func(t *testing.T, _, second *launch) { second.useKeys(t, newKey(t)) },
		},
	} {
		t.Run(h.name, func(t *testing.T) {
			p := h.startPair(t, redis)
			now := p.requireApart(t, h.found)
			for i := range now {
				require.Equal(t, h.unsealed, now[i].unsealed() > 0, "records that instance %d does not open", i+1)
			}
			p.end(t)
		})
	}
}
