package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPut_Copies(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		value := []byte("value")
		require.True(t, s.Put(testKey(1), value, time.Hour))
		copy(value, "xxxxx")
		s.flush()
		got, _ := s.get(1)
		require.Equal(t, "value", got)
		op := s.fake.written()[0]
		require.Equal(t, time.Hour, time.Until(op.expires))
		require.Equal(t, Counters{Hits: 1, Writes: 1}, *s.totals)
	})
}

func TestPut_TooLarge(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		require.True(t, s.put(1, strings.Repeat("x", MaxValue)))
		require.False(t, s.put(2, strings.Repeat("x", MaxValue+1)))
		s.flush()
		require.Equal(t, Counters{Writes: 1, Dropped: 1}, *s.totals)
	})
}

// While one batch is under way, the others wait in order, and no more of them
// than the queue may hold.
func TestPut_Queue(t *testing.T) {
	inBubble(t, Options{Queue: 1000}, func(t *testing.T, s *subject) {
		release := make(chan struct{})
		s.fake.set(func(f *fake) { f.onWrite = func([]op, []error) { <-release } })
		s.put(0, "first")
		synctest.Wait()
		for n := 1; n < 1000; n++ {
			require.True(t, s.put(n%10, fmt.Sprint(n)))
		}
		require.False(t, s.put(1, "one too many"))
		require.False(t, s.Delete(testKey(1)))
		require.EqualValues(t, 2, s.totals.Dropped)
		close(release)
		s.flush()
		written := s.fake.written()
		require.Len(t, written, 1000)
		for n, op := range written[1:] {
			require.Equal(t, fmt.Sprint(n+1), string(op.value))
		}
		require.Len(t, s.fake.batches(), 1+(999+batchMost-1)/batchMost)
		require.Equal(t, Counters{Writes: 1000, Dropped: 2}, *s.totals)
		require.Zero(t, s.servers[0].queue.bytes)
		require.True(t, s.put(1, "room again"))
	})
}

func TestPut_QueueBytes(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		release := make(chan struct{})
		s.fake.set(func(f *fake) { f.onWrite = func([]op, []error) { <-release } })
		large := strings.Repeat("x", MaxValue)
		n := 0
		for s.put(n, large) {
			n++
			synctest.Wait()
		}
		require.Equal(t, queueBytes/(MaxValue+opBytes), n)
		close(release)
		s.flush()
		require.EqualValues(t, n, s.totals.Writes)
	})
}

// What a server refuses says nothing about its speed.
func TestWrite_Refused(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = failing(errFull) })
		for n := range 20 {
			require.True(t, s.put(n, "value"))
			require.True(t, s.Delete(testKey(n)))
			s.flush()
		}
		require.Equal(t, Counters{Errors: 40}, *s.totals)
		require.Len(t, s.fake.written(), 40, "nothing is tried again")
	})
}

func TestWrite_Expired(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = failing(errExpired) })
		require.True(t, s.put(1, "value"))
		s.flush()
		require.Equal(t, Counters{Dropped: 1}, *s.totals)
	})
}

func TestWrite_Unreached(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = failing(errUnreached) })
		for n := range failuresToOpen {
			require.False(t, s.isOpen())
			require.True(t, s.put(n, "value"))
			s.flush()
		}
		require.True(t, s.isOpen())
		require.EqualValues(t, failuresToOpen, s.totals.Errors)
		require.False(t, s.put(1, "value"))
		s.heals()
		require.True(t, s.put(1, "value"))
		s.flush()
		got, _ := s.get(1)
		require.Equal(t, "value", got)
	})
}

func TestWrite_Panics(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = func([]op, []error) { panic("in a client") } })
		s.put(1, "value")
		s.put(2, "value")
		s.flush()
		require.EqualValues(t, 2, s.totals.Errors)
		s.fake.set(func(f *fake) { f.onWrite = nil })
		s.put(3, "value")
		s.flush()
		require.EqualValues(t, 1, s.totals.Writes)
	})
}

