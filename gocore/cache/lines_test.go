package cache

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// checkLines checks that each number up to the last is either in the line of its
// hash or free, once, and each overflow line goes on from a line or is free, once.
func checkLines(t require.TestingT, x *lines) {
	require.Zero(t, x.head.Splits%2, "a split is under way")
	require.LessOrEqual(t, x.head.Lines-1, x.mask)
	require.Less(t, x.mask>>1, max(x.head.Lines-1, 1), "the mask is too large")

	items, more := newOnceEach(t, x.last), newOnceEach(t, x.lastMore)
	var used, spare uint32
	for n := range x.head.Lines {
		for l := x.own.at(n); ; l = x.overflow.at(uint32(l.More)) {
			for _, w := range l.Word {
				if w == 0 {
					continue
				}
				items.see(uint32(w))
				if n != x.line(uint32(w>>32)) {
					require.Fail(t, "an item is in another line than its hash")
				}
				used++
			}
			if l.More == 0 {
				break
			}
			more.see(uint32(l.More))
		}
	}
	for n := range x.free {
		i := *x.freed.at(n)
		items.see(i)
		if x.entries.at(i).Sequence != 0 {
			require.Fail(t, "C takes a free entry for one that is stored")
		}
	}
	for i := x.freeMore; i != none; i = uint32(x.overflow.at(i).More) {
		more.see(i)
		require.Equal(t, [Words]uint64{}, x.overflow.at(i).Word, "a free line holds something")
		spare++
	}
	require.Equal(t, x.head.Used, used)
	require.Equal(t, x.last, used+x.free)
	require.Equal(t, x.spare, spare)
	require.True(t, more.all(), "an overflow line is lost")
}

// onceEach checks that numbers up to the last are seen once at most.
type onceEach struct {
	t    require.TestingT
	seen []bool
}

func newOnceEach(t require.TestingT, last uint32) *onceEach {
	return &onceEach{t, make([]bool, last+1)}
}

func (o *onceEach) see(i uint32) {
	if i == none || int(i) >= len(o.seen) || o.seen[i] {
		require.Failf(o.t, "a number is wrong or found twice", "%d of %d", i, len(o.seen)-1)
	}
	o.seen[i] = true
}

func (o *onceEach) all() bool {
	return !slices.Contains(o.seen[1:], false)
}

// lined is an owner of items that are nothing but a hash.
type lined struct {
	lines
	t  *testing.T
	of map[uint32]uint32 // the hash of each number
}

func newLined(t *testing.T) *lined {
	x := &lined{t: t, of: map[uint32]uint32{}}
	entries := new(slab[Entry])
	t.Cleanup(func() {
		x.release()
		entries.release()
	})
	require.True(t, x.init(new(Head), entries))
	return x
}

func (x *lined) add(hash uint32) uint32 {
	require.True(x.t, x.prepare())
	i := x.lines.add(hash)
	if _, ok := x.of[i]; ok {
		require.Fail(x.t, "a number was given twice")
	}
	x.of[i] = hash
	return i
}

func (x *lined) remove(i uint32) {
	x.lines.remove(i, x.of[i])
	delete(x.of, i)
}

// words are the addresses of all items.
func (x *lined) words() map[uint64]*uint64 {
	at := map[uint64]*uint64{}
	for n := range x.head.Lines {
		for _, w := range x.lineWords(n) {
			at[*w] = w
		}
	}
	return at
}

// lineWords are the items of one line, in their order.
func (x *lined) lineWords(n uint32) (words []*uint64) {
	for l := x.own.at(n); ; l = x.overflow.at(uint32(l.More)) {
		for i := range l.Word {
			if l.Word[i] != 0 {
				words = append(words, &l.Word[i])
			}
		}
		if l.More == 0 {
			return words
		}
	}
}

func (x *lined) check() {
	checkLines(x.t, &x.lines)
	at := x.words()
	require.Len(x.t, at, len(x.of))
	for i, hash := range x.of {
		if at[word(hash, i)] == nil {
			require.Fail(x.t, "an item is lost")
		}
	}
}

// Many items of one hash make a line go on over many others, wherever they are
// taken out again.
func TestLines_EqualHashes(t *testing.T) {
	x := newLined(t)
	const n = 500
	for range n {
		x.add(7)
	}
	x.check()
	require.Equal(t, uint32((n+Words-1)/Words-1), x.chain(x.line(7)))
	for i := uint32(1); i <= n; i += 3 {
		x.remove(i)
	}
	x.check()
	for range n / 2 {
		x.add(7)
	}
	x.check()
	for i := range x.of {
		x.remove(i)
	}
	x.check()
	require.Zero(t, x.head.Used)
}

