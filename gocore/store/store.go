// Package store keeps values under keys in a store that several hosts share:
// Redis in its forms, or memcached. It is made for handshakes that must not
// suffer from it: a read waits for a few milliseconds at most, a write never,
// and a server that fails is left alone until it answers again.
//
// Values are opaque; who has rights in the store can read and change them, so
// they are to be sealed. Nothing here writes to standard output or error.
package store

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"time"
)

// MaxValue is the longest value, in bytes.
const MaxValue = 64 << 10

const (
	defaultTimeout = 5 * time.Millisecond
	defaultQueue   = 4096
)

// Options are the settings of a store. The zero value is good.
type Options struct {
	// Timeout is the longest wait of a Get; 0 for 5 milliseconds.
	Timeout time.Duration

	// Queue is how many writes may wait; 0 for 4096. Their values may take 8 MiB
	// at most. Each memcached has a queue of its own.
	Queue int

	// CA is PEM with the certificates of the authorities that a server's
	// certificate must come from; nil for those of the system, which are read
	// when the first connection is made.
	CA []byte

	// Totals, if not nil, are updated atomically. They may lie outside the Go
	// heap; they must be aligned to 8 bytes and stay valid until Close has
	// returned.
	Totals *Counters
}

// Verdict is the outcome of a Get.
type Verdict int

// The verdicts.
const (
	Failed Verdict = iota // it is not known whether there is a value
	Absent                // there is none
	Found
)

// String is the name of the verdict.
func (v Verdict) String() string {
	switch v {
	case Failed:
		return "Failed"
	case Absent:
		return "Absent"
	case Found:
		return "Found"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Store is a store of one or several servers. Its methods may be called from
// any goroutine.
type Store struct {
	servers []*server
	salts   []uint64 // of the servers' addresses
}

// Open prepares the use of the store at rawURL, which Check describes. It does
// not connect: that, and everything else in the background, begins with the
// first use. The error tells nothing of a user or a password.
func Open(rawURL string, o Options) (*Store, error) {
	t, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	d, err := newDialer(t, o.CA)
	if err != nil {
		return nil, err
	}
	o.complete()
	s := new(Store)
	patience := patienceOf(o.Timeout)
	if t.kind != memcached {
		s.add(newRedis(t, d, patience), "", &o)
		return s, nil
	}
	for _, addr := range t.addrs {
		s.add(newMemcached(addr, d, patience), addr, &o)
	}
	return s, nil
}

func (o *Options) complete() {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.Totals == nil {
		o.Totals = new(Counters)
	}
}

func (s *Store) add(b backend, addr string, o *Options) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(addr))
	s.servers = append(s.servers, newServer(b, o))
	s.salts = append(s.salts, h.Sum64())
}

// server is the one that has the key. All hosts that name the same servers, in
// whatever order, choose the same, and one server more or less moves only its
// own share of the keys (rendezvous hashing).
func (s *Store) server(key *[32]byte) *server {
	if len(s.servers) == 1 {
		return s.servers[0]
	}
	h := fnv.New64a()
	_, _ = h.Write(key[:])
	sum := h.Sum64()
	best, most := 0, uint64(0)
	for i, salt := range s.salts {
		if score := mix(sum ^ salt); score >= most {
			best, most = i, score
		}
	}
	return s.servers[best]
}

// mix spreads what differs in two numbers over all bits (splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Get appends the value of a key to dst and returns the longer slice with
// Found. It waits for Options.Timeout at most, and not at all while the breaker
// is open. Otherwise it returns dst as it is: with Absent if the store does not
// have the key, or with Failed if that is not known.
func (s *Store) Get(key [32]byte, dst []byte) ([]byte, Verdict) {
	value, v := s.server(&key).get(&key)
	return append(dst, value...), v
}

// Put has a copy of value stored under a key for the time ttl, rounded down to
// what the store can tell apart: milliseconds for Redis, seconds for memcached.
// It does not wait. It is false if the value is dropped at once: because too
// many writes wait, the breaker is open, or the value is longer than MaxValue.
// True does not promise that it reaches the store.
func (s *Store) Put(key [32]byte, value []byte, ttl time.Duration) bool {
	return s.server(&key).add(op{key: key, value: bytes.Clone(value), expires: time.Now().Add(ttl)})
}

// Delete has a key deleted, after what was put under it before. It does not
// wait. While the breaker is open deletions are kept until it closes; it is
// false if too many writes wait.
//
// A server that stalls for longer than a write may take can still do what it
// was told before, after what it is told on the next connection.
func (s *Store) Delete(key [32]byte) bool {
	return s.server(&key).add(op{key: key, del: true})
}

// Flush waits until no write waits any more, or ctx is done, whose error it
// then returns.
func (s *Store) Flush(ctx context.Context) error {
	for _, server := range s.servers {
		if err := server.queue.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close drops the writes that wait, ends all connections and waits for what
// goes on in the background: about a second at most. Afterwards a Get fails, and Put
// and Delete return false; nothing is counted any more.
func (s *Store) Close() {
	for _, server := range s.servers {
		server.close()
	}
}