// A deletion that does not reach the server is tried again before anything else.
func TestDelete_TriedAgain(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = failing(errUnreached) })
		s.put(1, "old")
		s.put(2, "value")
		s.Delete(testKey(1))
		synctest.Wait()
		s.put(1, "new")
		s.fake.set(func(f *fake) { f.onWrite = nil })
		s.flush()
		got, _ := s.get(1)
		require.Equal(t, "new", got)
		_, v := s.get(2)
		require.Equal(t, Absent, v)
		require.Equal(t, Counters{Hits: 1, Misses: 1, Writes: 1, Errors: 2, Deletes: 1}, *s.totals)
		require.Zero(t, s.servers[0].queue.bytes)
	})
}

// A part of the servers that is out of reach for ever, while reads succeed.
func TestDelete_GivenUp(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onWrite = failing(errUnreached) })
		s.Delete(testKey(1))
		for len(s.fake.written()) < deletionTries {
			s.get(1)
			time.Sleep(time.Millisecond)
		}
		s.flush()
		time.Sleep(time.Minute)
		require.Len(t, s.fake.written(), deletionTries)
		require.EqualValues(t, 1, s.totals.Errors)
		require.Zero(t, s.totals.Opened)
	})
}

// What waits when the breaker opens: values are dropped, deletions kept.
func TestBreaker_Queued(t *testing.T) {
	inBubble(t, Options{Queue: 10}, func(t *testing.T, s *subject) {
		release := make(chan struct{})
		s.fake.set(func(f *fake) { f.onWrite = func([]op, []error) { <-release } })
		s.put(0, "under way")
		synctest.Wait()
		for n := 1; n < 9; n++ {
			require.True(t, s.put(n, "waits"))
		}
		require.True(t, s.Delete(testKey(1)))
		for range failuresToOpen {
			s.servers[0].breaker.fail(errUnreached)
		}
		require.True(t, s.isOpen())
		require.EqualValues(t, 8, s.totals.Dropped)
		require.False(t, s.put(1, "dropped"))
		require.True(t, s.Delete(testKey(2)))
		s.fake.set(func(f *fake) { f.onProbe = func(time.Duration) error { return errUnreached } })
		close(release)
		time.Sleep(time.Minute)
		require.Len(t, s.fake.batches(), 1, "nothing is written while the breaker is open")
		s.fake.set(func(f *fake) { f.values[storeKey(ptr(testKey(1)))] = "old" })
		s.heals()
		s.flush()
		_, v := s.get(1)
		require.Equal(t, Absent, v)
		require.EqualValues(t, 2, s.totals.Deletes)
		require.EqualValues(t, 9, s.totals.Dropped)
	})
}

func ptr[T any](v T) *T { return &v }

func TestFlush_Context(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		require.NoError(t, s.Flush(t.Context()), "nothing waits")
		s.breaks()
		s.Delete(testKey(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, s.Flush(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestClose(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *subject) {
		s.breaks()
		s.Delete(testKey(1))
		require.EqualValues(t, 1, s.totals.Open)
		s.Close()
		s.Close()
		require.Zero(t, s.totals.Open)
		require.EqualValues(t, 1, s.totals.Dropped)
		require.Equal(t, 2, s.fake.closed)
		after := *s.totals
		gets := s.fake.asked()
		_, v := s.get(1)
		require.Equal(t, Failed, v)
		require.False(t, s.put(1, "value"))
		require.False(t, s.Delete(testKey(1)))
		require.NoError(t, s.Flush(t.Context()))
		require.Equal(t, after, *s.totals)
		require.Equal(t, gets, s.fake.asked())
	})
}

// Close waits for who reads, and ends what it can.
func TestClose_UnderWay(t *testing.T) {
	inBubble(t, Options{Timeout: time.Second}, func(t *testing.T, s *subject) {
		s.fake.set(func(f *fake) { f.onGet = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } })
		verdict := make(chan Verdict, 1)
		go func() {
			_, v := s.get(1)
			verdict <- v
		}()
		synctest.Wait()
		s.Close()
		require.Equal(t, Failed, <-verdict)
	})
}

// A store that is never used starts nothing.
func TestOpen_StartsNothing(t *testing.T) {
	for _, url := range []string{
		"redis://127.0.0.1:1", "rediss://127.0.0.1:1", "redis-sentinel://127.0.0.1:1/m",
		"redis-cluster://127.0.0.1:1,127.0.0.1:2", "memcached://127.0.0.1:1,127.0.0.1:2",
	} {
		synctest.Test(t, func(t *testing.T) {
			// The bubble fails if anything is left that waits.
			_, err := Open(url, Options{})
			require.NoError(t, err)
		})
	}
}
