package cache

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

func TestHead_Line(t *testing.T) {
	table := newTable(t, Options{})
	for n := uint32(1); n <= 3000; n++ {
		put(t, table, n, 50)
		for hash := mix(n); hash != 0; hash >>= 3 {
			require.Equal(t, table.byKey.line(hash), table.head.line(hash), "%d lines", table.head.Lines)
		}
	}
}

// A flush knows where it goes on, as long as it takes from the front.
func TestCursor_Ahead(t *testing.T) {
	table := filled(t, 3*worthFetching, func(n uint32) int64 { return int64(n % 2) })
	c := table.Flush(0, true, 0)
	require.Equal(t, []Ref{2, 4, 6}, drainOnce(c, 3))
	require.Equal(t, numbered(8), table.entries.at(c.ahead).Key)
	c.fetchAhead(3)
	require.NotZero(t, drainOnce(c, 2*worthFetching-1))
	require.Equal(t, uint64(worthFetching-2), table.Len())
	require.Equal(t, none, c.ahead, "so few are in the nearer caches")
	require.Len(t, drain(c, 64), worthFetching-2)

	table = filled(t, 3*worthFetching, func(uint32) int64 { return 50 })
	c = table.Flush(0, true, 0)
	put(t, table, 4*worthFetching, 1) // stands in front of all
	require.Len(t, drainOnce(c, 3), 3)
	require.Equal(t, none, c.ahead)
}

// Others add, remove and at last close the table of which a flush reads without the lock.
func TestCursor_FetchAhead_WhileItChanges(t *testing.T) {
	for range 10 {
		var running sync.WaitGroup
		table := filled(t, 3*worthFetching, func(n uint32) int64 { return int64(n % 3) })
		for first := uint32(1); first <= 2; first++ {
			running.Go(func() {
				for n := first; n < worthFetching; n += 2 {
					_, _ = table.Remove(numbered(3*n), 0, 0)
					table.Add(numbered(10*worthFetching+n), Ref(n), 1, int64(n%5), nil)
				}
			})
		}
		c := table.Flush(0, true, 0)
		running.Go(func() {
			for table.Len() > worthFetching*3/2 {
				runtime.Gosched()
			}
			table.Close()
		})
		for range 3 * worthFetching {
			if c.Next(make([]Ref, 2)) == 0 {
				break
			}
		}
		running.Wait()
		require.Zero(t, table.Len())
	}
}

func TestTable_Close_WaitsForReaders(t *testing.T) {
	before := offheap.Used()
	table := newTable(t, Options{})
	require.True(t, table.readers.enter())
	used := offheap.Used()
	closed := make(chan struct{})
	go func() {
		table.Close()
		close(closed)
	}()
	for !table.readers.closed.Load() {
		runtime.Gosched()
	}
	require.False(t, table.readers.enter(), "it is about to close")
	require.Equal(t, used, offheap.Used(), "its memory is still read")
	table.readers.leave()
	<-closed
	require.Equal(t, before, offheap.Used())
}
