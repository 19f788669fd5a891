package store

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGet_Verdicts(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		k := testKey(1)
		s.fake.values[storeKey(&k)] = "value"
		got, v := s.Get(k, []byte("before "))
		require.Equal(t, Found, v)
		require.Equal(t, "before value", string(got))
		got, v = s.Get(testKey(2), []byte("before "))
		require.Equal(t, Absent, v)
		require.Equal(t, "before ", string(got))
		s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { return errUnreached } })
		got, v = s.Get(k, []byte("before "))
		require.Equal(t, Failed, v)
		require.Equal(t, "before ", string(got))
		require.Equal(t, Counters{Hits: 1, Misses: 1, Errors: 1}, *s.totals)
	})
}

// A backend that heeds no deadline: neither the first nor the hundredth read
// waits for it, and none starts another once all places are taken.
func TestGet_Hangs(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"default": 0, "long": 400 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{Timeout: timeout}, func(t *testing.T, s *subject) {
				release := make(chan struct{})
				s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { <-release; return nil } })
				wanted := timeout
				if timeout == 0 {
					wanted = testTimeout
				}
				for range 100 {
					start := time.Now()
					was := s.isOpen()
					_, v := s.get(1)
					require.Equal(t, Failed, v)
					if was {
						require.Zero(t, time.Since(start))
					} else {
						require.Equal(t, wanted, time.Since(start))
					}
				}
				require.True(t, s.isOpen())
				require.Equal(t, failuresToOpen, s.fake.asked())
				require.EqualValues(t, failuresToOpen, s.totals.Timeouts)
				close(release)
			})
		})
	}
}

func TestGet_Crowd(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		release := make(chan struct{})
		s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { <-release; return nil } })
		waited := make(chan time.Duration, 3*readers)
		for range 3 * readers {
			go func() {
				start := time.Now()
				s.get(1)
				waited <- time.Since(start)
			}()
		}
		synctest.Wait()
		require.Equal(t, readers, s.fake.asked())
		for range 3 * readers {
			require.Equal(t, testTimeout, <-waited)
		}
		require.EqualValues(t, 3*readers, s.totals.Timeouts)
		close(release)
		time.Sleep(2 * time.Second)
		_, v := s.get(1)
		require.Equal(t, Absent, v, "the places are free again")
	})
}

// What a reader left behind may go on for a while, so that its connection stays.
func TestGet_LateAnswer(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		left := make(chan time.Duration, 1)
		s.fake.onGet = func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left <- time.Until(deadline)
			time.Sleep(2 * testTimeout)
			return ctx.Err()
		}
		_, v := s.get(1)
		require.Equal(t, Failed, v)
		require.Equal(t, leastPatience, <-left)
		time.Sleep(time.Second)
		require.Equal(t, Counters{Timeouts: 1}, *s.totals)
	})
}

func TestGet_Panics(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { panic("in a client") } })
		for range readers + 1 {
			_, v := s.get(1)
			require.Equal(t, Failed, v)
		}
		require.True(t, s.isOpen())
		s.fake.set(func(f *fake) { f.onProbe = func(time.Duration) error { panic("in a client") } })
		time.Sleep(time.Minute)
		require.True(t, s.isOpen())
		s.heals()
		for range readers + 1 {
			_, v := s.get(1)
			require.Equal(t, Absent, v)
		}
	})
}

func TestGet_TooLarge(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		k := testKey(1)
		s.fake.values[storeKey(&k)] = strings.Repeat("x", MaxValue)
		_, v := s.get(1)
		require.Equal(t, Found, v)
		s.fake.values[storeKey(&k)] += "x"
		got, v := s.get(1)
		require.Equal(t, Failed, v)
		require.Empty(t, got)
		require.Equal(t, Counters{Hits: 1, Errors: 1}, *s.totals)
	})
}

func TestBreaker_InARow(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		fail := func(n int) {
			s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { return errUnreached } })
			for range n {
				s.get(1)
			}
			s.fake.set(func(f *fake) { f.onGet = nil })
		}
		for range 10 {
			fail(failuresToOpen - 1)
			s.get(1)
			require.False(t, s.isOpen())
		}
		fail(failuresToOpen)
		require.True(t, s.isOpen())
		require.EqualValues(t, 1, s.totals.Opened)
		require.EqualValues(t, 1, s.totals.Open)
	})
}

// Of many answers some come late: that costs more than it brings.
func TestBreaker_ManyLate(t *testing.T) {
	for _, of := range []struct {
		every int64
		opens bool
	}{{every: 3, opens: true}, {every: 6, opens: true}, {every: 12}, {every: 100}} {
		inBubble(t, Options{}, func(t *testing.T, s *subject) {
			var n atomic.Int64
			s.fake.onGet = func(context.Context) error {
				if n.Add(1)%of.every == 0 {
					time.Sleep(2 * testTimeout)
				}
				return nil
			}
			for range 2000 {
				s.get(1)
			}
			require.Equal(t, of.opens, s.totals.Opened > 0, "one in %d is late", of.every)
		})
	}
}

// Failures that cost no time open the breaker only in a row.
func TestBreaker_ManyQuickFailures(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		n := 0
		s.fake.onGet = func(context.Context) error {
			if n++; n%2 == 0 {
				return errUnreached
			}
			return nil
		}
		for range 2000 {
			s.get(1)
		}
		require.Zero(t, s.totals.Opened)
	})
}

func TestBreaker_Probes(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.breaks()
		gets := s.fake.asked()
		last := time.Now()
		for range 2000 {
			time.Sleep(10 * time.Millisecond)
			_, v := s.get(1)
			require.Equal(t, Failed, v)
		}
		require.Equal(t, gets, s.fake.asked(), "no read asks while the breaker is open")
		require.Greater(t, len(s.fake.probed()), 15)
		for _, at := range s.fake.probed() {
			require.GreaterOrEqual(t, at.Sub(last), firstPause)
			require.LessOrEqual(t, at.Sub(last), time.Second)
			last = at
		}
		s.heals()
		require.EqualValues(t, 1, s.totals.Opened)
		require.Zero(t, s.totals.Open)
		s.breaks()
		s.heals()
		require.EqualValues(t, 2, s.totals.Opened)
		require.Zero(t, s.totals.Open)
	})
}

// A server that answers too late for a handshake does not make the breaker
// close and open in turn.
func TestBreaker_Slow(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		answer := func() error { time.Sleep(2 * testTimeout); return nil }
		s.fake.set(func(f *fake) { f.onGet = func(context.Context) error { return answer() } })
		s.fake.set(func(f *fake) { f.onProbe = func(limit time.Duration) error { return timed(limit, answer) } })
		for range failuresToOpen {
			s.get(1)
		}
		time.Sleep(time.Minute)
		require.True(t, s.isOpen())
		require.EqualValues(t, 1, s.totals.Opened)
		s.heals()
	})
}

// A connection takes longer than an answer; that is no reason to stay open.
func TestBreaker_SlowToConnect(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.breaks()
		s.fake.set(func(f *fake) {
			f.onProbe = func(limit time.Duration) error {
				connected := false
				return timed(limit, func() error {
					if !connected {
						time.Sleep(50 * testTimeout)
					}
					connected = true
					return nil
				})
			}
		})
		time.Sleep(2 * time.Second)
		require.False(t, s.isOpen())
	})
}
