package region

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The region is divided into buckets of 32 KiB, eight pages. A record lies in
// one bucket whole, so a bucket of one page would hold two sessions with a
// client certificate, 1.4 KB each, and waste the third part of its memory. In
// 32 KiB fit eight records of 4,000 bytes; the rest that is too small for a
// ninth is what TestRegion_MemoryOfAnyLength allows. A larger bucket would
// waste less, but whoever stores looks through the whole directories of two.
const (
	bucketSize = 32 << 10
	maxSlots   = 256

	// Places in the area are counted in units of 8 bytes.
	unitSize   = 8
	areaSize   = bucketSize - 64 - 2*maxSlots
	areaUnits  = areaSize / unitSize
	entryUnits = int(unsafe.Sizeof(entry{})) / unitSize
	sumSize    = 8

	// MaxRecord is the length of the longest record, in bytes.
	MaxRecord = areaSize - entryUnits*unitSize - sumSize
)

// bucket is one piece of the region: who writes to it, its directory and its
// records. Slot i of the directory is an entry and a tag.
//
// The area holds the directory from its front and the records from its back.
// The directory reaches to the last slot that has a tag. Its memory may become
// that of records when it shrinks, and the other way round; whoever looks at
// a slot without the lock may therefore see anything there, and believes nothing
// whose checksum does not hold.
type bucket struct {
	lock       uint64 // see lock.go; 0: nobody writes
	generation uint64 // the last that was given
	_          [48]byte
	tags       [maxSlots / lanes / group]tags
	area       [areaSize]byte
}

// entry is a slot of the directory. Its fields are accessed atomically.
type entry struct {
	word   uint64
	hi, lo uint64 // the key
	meta   uint64
}

func (e *entry) load() word     { return word(atomic.LoadUint64(&e.word)) }
func (e *entry) loadMeta() meta { return meta(atomic.LoadUint64(&e.meta)) }
func (e *entry) swap(old, to word) bool {
	return atomic.CompareAndSwapUint64(&e.word, uint64(old), uint64(to))
}

func (e *entry) has(k *Key) bool {
	return atomic.LoadUint64(&e.lo) == k.Lo && atomic.LoadUint64(&e.hi) == k.Hi
}

// fill writes what belongs to an entry before its word is swapped in.
func (e *entry) fill(k *Key, m meta) {
	atomic.StoreUint64(&e.hi, k.Hi)
	atomic.StoreUint64(&e.lo, k.Lo)
	atomic.StoreUint64(&e.meta, uint64(m))
}

// recordUnits is how many units a record takes in the area.
func recordUnits(length int) int {
	return (sumSize + length + unitSize - 1) / unitSize
}

func (b *bucket) entry(slot int) *entry {
	return (*entry)(unsafe.Pointer(&b.area[slot*entryUnits*unitSize]))
}

// bytes is the memory of n units of the area.
func (b *bucket) bytes(unit, n int) []byte {
	return b.area[unit*unitSize : (unit+n)*unitSize]
}

// sum is the checksum that a record begins with.
func (b *bucket) sum(unit int) *uint64 {
	return (*uint64)(unsafe.Pointer(&b.area[unit*unitSize]))
}

// data is the rest of a record of length bytes.
func (b *bucket) data(unit, length int) []byte {
	return b.area[unit*unitSize+sumSize:][:length]
}

// nextGeneration makes a number for a new word. It is right even when two
// processes take themselves for the only writer.
func (b *bucket) nextGeneration() uint64 {
	return atomic.AddUint64(&b.generation, 1) & generationMask
}

// A tag is a hash of the key in a slot, 0 if the directory does not reach the
// slot. Four of them lie in a word of 64 bits and are compared at once. The tag
// of a slot that became free is left as it is, so a tag only says where to look.
const (
	lanes    = 4
	laneBits = 16
	laneLow  = 0x0001_0001_0001_0001
	laneHigh = 0x8000_8000_8000_8000
)

// tagOf is the tag of a key; bits of it also choose the second bucket, but those
// are the highest ones.
func tagOf(k *Key) uint16 { return uint16(k.Lo) | 1 }

// tags are some words of them that are looked at together: most buckets are far
// from full, and whoever stores looks through all of one.
type tags [group]uint64

const (
	group    = 4
	tagWords = maxSlots / lanes
)

func (b *bucket) tagWord(i int) *uint64 {
	return &b.tags[i/group][i%group]
}

// setTag changes one tag in a way that leaves its neighbours whole.
func (b *bucket) setTag(slot int, tag uint16) {
	at, shift := b.tagWord(slot/lanes), slot%lanes*laneBits
	for {
		old := atomic.LoadUint64(at)
		if uint16(old>>shift) == tag {
			return
		}
		if atomic.CompareAndSwapUint64(at, old, old&^(0xffff<<shift)|uint64(tag)<<shift) {
			return
		}
	}
}

// slots is how far the directory reaches.
func (b *bucket) slots() int {
	for i := len(b.tags) - 1; i >= 0; i-- {
		t := &b.tags[i]
		if atomic.LoadUint64(&t[0])|atomic.LoadUint64(&t[1])|
			atomic.LoadUint64(&t[2])|atomic.LoadUint64(&t[3]) == 0 {
			continue
		}
		for n := group - 1; n >= 0; n-- {
			if w := atomic.LoadUint64(&t[n]); w != 0 {
				return (i*group+n)*lanes + (bits.Len64(w)+laneBits-1)/laneBits
			}
		}
	}
	return 0
}

// search steps through the slots of a bucket that may have a key.
type search struct {
	bucket  *bucket
	pattern uint64 // the tag, in each lane
	next    int    // word of tags to look at next
	hits    uint64 // highest bit of each lane that matched in the word before
}

func (b *bucket) search(k *Key) search {
	return search{bucket: b, pattern: uint64(tagOf(k)) * laneLow}
}

// match has the highest bit set of each lane that is the pattern's; a borrow may
// add the lane above one. What the other bits are means nothing.
func match(w *uint64, pattern uint64) uint64 {
	x := atomic.LoadUint64(w) ^ pattern
	return (x - laneLow) &^ x
}

// slot is the next one, or -1. It may give a slot whose tag is another one.
func (s *search) slot() int {
	next, hits := s.next, s.hits
	for hits == 0 {
		if next%group == 0 {
			next = s.skip(next)
		}
		if next >= tagWords {
			s.next = next
			return -1
		}
		hits = match(s.bucket.tagWord(next), s.pattern) & laneHigh
		next++
	}
	s.next, s.hits = next, hits&(hits-1)
	return (next-1)*lanes + bits.TrailingZeros64(hits)/laneBits
}

// skip leaves out groups of words that have no match, from the one that begins
// with a word.
func (s *search) skip(word int) int {
	i, p := word/group, s.pattern
	for ; i < len(s.bucket.tags); i++ {
		t := &s.bucket.tags[i]
		if (match(&t[0], p)|match(&t[1], p)|match(&t[2], p)|match(&t[3], p))&laneHigh != 0 {
			break
		}
	}
	return i * group
}
