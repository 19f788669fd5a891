package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const testTimeout = 5 * time.Millisecond

var (
	errUnreached = errors.New("connection refused")
	errFull      = &refusal{errors.New("OOM command not allowed")}
)

// fake is a backend in memory. Its functions replace what it does by itself.
type fake struct {
	mu     sync.Mutex
	values map[string]string
	batch  [][]op // that were written
	gets   int
	probes []time.Time
	closed int

	onGet   func(ctx context.Context) error
	onWrite func(ops []op, failed []error)
	onProbe func(limit time.Duration) error
}

func (f *fake) get(ctx context.Context, key string) ([]byte, error) {
	f.mu.Lock()
	f.gets++
	value, found := f.values[key]
	onGet := f.onGet
	f.mu.Unlock()
	if onGet != nil {
		if err := onGet(ctx); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errAbsent
	}
	return []byte(value), nil
}

func (f *fake) write(_ context.Context, ops []op, failed []error) {
	f.mu.Lock()
	f.batch = append(f.batch, slices.Clone(ops))
	onWrite := f.onWrite
	f.mu.Unlock()
	if onWrite != nil {
		onWrite(ops, failed)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range ops {
		if ops[i].del {
			delete(f.values, storeKey(&ops[i].key))
		} else {
			f.values[storeKey(&ops[i].key)] = string(ops[i].value)
		}
	}
}

func (f *fake) probe(_ context.Context, limit time.Duration) error {
	f.mu.Lock()
	f.probes = append(f.probes, time.Now())
	onProbe := f.onProbe
	f.mu.Unlock()
	if onProbe != nil {
		return onProbe(limit)
	}
	return nil
}

func (f *fake) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

// set changes the fake while it is in use.
func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// asked is how often get was called.
func (f *fake) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gets
}

// probed is when probe was called.
func (f *fake) probed() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.probes)
}

// batches are what was written, each as it came.
func (f *fake) batches() [][]op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batch)
}

// written are the ops of all batches.
func (f *fake) written() []op {
	return slices.Concat(f.batches()...)
}

// failing answers every op with err.
func failing(err error) func([]op, []error) {
	return func(_ []op, failed []error) {
		for i := range failed {
			failed[i] = err
		}
	}
}

// subject is a store of one fake.
type subject struct {
	*Store
	t      *testing.T
	fake   *fake
	totals *Counters
}

// inBubble runs a test with a store whose time passes only while all wait. The
// bubble ends only if the store leaves nothing running.
func inBubble(t *testing.T, o Options, test func(t *testing.T, s *subject)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSubject(t, o)
		defer s.Close()
		test(t, s)
	})
}

func newSubject(t *testing.T, o Options) *subject {
	f := &fake{values: make(map[string]string)}
	o.Totals = new(Counters)
	o.complete()
	s := new(Store)
	s.add(f, "", &o)
	return &subject{s, t, f, o.Totals}
}

func testKey(n int) [32]byte {
	return [32]byte{byte(n), byte(n >> 8)}
}

func (s *subject) get(n int) (string, Verdict) {
	value, v := s.Get(testKey(n), nil)
	return string(value), v
}

func (s *subject) put(n int, value string) bool {
	return s.Put(testKey(n), []byte(value), time.Hour)
}

func (s *subject) flush() {
	s.t.Helper()
	require.NoError(s.t, s.Flush(s.t.Context()))
}

func (s *subject) isOpen() bool {
	return s.servers[0].breaker.open.Load()
}

// breaks has reads and writes fail until the breaker is open, and probes too.
func (s *subject) breaks() {
	s.t.Helper()
	s.fake.set(func(f *fake) {
		f.onGet = func(context.Context) error { return errUnreached }
		f.onWrite = failing(errUnreached)
		f.onProbe = func(time.Duration) error { return errUnreached }
	})
	for range failuresToOpen {
		_, v := s.get(0)
		require.Equal(s.t, Failed, v)
	}
	require.True(s.t, s.isOpen())
}

// heals ends what breaks began and waits until the breaker is closed.
func (s *subject) heals() {
	s.t.Helper()
	s.fake.set(func(f *fake) { f.onGet, f.onWrite, f.onProbe = nil, nil, nil })
	time.Sleep(2 * lastPause)
	synctest.Wait()
	require.False(s.t, s.isOpen())
}
