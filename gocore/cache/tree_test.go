package cache

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// treeWalk looks at a whole tree.
type treeWalk struct {
	t       require.TestingT
	tree    *tree
	nodes   *onceEach
	buckets *onceEach
	used    uint32   // nodes seen
	order   []uint32 // buckets seen
}

// checkTree checks that a tree has what its numbers say, each bucket where its
// expiry belongs, and no node that could be spared. It lists the buckets in order.
func checkTree(t require.TestingT, tr *tree) []uint32 {
	w := &treeWalk{t: t, tree: tr, nodes: newOnceEach(t, tr.nodes.last), buckets: newOnceEach(t, tr.buckets.last)}
	require.Zero(t, tr.bits%nodeBits)
	require.LessOrEqual(t, tr.bits, uint(64))
	require.Equal(t, tr.root.isNode(), tr.bits > 0)
	if tr.root != nothing {
		w.look(tr.root, tr.bits, tr.base, true)
	}
	if tr.never != nothing {
		w.bucket(tr.never)
		require.Equal(t, Never, tr.buckets.at(tr.never.bucket()).expiry)
	}
	require.Equal(t, tr.nodes.used, w.used)
	require.Equal(t, tr.buckets.used, uint32(len(w.order)))
	if !slices.Equal(w.order, orderedBuckets(tr)) {
		require.Fail(t, "the order is another when it is listed")
	}
	checkPool(t, &tr.nodes, w.nodes)
	checkPool(t, &tr.buckets, w.buckets)
	for i := tr.nodes.free; i != none; i = *tr.nodes.link(i) {
		if n := tr.nodes.at(i); n.next(1) < fanout {
			require.Failf(t, "a free node is not empty", "%v", n)
		}
	}
	return w.order
}

// checkPool checks that each number is free that was not seen, once.
func checkPool[T any](t require.TestingT, p *pool[T], seen *onceEach) {
	var free uint32
	for i := p.free; i != none; i = *p.link(i) {
		seen.see(i)
		free++
	}
	require.Equal(t, p.last, p.used+free)
}

// look looks at what has the upper bits of the key in common.
func (w *treeWalk) look(c child, below uint, key uint64, root bool) {
	if !c.isNode() {
		w.bucket(c)
		own := keyOf(w.tree.buckets.at(c.bucket()).expiry)
		if (own^key)>>below != 0 || own == keyOf(Never) {
			require.Fail(w.t, "a bucket is in another place than its expiry")
		}
		return
	}
	w.nodes.see(uint32(c))
	w.used++
	below -= nodeBits
	children, lone := 0, false
	for digit, c := range w.tree.nodes.at(uint32(c)) {
		if c != nothing {
			children++
			lone = !c.isNode()
			w.look(c, below, key&^(uint64(fanout-1)<<below)|uint64(digit)<<below, false)
		}
	}
	if children == 0 || children == 1 && (lone || root) {
		require.Fail(w.t, "a node could be spared")
	}
}

func (w *treeWalk) bucket(c child) {
	b := c.bucket()
	w.buckets.see(b)
	if n := len(w.order); n > 0 {
		if w.tree.buckets.at(w.order[n-1]).expiry >= w.tree.buckets.at(b).expiry {
			require.Fail(w.t, "a bucket is not in the order")
		}
	}
	w.order = append(w.order, b)
}

// orderedBuckets lists the buckets as they stand in a tree.
func orderedBuckets(tr *tree) (all []uint32) {
	var list func(c child)
	list = func(c child) {
		switch {
		case c.isNode():
			for _, below := range tr.nodes.at(uint32(c)) {
				list(below)
			}
		case c != nothing:
			all = append(all, c.bucket())
		}
	}
	list(tr.root)
	list(tr.never)
	return all
}

// planted is a tree whose buckets are nothing but an expiry.
type planted struct {
	tree
	t *testing.T
}

func newPlanted(t *testing.T) *planted {
	p := &planted{t: t}
	t.Cleanup(p.release)
	return p
}

// add adds the bucket of an expiry, which must be new.
func (p *planted) add(expiry int64) uint32 {
	require.True(p.t, p.prepare())
	need, before := p.mayNeed(), p.nodes.used
	b, made := p.bucketOf(expiry)
	require.True(p.t, made)
	require.LessOrEqual(p.t, p.nodes.used-before, need)
	return b
}

// height is how many nodes are below each other at most.
func (p *planted) height() uint { return p.bits / nodeBits }

func (p *planted) check() { checkTree(p.t, &p.tree) }

// expiries are those of all buckets, in order.
func (p *planted) expiries() []int64 {
	all := []int64{}
	for _, b := range checkTree(p.t, &p.tree) {
		all = append(all, p.buckets.at(b).expiry)
	}
	return all
}

func TestNode_IsACacheLine(t *testing.T) {
	require.Equal(t, uintptr(64), unsafe.Sizeof(node{}))
	require.Equal(t, uintptr(16), unsafe.Sizeof(bucket{}))
}

func TestKeyOf(t *testing.T) {
	expiries := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 1_790_000_000, Never - 1, Never}
	for i, e := range expiries[1:] {
		require.Less(t, keyOf(expiries[i]), keyOf(e))
	}
}

func TestTree_Empty(t *testing.T) {
	p := newPlanted(t)
	require.Equal(t, none, p.first())
	require.Equal(t, none, p.second())
	p.remove(p.add(5))
	require.Equal(t, none, p.first())
	require.Empty(t, p.expiries())
}

