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
	var all []uint32
	for _, b := range orderedBuckets(&o.tree) {
		for i := o.tree.buckets.at(b).first; i != none; i = o.places.at(i).next {
			all = append(all, i)
		}
	}
	return all
}

// checkOrder checks that the parts of an order agree.
func checkOrder(t require.TestingT, o *order) {
	buckets := checkTree(t, &o.tree)
	for _, b := range buckets {
		checkBucket(t, o, b)
	}
	least, earliest := none, Never
	if len(buckets) > 0 {
		least = buckets[0]
		earliest = o.tree.buckets.at(least).expiry
	}
	require.Equal(t, least, o.least)
	require.Equal(t, earliest, *o.earliest, "C is told another expiry")
	if o.recent != none && !slices.Contains(buckets, o.recent) {
		require.Fail(t, "a bucket that is gone may be found again")
	}
}

func checkBucket(t require.TestingT, o *order, b uint32) {
	bucket := o.tree.buckets.at(b)
	prev := none
	for i := bucket.first; i != none; i = o.places.at(i).next {
		if p := o.places.at(i); p.bucket != b || p.prev != prev {
			require.Failf(t, "a place is wrong", "%+v", p)
		}
		prev = i
	}
	if prev == none || prev != bucket.last {
		require.Failf(t, "a bucket is empty or has another end", "%+v", bucket)
	}
}

func newOrder(t testing.TB) *order {
	o := new(order)
	o.init(new(Head))
	t.Cleanup(o.release)
	return o
}

// place prepares for entry i and inserts it.
func (o *order) place(t testing.TB, i uint32, expiry int64) {
	if !o.prepare(i) {
		t.Fatal("memory is short")
	}
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
		checkOrder(t, o)
	}
}

// Buckets come and go anywhere in the tree.
func TestOrder_ManyExpiries(t *testing.T) {
	const n = 5000
	o := newOrder(t)
	for i := uint32(1); i <= n; i++ {
		o.place(t, i, int64(mix(i)))
	}
	checkOrder(t, o)
	for i := uint32(1); i <= n; i += 2 {
		o.remove(i)
	}
	checkOrder(t, o)
	last := int64(-1)
	for range n / 2 {
		second := o.second()
		i := o.first()
		require.Greater(t, o.expiry(i), last)
		last = o.expiry(i)
		o.remove(i)
		require.Equal(t, second, o.first())
	}
	checkOrder(t, o)
	require.Zero(t, o.tree.buckets.used)
	require.Equal(t, uint32(n), o.tree.buckets.last)
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
	require.Equal(t, uint32(2), o.tree.buckets.used)
}

// The last of an expiry takes its bucket along, from wherever it is found.
func TestOrder_Move_LeavesNoEmptyBucket(t *testing.T) {
	o := newOrder(t)
	o.place(t, 1, 5)
	for _, expiry := range []int64{7, 3, 3, Never, math.MinInt64, 5} {
		require.True(t, o.prepare(1))
		o.move(1, expiry)
		require.Equal(t, expiry, o.expiry(1))
		require.Equal(t, uint32(1), o.tree.buckets.used)
		checkOrder(t, o)
	}
	o.remove(1)
	o.place(t, 2, 5)
	require.Equal(t, []uint32{2}, orderedEntries(o), "a bucket that is gone was found again")
}

// Each allocation fails in turn: then insert is not called, and all is as before.
func TestOrder_Prepare_Short(t *testing.T) {
	before := offheap.Used()
	failed := 0
	for at := 1; ; at++ {
		o := newOrder(t)
		calls := 0
		restore := failAllocations(func(int) bool {
			calls++
			return calls == at
		})
		for i := uint32(1); i <= 500; i++ {
			if !o.prepare(i) {
				failed++
				require.Equal(t, i-1, uint32(len(orderedEntries(o))))
				checkOrder(t, o)
				require.True(t, o.prepare(i), "there is memory again")
			}
			asked := calls
			o.insert(i, int64(mix(i))<<(i%32))
			require.Equal(t, asked, calls, "memory is asked for too late")
		}
		restore()
		checkOrder(t, o)
		o.release()
		require.Equal(t, before, offheap.Used())
		if calls < at {
			break
		}
	}
	require.Greater(t, failed, 10)
}

// What was prepared for stays possible whatever is removed meanwhile.
func TestOrder_Prepare_ThenRemove(t *testing.T) {
	o := newOrder(t)
	for i := uint32(1); i <= 1000; i++ {
		require.True(t, o.prepare(i))
		restore := failAllocations(func(int) bool {
			require.Fail(t, "memory is asked for too late")
			return true
		})
		for n := i % 4; n > 0 && o.first() != none; n-- {
			o.remove(o.first())
		}
		o.insert(i, int64(mix(i))<<(i%32))
		restore()
	}
	checkOrder(t, o)
}

func TestOrder_DoesNotAllocate(t *testing.T) {
	const n = 1000
	o := newOrder(t)
	for i := uint32(1); i <= n; i++ {
		o.place(t, i, int64(mix(i)))
	}
	at := uint32(0)
	run := func() {
		at++
		i := at%n + 1
		o.remove(i)
		o.second()
		o.place(t, i, int64(mix(at)))
		require.True(t, o.prepare(i))
		o.move(i, int64(mix(n+at)))
	}
	before := offheap.Used()
	require.Zero(t, testing.AllocsPerRun(10*n, run))
	require.LessOrEqual(t, offheap.Used(), 2*before, "what is given back is not used again")
}
