package cache

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// orderedEntries lists the whole order.
func orderedEntries(o *order) []uint32 {
	buckets := make([]uint32, o.heap.len)
	for pos := range o.heap.len {
		buckets[pos] = o.heap.items.at(pos).bucket
	}
	slices.SortFunc(buckets, func(a, b uint32) int {
		if o.heap.expiry(a) < o.heap.expiry(b) {
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
		item := h.items.at(pos)
		b := item.bucket
		require.Equal(t, pos, h.buckets.at(b).pos)
		require.NotEqual(t, none, h.buckets.at(b).first, "a bucket is empty")
		if pos > 0 {
			require.Less(t, h.items.at((pos-1)/arity).expiry, item.expiry)
		}
	}
}

func newOrder(t *testing.T) *order {
	o := new(order)
	o.init(new(Head))
	t.Cleanup(o.release)
	return o
}

// place prepares for entry i and inserts it.
func (o *order) place(t *testing.T, i uint32, expiry int64) {
	t.Helper()
	require.True(t, o.prepare(i))
	o.insert(i, expiry)
}

func TestOrder_Empty(t *testing.T) {
	o := newOrder(t)
	require.Equal(t, none, o.first())
	require.Equal(t, none, o.second())
	o.place(t, 1, 5)
	require.Equal(t, uint32(1), o.first())
	require.Equal(t, none, o.second())
	o.remove(1)
	require.Equal(t, none, o.first())
}

func TestOrder_ByExpiryThenAge(t *testing.T) {
	o := newOrder(t)
	for i, expiry := range []int64{5, 3, Never, 5, -1, 3, math.MinInt64, 0} {
		o.place(t, uint32(i+1), expiry)
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
	o := newOrder(t)
	for i := uint32(1); i <= n; i++ {
		o.place(t, i, int64(mix(i)))
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

// What is the newest of its expiry already stays where it is.
func TestOrder_Move_ToTheSameExpiry(t *testing.T) {
	o := newOrder(t)
	for i := range uint32(3) {
		o.place(t, i+1, 5)
	}
	o.place(t, 4, 6)
	bucket, places := o.places.at(3).bucket, [5]place{}
	for i := range places {
		places[i] = *o.places.at(uint32(i))
	}
	o.move(3, 5)
	o.move(4, 6)
	for i, want := range places {
		require.Equal(t, want, *o.places.at(uint32(i)))
	}
	require.Equal(t, bucket, o.places.at(3).bucket)

	o.move(1, 5)
	require.Equal(t, []uint32{2, 3, 1, 4}, orderedEntries(o))
	o.move(2, 5)
	require.Equal(t, []uint32{3, 1, 2, 4}, orderedEntries(o))
	require.Equal(t, uint32(2), o.heap.len)
}

// The last of an expiry takes its bucket along, from wherever it is found.
func TestOrder_Move_LeavesNoEmptyBucket(t *testing.T) {
	o := newOrder(t)
	o.place(t, 1, 5)
	for _, expiry := range []int64{7, 3, 3, Never, math.MinInt64, 5} {
		require.True(t, o.prepare(1))
		o.move(1, expiry)
		require.Equal(t, expiry, o.expiry(1))
		require.Equal(t, uint32(1), o.heap.len)
		checkHeap(t, &o.heap)
		checkIndex(t, &o.byExpiry)
	}
	o.remove(1)
	o.place(t, 2, 5)
	require.Equal(t, []uint32{2}, orderedEntries(o), "a bucket that is gone was found again")
}

func TestOrder_Prepare_Short(t *testing.T) {
	before := offheap.Used()
	o := newOrder(t)
	for at := 1; ; at++ {
		calls := 0
		restore := failAllocations(func(int) bool {
			calls++
			return calls == at
		})
		ok := o.prepare(1)
		restore()
		if ok && calls < at {
			break
		}
		require.False(t, ok)
		require.Less(t, at, 20)
		o.release()
		require.Equal(t, before, offheap.Used())
		o = newOrder(t)
	}
	o.insert(1, 5)
	require.Equal(t, uint32(1), o.first())
	require.Equal(t, []uint32{1}, orderedEntries(o))
}