func TestLines_NumbersAreUsedAgain(t *testing.T) {
	x := newLined(t)
	for n := range uint32(100) {
		x.add(mix(n))
	}
	for range 1000 {
		hash := x.of[50]
		x.remove(50)
		require.Equal(t, uint32(50), x.add(hash))
	}
	require.Equal(t, uint32(100), x.last)
	x.check()
}

// Lines that an item goes on in are used again too: a table that is full does
// not grow.
func TestLines_OverflowIsUsedAgain(t *testing.T) {
	x := newLined(t)
	next := uint32(0)
	for range 2000 {
		next++
		x.add(mix(next))
	}
	for range 20_000 {
		next++
		x.remove(1 + mix(next)%2000)
		x.add(mix(next))
	}
	x.check()
	require.Less(t, x.lastMore, 2*x.head.Lines)
}

// No add moves more than a handful of items, however many there are.
func TestLines_GrowsWithoutPause(t *testing.T) {
	x := newLined(t)
	most := 0
	for n := range uint32(300_000) {
		before := x.head.Lines
		x.add(mix(n))
		if x.head.Lines == before {
			continue
		}
		require.Equal(t, before+1, x.head.Lines)
		from, to := len(x.lineWords(before&(x.mask>>1))), len(x.lineWords(before))
		most = max(most, from+to)
	}
	require.LessOrEqual(t, most, 28)
	require.InDelta(t, 300_000/perLine, x.head.Lines, 1)
	x.check()
}

// An item that is stored stays in its word, but for those of the line that is
// split: who reads meanwhile relies on it.
func TestLines_ItemsStay(t *testing.T) {
	x := newLined(t)
	for n := range uint32(1000) {
		before, lines, splits := x.words(), x.head.Lines, x.head.Splits
		if n%4 == 3 {
			x.remove(1 + mix(n)%x.last) // each number is in use
			x.add(mix(n))
		}
		x.add(mix(n + 1<<20))
		moving := map[uint64]bool{}
		if x.head.Lines != lines {
			require.Equal(t, splits+2, x.head.Splits)
			for _, line := range []uint32{lines, lines & (x.mask >> 1)} {
				for _, w := range x.lineWords(line) {
					moving[*w] = true
				}
			}
		} else {
			require.Equal(t, splits, x.head.Splits)
		}
		for w, at := range x.words() {
			if was, ok := before[w]; ok && !moving[w] {
				if was != at {
					require.Fail(t, "an item moved without a split")
				}
			}
		}
	}
	x.check()
}

// Both lines of a split go on no farther than they have to, however many of the
// items were taken out before.
func TestLines_SplitPacks(t *testing.T) {
	x := newLined(t)
	for n := range uint32(400) {
		x.add(n << 20 & 0xffff0000) // into the first line, until they are told apart
	}
	for i := uint32(1); i <= 400; i += 2 {
		x.remove(i)
	}
	for range 100 {
		lines := x.head.Lines
		x.split()
		require.Equal(t, lines+1, x.head.Lines)
		for _, line := range []uint32{lines, lines & (x.mask >> 1)} {
			n := uint32(len(x.lineWords(line)))
			require.Equal(t, max(n+Words-1, Words)/Words-1, x.chain(line), "a line goes on too far")
		}
		x.check()
	}
}

// Without memory to split, lines grow longer; with memory again they are split.
func TestLines_Short(t *testing.T) {
	x := newLined(t)
	for n := range uint32(16 * perLine) {
		x.add(mix(n))
	}
	require.Equal(t, uint32(16), x.head.Lines)
	restore := failAllocations(func(size int) bool { return size == 16*int(unsafe.Sizeof(Line{})) })
	for n := range uint32(100) {
		x.add(mix(n + 1000))
		x.check()
	}
	require.Equal(t, uint32(16), x.head.Lines)
	restore()
	for n := range uint32(100) {
		x.add(mix(n + 2000))
	}
	require.InDelta(t, len(x.of)/perLine, x.head.Lines, 1)
	x.check()
}

func TestLines_Full(t *testing.T) {
	x := newLined(t)
	require.True(t, x.prepare())
	x.head.Used = 1<<32 - 2
	require.False(t, x.prepare())
	x.head.Used = 0
}

func TestLines_Release(t *testing.T) {
	before := offheap.Used()
	x := newLined(t)
	for n := range uint32(1000) {
		x.add(mix(n % 100))
	}
	require.Greater(t, offheap.Used(), before)
	x.release()
	x.entries.release()
	require.Equal(t, before, offheap.Used())
}