// Never is last, and makes the tree no higher.
func TestTree_Never(t *testing.T) {
	p := newPlanted(t)
	never := p.add(Never)
	require.Equal(t, never, p.first())
	require.Equal(t, none, p.second())
	five := p.add(5)
	require.Equal(t, five, p.first())
	require.Equal(t, never, p.second())
	six := p.add(6)
	require.Equal(t, six, p.second())
	require.Equal(t, []int64{5, 6, Never}, p.expiries())
	require.Equal(t, uint(1), p.height())
	p.remove(never)
	p.remove(five)
	require.Equal(t, none, p.second())
	require.Equal(t, []int64{6}, p.expiries())
}

// The root covers what is there, and no more.
func TestTree_RootGrowsAndShrinks(t *testing.T) {
	p := newPlanted(t)
	steps := []struct {
		expiry int64
		height uint
	}{
		{0x1230, 0}, {0x123F, 1}, {0x1240, 2}, {0x1FFF, 3}, {0xF000, 4}, {0x10000, 5},
		{-1, 16}, {math.MinInt64, 16}, {Never - 1, 16},
	}
	var buckets []uint32
	for _, s := range steps {
		buckets = append(buckets, p.add(s.expiry))
		p.check()
		require.Equal(t, s.height, p.height(), "%#x is there", s.expiry)
	}
	for i := len(steps) - 1; i > 0; i-- {
		p.remove(buckets[i])
		p.check()
		require.Equal(t, steps[i-1].height, p.height(), "%#x has gone", steps[i].expiry)
	}
	require.Zero(t, p.nodes.used)
}

// Seconds that are far from each other need no more nodes than tell them apart.
func TestTree_SparseNeedsFewNodes(t *testing.T) {
	p := newPlanted(t)
	for n := range int64(16) {
		p.add(n << 40)
	}
	require.Equal(t, uint32(1), p.nodes.used)
	one := p.add(3<<40 + 1)
	p.check()
	require.Equal(t, uint32(11), p.nodes.used, "these two differ in the last bits only")
	p.remove(one)
	p.check()
	require.Equal(t, uint32(1), p.nodes.used)
}

// As time moves on, the tree stays as high as the seconds in it need, and has
// memory for as many as it has had at once.
func TestTree_TimeMovesOn(t *testing.T) {
	const window = 300
	p := newPlanted(t)
	var buckets [window]uint32
	for n := range int64(1 << 17) {
		at := &buckets[n%window]
		if n >= window {
			if *at != p.first() {
				require.Fail(t, "another bucket is the first")
			}
			p.remove(*at)
		}
		*at = p.add(1_790_000_000 + n)
		least := 1_790_000_000 + max(0, n-window+1)
		if p.height() != needed(least, 1_790_000_000+n) {
			require.Failf(t, "the height is wrong", "%d at %d", p.height(), n)
		}
	}
	p.check()
	require.LessOrEqual(t, p.nodes.last, uint32(48))
	require.Equal(t, uint32(window), p.buckets.last)
}

// needed is the height for expiries between two.
func needed(least, greatest int64) uint {
	return uint(bits.Len64(uint64(least^greatest))+nodeBits-1) / nodeBits
}

// No bucket needs more nodes than are prepared for, and one of these needs all:
// those furthest from each other, and two together far from the rest.
func TestTree_PrepareIsEnough(t *testing.T) {
	var most uint32
	for _, expiries := range [][]int64{
		{0, 1, -1},
		{-1, 0, 1},
		{math.MinInt64, math.MinInt64 + 1, Never - 1, Never - 2},
		{math.MinInt64, Never - 1, Never - 2},
		{Never, 5, Never - 1},
	} {
		p := newPlanted(t)
		for _, e := range expiries {
			before := p.nodes.used
			p.add(e)
			most = max(most, p.nodes.used-before)
			p.check()
		}
	}
	require.Equal(t, uint32(maxHeight-1), most)
}

func TestTree_PrepareFails_WhenNumbersAreOut(t *testing.T) {
	p := newPlanted(t)
	p.add(1)
	p.add(2)
	require.True(t, p.prepare())
	restore := failAllocations(func(int) bool {
		require.Fail(t, "memory is asked for that no number leads to")
		return true
	})
	defer restore()
	p.buckets.used = maxNumber
	require.False(t, p.prepare())
	p.buckets.used = 2
	p.nodes.used = maxNumber
	require.False(t, p.prepare())
	p.nodes.used = 1
	require.True(t, p.prepare())
}

func TestTree_Release(t *testing.T) {
	before := offheap.Used()
	p := newPlanted(t)
	for n := range uint32(1000) {
		p.add(int64(mix(n)))
	}
	require.Greater(t, offheap.Used(), before)
	p.release()
	require.Equal(t, before, offheap.Used())
}

// Sixteen in a row are in one node; what leaves it leaves it in any order.
func TestTree_RemoveInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		p := newPlanted(t)
		expiries := map[int64]uint32{}
		for len(expiries) < 40 {
			e := int64(r.Uint64()) >> (r.UintN(16) * 4)
			if r.UintN(2) == 0 {
				e = 0x7FFFFFF0 + r.Int64N(32)
			}
			if expiries[e] == none {
				expiries[e] = p.add(e)
			}
		}
		for _, b := range expiries { // in the order of the map: any
			p.remove(b)
			p.check()
		}
		require.Zero(t, p.nodes.used)
		require.Zero(t, p.buckets.used)
	}
}
