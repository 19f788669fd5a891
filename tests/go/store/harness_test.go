// Package store_test runs gocore/store against real servers, and with the
// faults that servers and networks have.
package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/store"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

const (
	// generous is a Timeout that a healthy server never needs.
	generous = 5 * time.Second

	// short is one as hosts have it, but for a busy machine.
	short = 50 * time.Millisecond

	// slack is how much longer than its Timeout a Get may seem to take where the
	// machine is busy. A client that waits by itself takes longer.
	slack = 250 * time.Millisecond

	day = 24 * time.Hour
)

// subject is a store under test.
type subject struct {
	*store.Store
	t       *testing.T
	timeout time.Duration
	totals  *store.Counters
}

// opened is how many stores are open now.
var opened int

// open opens a store, which is closed when the test ends; then nothing of it
// may be left.
func open(t *testing.T, url string, o store.Options) *subject {
	t.Helper()
	o.Totals = new(store.Counters)
	s, err := store.Open(url, o)
	require.NoError(t, err)
	opened++
	t.Cleanup(func() {
		s.Close()
		opened--
		require.Zero(t, atomic.LoadUint64(&o.Totals.Open), "no breaker of a closed store is open")
		if opened == 0 {
			backend.Eventually(t, func() bool { return leftovers() == "" }, "the goroutines of the store end")
		}
	})
	return &subject{s, t, o.Timeout, o.Totals}
}

// leftovers are the stacks of goroutines that a store has started.
func leftovers() string {
	stacks := make([]byte, 1<<20)
	var found []string
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		for _, of := range []string{"gocore/store.", "redis/go-redis", "gomemcache"} {
			if strings.Contains(stack, of) {
				found = append(found, stack)
				break
			}
		}
	}
	return strings.Join(found, "\n\n")
}

// key is the n-th of some keys.
func key(n int) [32]byte {
	return sha256.Sum256([]byte{byte(n >> 8), byte(n)})
}

// value is what is put under the n-th key.
func value(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("value %d\r\n\x00", n), 1+n%100))
}

// get is Get, which has to keep to its time.
func (s *subject) get(n int) (string, store.Verdict) {
	s.t.Helper()
	start := time.Now()
	got, verdict := s.Get(key(n), []byte("before "))
	require.Less(s.t, time.Since(start), s.timeout+slack, "a Get keeps to its time")
	rest, found := strings.CutPrefix(string(got), "before ")
	require.True(s.t, found, "what stood there before stays")
	if verdict != store.Found {
		require.Empty(s.t, rest)
	}
	return rest, verdict
}

func (s *subject) requireFound(n int) {
	s.t.Helper()
	got, verdict := s.get(n)
	require.Equal(s.t, store.Found, verdict, "key %d", n)
	require.Equal(s.t, string(value(n)), got, "key %d", n)
}

func (s *subject) requireAbsent(n int) {
	s.t.Helper()
	_, verdict := s.get(n)
	require.Equal(s.t, store.Absent, verdict, "key %d", n)
}

// gets asks until there is a verdict, and requires which.
func (s *subject) gets(n int, wanted store.Verdict) {
	s.t.Helper()
	verdict := store.Failed
	backend.Eventually(s.t, func() bool {
		_, verdict = s.get(n)
		return verdict != store.Failed
	}, "the store answers")
	require.Equal(s.t, wanted, verdict, "key %d", n)
}

// put puts the values of keys and waits until they are written.
func (s *subject) put(keys ...int) {
	s.t.Helper()
	for _, n := range keys {
		require.True(s.t, s.Put(key(n), value(n), day))
	}
	s.flush()
}

func (s *subject) flush() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(s.t, s.Flush(ctx))
}

// isOpen is whether the breaker is open.
func (s *subject) isOpen() bool {
	return atomic.LoadUint64(&s.totals.Open) > 0
}

// opens asks until the breaker opens. Then a Get fails and a Put is refused.
func (s *subject) opens() {
	s.t.Helper()
	backend.Eventually(s.t, func() bool {
		_, verdict := s.get(0)
		return s.isOpen() && verdict == store.Failed
	}, "the breaker opens")
	require.NotZero(s.t, atomic.LoadUint64(&s.totals.Opened))
}

// recovers waits until the store serves again, without being told to.
func (s *subject) recovers() {
	s.t.Helper()
	backend.Eventually(s.t, func() bool { return !s.isOpen() }, "the breaker closes")
	backend.Eventually(s.t, func() bool {
		s.Put(key(1), value(1), day)
		_, verdict := s.get(1)
		return verdict == store.Found
	}, "the store serves again")
}

// storeKey is the name of the n-th key in a store.
func storeKey(n int) string {
	k := key(n)
	return "ssc:1:" + base64.RawURLEncoding.EncodeToString(k[:])
}
