package cache

import (
	"hash/maphash"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// orderedEntries lists the whole order.
func orderedEntries(o *order) []uint32 {
	buckets := make([]uint32, o.heap.len)
	for pos := range o.heap.len {
		buckets[pos] = *o.heap.items.at(pos)
	}
	slices.SortFunc(buckets, func(a, b uint32) int {
		if o.buckets.at(a).expiry < o.buckets.at(b).expiry {
			return -1
		}
		return 1
	})
	var all []uint32
	for _, b := range buckets {
		for i := o.buckets.at(b).first; i != none; i = o.places.at(i).next {
			all = append(all, i)
		}
	}
	return all
}

// checkHeap checks that no item is less than its parent and that the buckets
// know their places.
func checkHeap(t require.TestingT, h *expiryHeap) {
	for pos := range h.len {
		b := *h.items.at(pos)
		require.Equal(t, pos, h.buckets.at(b).pos)
		require.NotEqual(t, none, h.buckets.at(b).first, "a bucket is empty")
		if pos > 0 {
			parent := *h.items.at((pos - 1) / arity)
			require.Less(t, h.buckets.at(parent).expiry, h.buckets.at(b).expiry)
		}
	}
}

func newOrder() *order {
	o := new(order)
	o.init(maphash.MakeSeed())
	return o
}

func TestOrder_Empty(t *testing.T) {
	o := newOrder()
	require.Equal(t, none, o.first())
	require.Equal(t, none, o.second())
	o.insert(1, 5)
	require.Equal(t, uint32(1), o.first())
	require.Equal(t, none, o.second())
	o.remove(1)
	require.Equal(t, none, o.first())
}

func TestOrder_ByExpiryThenAge(t *testing.T) {
	o := newOrder()
	for i, expiry := range []int64{5, 3, Never, 5, -1, 3, math.MinInt64, 0} {
		o.insert(uint32(i+1), expiry)
	}
	require.Equal(t, []uint32{7, 5, 8, 2, 6, 1, 4, 3}, orderedEntries(o))
	o.move(2, 3)
	require.Equal(t, []uint32{7, 5, 8, 6, 2, 1, 4, 3}, orderedEntries(o))
	for _, want := range []uint32{7, 5, 8, 6, 2, 1, 4, 3} {
		require.Equal(t, want, o.first())
		if all := orderedEntries(o); len(all) > 1 {
			require.Equal(t, all[1], o.second())
		}
		o.remove(want)
		checkHeap(t, &o.heap)
	}
}

// Buckets come and go from any place of the heap.
func TestOrder_ManyExpiries(t *testing.T) {
	const n = 5000
	o := newOrder()
	for i := uint32(1); i <= n; i++ {
		o.insert(i, int64(mix(i)))
	}
	checkHeap(t, &o.heap)
	for i := uint32(1); i <= n; i += 2 {
		o.remove(i)
	}
	checkHeap(t, &o.heap)
	last := int64(-1)
	for range n / 2 {
		second := o.second()
		i := o.first()
		require.Greater(t, o.expiry(i), last)
		last = o.expiry(i)
		o.remove(i)
		require.Equal(t, second, o.first())
	}
	require.Zero(t, o.heap.len)
	checkIndex(t, &o.byExpiry)
	require.Equal(t, uint32(n), o.byExpiry.last)
}
