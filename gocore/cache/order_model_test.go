package cache

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// orderModel is an order in the plainest way: the list of each expiry.
type orderModel struct {
	lists    map[int64][]uint32
	expiries map[uint32]int64 // of each entry
}

func (m *orderModel) insert(i uint32, expiry int64) {
	m.lists[expiry] = append(m.lists[expiry], i)
	m.expiries[i] = expiry
}

func (m *orderModel) remove(i uint32) {
	e := m.expiries[i]
	delete(m.expiries, i)
	left := slices.DeleteFunc(m.lists[e], func(other uint32) bool { return other == i })
	if m.lists[e] = left; len(left) == 0 {
		delete(m.lists, e)
	}
}

func (m *orderModel) ordered() (all []uint32) {
	for _, e := range slices.Sorted(maps.Keys(m.lists)) {
		all = append(all, m.lists[e]...)
	}
	return all
}

// orderDriver does the same to an order and to the model and compares.
type orderDriver struct {
	t     *testing.T
	order *order
	model orderModel
	rand  *rand.Rand
	free  []uint32 // numbers of entries that are not placed
	most  int      // as many are placed at most
	now   int64
}

func (d *orderDriver) step(expiry func(*orderDriver) int64) {
	switch op := d.rand.IntN(10); {
	case op < 5 && len(d.model.expiries) < d.most:
		d.insert(expiry(d))
	case len(d.model.expiries) == 0:
	case op < 7:
		d.remove(d.any())
	case op < 8:
		d.remove(d.order.first())
	default:
		i, e := d.any(), expiry(d)
		if op == 8 {
			e = d.model.expiries[i]
		}
		d.move(i, e)
	}
}

func (d *orderDriver) insert(expiry int64) {
	i := d.free[len(d.free)-1]
	d.free = d.free[:len(d.free)-1]
	d.order.place(d.t, i, expiry)
	d.model.insert(i, expiry)
}

func (d *orderDriver) remove(i uint32) {
	d.order.remove(i)
	d.model.remove(i)
	d.free = append(d.free, i)
}

func (d *orderDriver) move(i uint32, expiry int64) {
	require.True(d.t, d.order.prepare(i))
	d.order.move(i, expiry)
	d.model.remove(i)
	d.model.insert(i, expiry)
}

// any is an entry that is placed.
func (d *orderDriver) any() uint32 {
	for {
		i := uint32(d.rand.IntN(d.most)) + 1
		if _, placed := d.model.expiries[i]; placed {
			return i
		}
	}
}

func (d *orderDriver) compare() {
	want := append(d.model.ordered(), none, none)
	require.Equal(d.t, want[0], d.order.first())
	require.Equal(d.t, want[1], d.order.second())
	require.Equal(d.t, want[:len(want)-2], append([]uint32{}, orderedEntries(d.order)...))
	for i, e := range d.model.expiries {
		if d.order.expiry(i) != e {
			require.Failf(d.t, "an entry has another expiry", "%d, not %d", d.order.expiry(i), e)
		}
	}
	checkOrder(d.t, d.order)
}

var extremes = []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 1_790_000_000, Never - 1, Never}

// Each kind of expiry is in use for a while, so that the one is still there when
// the other comes.
var orderKinds = []func(d *orderDriver) int64{
	func(d *orderDriver) int64 { return d.now + 7200 },
	func(d *orderDriver) int64 { return d.now + d.rand.Int64N(20) },
	func(d *orderDriver) int64 { return d.now + d.rand.Int64N(7200) },
	func(d *orderDriver) int64 { return d.rand.Int64N(1 << 31) },
	func(d *orderDriver) int64 { return -d.rand.Int64N(1 << 40) },
	func(d *orderDriver) int64 { return int64(d.rand.Uint64()) },
	func(d *orderDriver) int64 { return int64(d.rand.Uint64()) >> d.rand.UintN(64) },
	func(d *orderDriver) int64 { return extremes[d.rand.IntN(len(extremes))] },
	func(d *orderDriver) int64 { // two and two together
		return d.rand.Int64N(64)<<d.rand.UintN(58) + d.rand.Int64N(2)
	},
}

func TestOrder_Model(t *testing.T) {
	for seed := range uint64(20) {
		d := &orderDriver{t: t, order: newOrder(t), rand: rand.New(rand.NewPCG(seed, 0)), now: 1_790_000_000}
		d.model = orderModel{map[int64][]uint32{}, map[uint32]int64{}}
		d.most = 4 << (seed % 8)
		for i := d.most; i > 0; i-- {
			d.free = append(d.free, uint32(i))
		}
		for range 40 {
			kind := orderKinds[d.rand.IntN(len(orderKinds))]
			for range d.most {
				d.step(kind)
				d.now += d.rand.Int64N(3)
				if d.most <= 32 {
					d.compare()
				}
			}
			d.compare()
		}
		for len(d.model.expiries) > 0 {
			d.remove(d.any())
			if d.most <= 64 {
				d.compare()
			}
		}
		d.compare()
	}
}
