package cache

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// failAllocations has those allocations fail that fails tells, until restore.
func failAllocations(fails func(size int) bool) (restore func()) {
	before := alloc
	alloc = func(size int) unsafe.Pointer {
		if fails(size) {
			return nil
		}
		return before(size)
	}
	return func() { alloc = before }
}

// A table made while memory is short is none, and nothing of it is left.
func TestNew_Short(t *testing.T) {
	before := offheap.Used()
	for at := 1; ; at++ {
		calls := 0
		restore := failAllocations(func(int) bool {
			calls++
			return calls == at
		})
		table := New(Options{})
		restore()
		if table != nil {
			require.Less(t, calls, at, "an allocation failed unseen")
			require.Greater(t, at, 1)
			table.Close()
			break
		}
		require.Equal(t, before, offheap.Used())
	}
	require.Equal(t, before, offheap.Used())
}

// shortage does the same to a table and to a model of it, while some
// allocations fail.
type shortage struct {
	t      *testing.T
	table  *Table
	stored map[uint32]int64 // expiries of the sessions that are stored
	fails  int              // operations that failed
}

// try does something that may fail: then nothing may have changed.
func (s *shortage) try(act func() bool) bool {
	before := s.table.Counters()
	if act() {
		return true
	}
	s.fails++
	require.Equal(s.t, before, s.table.Counters())
	s.check()
	return false
}

func (s *shortage) add(n uint32, object Object, expiry int64) bool {
	return s.try(func() bool {
		result, _, evicted, more := s.table.Add(numbered(n), Ref(n), object, expiry, nil)
		require.Zero(s.t, evicted)
		require.False(s.t, more)
		if result == Failed {
			return false
		}
		s.stored[n] = expiry
		return true
	})
}

func (s *shortage) touch(n uint32, expiry int64) bool {
	return s.try(func() bool {
		ok := s.table.Touch(numbered(n), Object(n), expiry)
		if ok {
			s.stored[n] = expiry
		}
		return ok
	})
}

func (s *shortage) remove(n uint32) {
	_, ok := s.table.Remove(numbered(n), 0, 0)
	_, want := s.stored[n]
	require.Equal(s.t, want, ok)
	delete(s.stored, n)
}

func (s *shortage) check() {
	checkTable(s.t, s.table)
	require.Equal(s.t, uint64(len(s.stored)), s.table.Len())
	for n, expiry := range s.stored {
		k := numbered(n)
		i := s.table.find(&k, k.hash(&s.table.seeds))
		require.NotEqual(s.t, none, i)
		require.Equal(s.t, expiry, s.table.order.expiry(i))
	}
}

// run adds 2000 sessions with distinct expiries, and takes out, touches and
// replaces some. What fails is tried again once retry has been called.
func (s *shortage) run(retry func()) {
	again := func(act func() bool) {
		if !act() {
			retry()
			require.True(s.t, act(), "there is memory again")
		}
	}
	for n := uint32(1); n <= 2000; n++ {
		again(func() bool { return s.add(n, Object(n), int64(mix(n))) })
		switch n % 8 {
		case 1:
			s.remove(n/2 + 1)
		case 2:
			again(func() bool { return s.touch(n, int64(mix(n+10_000))) })
		case 3:
			again(func() bool { return s.add(n, Object(n+1), int64(mix(n+20_000))) })
		case 4:
			again(func() bool { return s.add(n, Object(n), int64(mix(n+30_000))) })
		}
	}
	s.check()
}

func newShortage(t *testing.T) *shortage {
	return &shortage{t: t, table: New(Options{}), stored: map[uint32]int64{}}
}

// Each allocation fails in turn, alone or together with those after it.
func TestTable_Short(t *testing.T) {
	before := offheap.Used()
	for _, alone := range []bool{true, false} {
		t.Run(fmt.Sprintf("alone=%v", alone), func(t *testing.T) {
			failed := 0
			for at, done := 1, false; !done; at++ {
				s := newShortage(t)
				calls, short := 0, true
				restore := failAllocations(func(int) bool {
					calls++
					return short && (calls == at || !alone && calls > at)
				})
				s.run(func() { short = false })
				restore()
				failed += s.fails
				done = calls < at
				s.table.Close()
				require.Equal(t, before, offheap.Used())
			}
			t.Logf("%d operations failed", failed)
			require.Greater(t, failed, 20)
		})
	}
}

// An add that cannot be done must not have evicted anything.
func TestTable_Short_EvictsNothing(t *testing.T) {
	table := newTable(t, Options{Capacity: 10})
	for n := uint32(1); n <= 10; n++ {
		put(t, table, n, int64(n))
	}
	buf := make([]Ref, 8)
	for n := uint32(11); n <= 100; n++ {
		restore := failAllocations(func(int) bool { return true })
		result, _, evicted, more := table.Add(numbered(n), Ref(n), Object(n), int64(n), buf)
		restore()
		if result == Failed {
			require.Zero(t, evicted)
			require.False(t, more)
			result, _, evicted, _ = table.Add(numbered(n), Ref(n), Object(n), int64(n), buf)
		}
		require.Equal(t, Added, result)
		require.Equal(t, []Ref{Ref(n - 10)}, buf[:evicted])
		checkTable(t, table)
	}
}
