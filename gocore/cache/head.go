package cache

import (
	"sync/atomic"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/offheap"
)

// Head, Line and Entry are what C reads of a table, without a lock and while the
// table changes: struct ssc_index and so on in cshim/index.h, which says how.
// They lie outside the Go heap. Only the table writes them, but for the last part
// of Head and for Gone in entries.

// Head is where C begins.
type Head struct {
	Seeds [5]uint64 // of Key.hash; set once
	// Lines is how many lines are in use.
	Lines uint32
	// Splits is odd while the items of one line are spread over two.
	Splits uint32

	// Where the stamps are, if sessions are shared: see ShareStamps.
	Space     *uint32 // nil: they are not
	Stamps    *uint32
	StampMask uint32
	Retiring  uint32 // C's: the lanes that have retired any, a bit each

	LineChunks     directory
	OverflowChunks directory
	EntryChunks    directory

	// Earliest is the least expiry of all; Never if there is none.
	Earliest int64
	Capacity uint64 // sessions that the table holds, 0 for no limit
	Used     uint32 // sessions stored
	Settling uint32 // C's: a thread is at the notes
	Notes    *Notes // nil: C has to call
	Owed     uint32 // references displaced that Evict has yet to hand out
	Spill    *Spill // nil: there is none
	_        [4]uint32

	// Lanes count the lookups that C has answered, beside the table's.
	Lanes [Lanes]Lane

	// Retired are the rings of sessions that C took out of service, one of each lane.
	Retired [Lanes]Ring

	// Added is the ring of sessions that C has stored, and that the table takes in
	// when it is used next.
	Added Ring
}

// Lanes is in how many lines of memory C counts, so that its threads need not
// wait for each other.
const Lanes = 8

// Lane is one of them.
type Lane struct {
	Hits, Misses uint64
	_            [6]uint64
}

// Ring is where notes of a kind are, those of the retired by lane: C adds at Tail,
// the table takes what is before it, at Head. When the usual room is full, C goes on
// in the spill until all notes have been taken: so a thread that stands still with
// the table's lock keeps others waiting only when they have done thousands of things.
type Ring struct {
	Tail      uint32
	Head      uint32
	Writing   uint32 // C's: a thread is adding
	Spilled   uint32 // C's: notes in the spill
	SpillFrom uint32 // C's: the number of the first of them
	Withdrawn uint32 // C's: how often it has taken out what it had noted
	Taking    uint32 // the table takes what is before it, as it is
	_         uint32
	_         int64 // C's: the earliest expiry that waits here
	_         [3]uint64
}

// place is where a note is: below usual there, else so far behind in the spill.
func (r *Ring) place(number, usual uint32) uint32 {
	spilled := atomic.LoadUint32(&r.Spilled)
	if beyond := number - atomic.LoadUint32(&r.SpillFrom); beyond < spilled {
		return usual + beyond
	}
	return number % usual
}

func (r *Ring) pending() uint32 {
	return atomic.LoadUint32(&r.Tail) - r.Head
}

// Notes are what C has done by itself and the table does not know yet. A table
// has them once it has had some sessions: a process may have thousands of contexts
// that cache little.
type Notes struct {
	Marks   [Marks]uint32 // C's: it finds the added by them
	Added   [AddedRoom]Noted
	Retired [Lanes][RetiredRoom]Retired
}

// Spill is where notes are for which there is no room there. Large tables have one,
// of whose memory nothing is resident before it is used.
type Spill struct {
	Added   [SpillRoom]Noted
	Retired [Lanes][SpillRoom]Retired
}

// Marks is how many there are, a power of two.
const Marks = 512

// AddedRoom is how many sessions C stores, and RetiredRoom how many a lane takes out
// of service, before it spills; SpillRoom how many more before it has to call.
const (
	AddedRoom   = 128
	RetiredRoom = 128
	SpillRoom   = 8192
)

// Noted is a session that is stored, but not yet in the table. C has found none
// with its key there. C may take it out again itself: then the upper bits of the
// object tell so, or the object is 0, because the table was faster.
type Noted struct {
	Key    Key
	Before uint32 // C's: of the marks
	Ref    Ref
	Object Object
	Expiry int64
}

// What C has done about a session since it noted it: it is no longer stored.
const (
	Withdrawn        Object = 1 << 63
	WithdrawnExpired Object = 1 << 62 // and it had expired
)

// Retired is a session that nobody will be given again. Its entry is to go.
type Retired struct {
	Ref     Ref
	Number  uint32 // of the entry
	Expired uint32 // 1: it had expired
}

// Words is how many items a line has.
const Words = 7

// Line is a cache line of the index of keys: the items whose hashes have the same
// low bits. Each word is a hash (high half) and the number of an entry, 0 is none.
// More is the number of a line in the overflow chunks that goes on, 0 for none.
type Line struct {
	Word [Words]uint64
	More uint64
}

// Entry is one session stored: a cache line, without pointers. Its expiry and
// its neighbours are in the order. Sequence is the number of the add that stored
// it, different for each; it is 0 while the entry is free or being changed, and C
// sets Gone in it when it has retired the session, which nobody finds from then on.
// The stamp may change while it is stored: see Stamps.
type Entry struct {
	Key      Key
	Stamp    uint32
	Ref      Ref
	Object   Object
	Sequence uint64
}

// Gone is no part of the number.
const Gone = 1 << 63

// stored is the number of the add that stored an entry, with Gone, and added that without.
func (e *Entry) stored() uint64 {
	return atomic.LoadUint64(&e.Sequence)
}

func (e *Entry) added() uint64 {
	return e.stored() &^ Gone
}

const (
	headSize  = int(unsafe.Sizeof(Head{}))
	notesSize = int(unsafe.Sizeof(Notes{}))
	spillSize = int(unsafe.Sizeof(Spill{}))
)

// newHead makes a head with seeds of its own; nil if memory is short.
func newHead() *Head {
	h := (*Head)(alloc(headSize))
	if h != nil {
		h.Seeds = randomSeeds()
	}
	return h
}

func (h *Head) release() {
	if h.Notes != nil {
		offheap.Free(unsafe.Pointer(h.Notes), notesSize)
	}
	if h.Spill != nil {
		offheap.Free(unsafe.Pointer(h.Spill), spillSize)
	}
	offheap.Free(unsafe.Pointer(h), headSize)
}
