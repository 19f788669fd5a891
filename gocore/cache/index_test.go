package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// checkIndex checks that each number up to the last is either in the chain of
// its hash or free, once.
func checkIndex(t require.TestingT, x *index) {
	seen := newOnceEach(t, x.last)
	var used, free uint32
	if x.heads.len == 0 {
		require.Zero(t, x.last, "it was never prepared")
		return
	}
	for c := range x.chains {
		for i := *x.heads.at(c); i != none; i = x.next(i) {
			seen.see(i)
			if c != x.chain(x.hashOf(i)) {
				require.Fail(t, "an item is in another chain than its hash")
			}
			used++
		}
	}
	for i := x.free; i != none; i = x.next(i) {
		seen.see(i)
		free++
	}
	require.Equal(t, x.used, used)
	require.Equal(t, x.last, used+free)
}

// hashes is an owner of items that are nothing but a hash.
type hashes struct {
	t     *testing.T
	index index
	of    []uint32
	calls int
}

func newHashes(t *testing.T) *hashes {
	h := &hashes{t: t, of: []uint32{0}}
	t.Cleanup(h.index.release)
	h.index.init(func(i uint32) uint32 {
		h.calls++
		return h.of[i]
	})
	return h
}

func (h *hashes) add(hash uint32) uint32 {
	require.True(h.t, h.index.prepare())
	i := h.index.add(hash)
	for int(i) >= len(h.of) {
		h.of = append(h.of, 0)
	}
	h.of[i] = hash
	return i
}

func TestIndex_EqualHashes(t *testing.T) {
	h := newHashes(t)
	for range 100 {
		h.add(7)
	}
	checkIndex(t, &h.index)
	found := 0
	for i := h.index.first(7); i != none; i = h.index.next(i) {
		found++
	}
	require.Equal(t, 100, found)
	for i := uint32(1); i <= 100; i++ {
		h.index.remove(i, 7)
		checkIndex(t, &h.index)
	}
	require.Equal(t, none, h.index.first(7))
}

func TestIndex_NumbersAreUsedAgain(t *testing.T) {
	h := newHashes(t)
	for n := range uint32(100) {
		h.add(n * 0x9E3779B9)
	}
	for range 1000 {
		h.index.remove(50, h.of[50])
		require.Equal(t, uint32(50), h.add(h.of[50]))
	}
	require.Equal(t, uint32(100), h.index.last)
	checkIndex(t, &h.index)
}

// No add hashes more than a handful of items again, however many there are.
func TestIndex_GrowsWithoutPause(t *testing.T) {
	h := newHashes(t)
	most := 0
	for n := range uint32(300_000) {
		h.calls = 0
		h.add(mix(n))
		most = max(most, h.calls)
	}
	require.LessOrEqual(t, most, 24)
	checkIndex(t, &h.index)
}

func TestIndex_Full(t *testing.T) {
	h := newHashes(t)
	require.True(t, h.index.prepare())
	h.index.used = 1<<32 - 2
	require.False(t, h.index.prepare())
	h.index.used = 0
}

func TestIndex_Release(t *testing.T) {
	before := offheap.Used()
	h := newHashes(t)
	for n := range uint32(1000) {
		h.add(mix(n))
	}
	require.Greater(t, offheap.Used(), before)
	h.index.release()
	require.Equal(t, before, offheap.Used())
}

// mix is a permutation of the 32-bit numbers.
func mix(n uint32) uint32 {
	n ^= n >> 16
	n *= 0x7FEB352D
	n ^= n >> 15
	n *= 0x846CA68B
	return n ^ n>>16
}
