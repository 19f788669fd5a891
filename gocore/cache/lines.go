package cache

import "math"

// perLine is how many items the lines have on average. More would make lines
// that go on elsewhere the rule, less would waste memory.
const perLine = 4

// lines finds entries by the hash of their keys and hands out their numbers.
//
// It grows by linear hashing: as items are added, one line after the other is
// split in two, so there is no moment at which everything is hashed again. C
// reads it meanwhile. So an item that is stored stays in its word, but for the
// time of a split, which Head.Splits tells; and words are written in one piece.
type lines struct {
	head     *Head
	own      slab[Line] // the lines
	overflow slab[Line] // what goes on from a line; numbers start at 1
	mask     uint32     // the least 2^k-1 that is not below head.Lines-1
	last     uint32     // highest number ever handed out
	freed    slab[uint32]
	free     uint32 // how many numbers below last are free: the first of freed
	lastMore uint32 // highest number of an overflow line
	freeMore uint32 // first free overflow line; its More is the next
	spare    uint32 // free overflow lines
	entries  *slab[Entry]
}

// init makes the index empty. It is false if memory is short.
func (x *lines) init(head *Head, entries *slab[Entry]) bool {
	x.head, x.entries = head, entries
	x.own.dir, x.overflow.dir = &head.LineChunks, &head.OverflowChunks
	if !x.own.reach(0) {
		return false
	}
	head.Lines = 1
	return true
}

func (x *lines) release() {
	x.own.release()
	x.overflow.release()
	x.freed.release()
}

// prepare makes add possible. It is false if memory is short or all numbers are
// in use.
func (x *lines) prepare() bool {
	if x.head.Used >= math.MaxUint32-1 || x.free == 0 && !(x.entries.reach(x.last+1) && x.freed.reach(x.last)) {
		return false
	}
	// So few fit into one line; most contexts have no more.
	return x.head.Used < Words || x.haveSpare(1)
}

// haveSpare sees to it that n overflow lines are free.
func (x *lines) haveSpare(n uint32) bool {
	for x.spare < n {
		if !x.overflow.reach(x.lastMore + 1) {
			return false
		}
		x.lastMore++
		x.freeOverflow(x.lastMore)
	}
	return true
}

// add stores a new item and returns its number; prepare must have been called.
// The caller fills the entry.
func (x *lines) add(hash uint32) uint32 {
	x.count(1)
	if x.head.Used > perLine*x.head.Lines {
		x.split()
	}
	var i uint32
	if x.free > 0 {
		// Not a list through the entries: they would have to be fetched to be read,
		// and are now only written.
		x.free--
		i = *x.freed.at(x.free)
	} else {
		x.last++
		i = x.last
	}
	x.put(x.own.at(x.line(hash)), word(hash, i))
	return i
}

// remove takes item i out and frees its number. The caller wipes the entry.
func (x *lines) remove(i, hash uint32) {
	w := word(hash, i)
	for l := x.own.at(x.line(hash)); ; l = x.overflow.at(uint32(l.More)) {
		if n := l.first(w); n < Words {
			publish64(&l.Word[n], 0)
			*x.freed.at(x.free) = i
			x.free++
			x.count(-1)
			return
		}
	}
}

// first is the place of the first word like w, or Words. It is found without
// branches, which the processor would guess wrong: any place is as likely.
func (l *Line) first(w uint64) int {
	place := Words
	for n := Words - 1; n >= 0; n-- {
		if l.Word[n] == w {
			place = n
		}
	}
	return place
}

// count adds to the number of items stored, which C reads.
func (x *lines) count(more int32) {
	publish32(&x.head.Used, x.head.Used+uint32(more))
}

func word(hash, i uint32) uint64 {
	return uint64(hash)<<32 | uint64(i)
}

// line is where items of a hash are: lines that have not been split in this
// round still hold what the higher half of the mask will take from them.
func (x *lines) line(hash uint32) uint32 {
	n := hash & x.mask
	if n >= x.head.Lines {
		n &= x.mask >> 1
	}
	return n
}

// put stores a word in the line or where that goes on.
func (x *lines) put(l *Line, w uint64) {
	for {
		if n := l.first(0); n < Words {
			publish64(&l.Word[n], w)
			return
		}
		if l.More == 0 {
			i := x.freeMore
			more := x.overflow.at(i)
			x.freeMore = uint32(more.More)
			x.spare--
			publish64(&more.More, 0)
			publish64(&l.More, uint64(i))
		}
		l = x.overflow.at(uint32(l.More))
	}
}

// split adds one line and moves to it what belongs there. What stays is packed,
// so that a line goes on elsewhere only as long as it has to. Without memory for
// that, lines just become longer.
func (x *lines) split() {
	added := x.head.Lines
	mask := x.mask
	if added > mask {
		mask = mask<<1 | 1
	}
	// Two that are packed go on as often as the one did, or once more; and
	// one line is for the item that is added.
	if !x.own.reach(added) || !x.haveSpare(x.chain(added&(mask>>1))+2) {
		return
	}
	x.mask = mask
	publish32(&x.head.Splits, x.head.Splits+1)
	publish32(&x.head.Lines, added+1)
	from, to := x.own.at(added&(x.mask>>1)), x.own.at(added)
	old, more := *from, *from
	for n := range &from.Word {
		publish64(&from.Word[n], 0)
	}
	publish64(&from.More, 0)
	for {
		for _, w := range more.Word {
			switch {
			case w == 0:
			case uint32(w>>32)&x.mask == added:
				x.put(to, w)
			default:
				x.put(from, w)
			}
		}
		if more.More == 0 {
			break
		}
		more = *x.overflow.at(uint32(more.More))
	}
	x.freeOverflow(uint32(old.More))
	publish32(&x.head.Splits, x.head.Splits+1)
}

// chain is how many overflow lines a line goes on with.
func (x *lines) chain(n uint32) (length uint32) {
	for l := x.own.at(n); l.More != 0; l = x.overflow.at(uint32(l.More)) {
		length++
	}
	return length
}

// freeOverflow frees a line in the overflow chunks and those it goes on with.
func (x *lines) freeOverflow(i uint32) {
	for i != none {
		l := x.overflow.at(i)
		next := uint32(l.More)
		for n := range &l.Word {
			publish64(&l.Word[n], 0)
		}
		publish64(&l.More, uint64(x.freeMore))
		x.freeMore = i
		x.spare++
		i = next
	}
}
