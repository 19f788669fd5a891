package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

func newPool(t *testing.T) *pool[bucket] {
	p := new(pool[bucket])
	t.Cleanup(p.release)
	return p
}

func TestPool_NumbersAreUsedAgain(t *testing.T) {
	p := newPool(t)
	for n := range uint32(100) {
		require.True(t, p.prepare(1))
		require.Equal(t, n+1, p.take())
	}
	for range 1000 {
		p.give(7)
		p.give(50)
		require.True(t, p.prepare(2))
		require.Equal(t, uint32(50), p.take())
		require.Zero(t, *p.link(50))
		require.Equal(t, uint32(7), p.take())
	}
	require.Equal(t, uint32(100), p.last)
	require.Equal(t, uint32(100), p.used)
}

// What was prepared for needs no memory, whatever of it is in the list.
func TestPool_Prepare(t *testing.T) {
	p := newPool(t)
	require.True(t, p.prepare(0))
	require.Zero(t, p.items.len, "nothing was asked for")
	require.True(t, p.prepare(100))
	size := p.items.items
	for range 60 {
		p.take()
	}
	for i := uint32(1); i <= 30; i++ {
		p.give(i)
	}
	restore := failAllocations(func(int) bool { return true })
	defer restore()
	room := size - 1 - 30
	require.True(t, p.prepare(room))
	require.False(t, p.prepare(room+1))
	for range room {
		require.Less(t, p.take(), size)
	}
	require.False(t, p.prepare(1))
	require.Equal(t, size-1, p.last)
}

func TestPool_Release(t *testing.T) {
	before := offheap.Used()
	p := newPool(t)
	require.True(t, p.prepare(1000))
	require.Greater(t, offheap.Used(), before)
	p.release()
	require.Equal(t, before, offheap.Used())
}
