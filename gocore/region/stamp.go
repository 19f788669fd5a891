package region

import (
	"sync/atomic"
	"time"
)

// Spaces share so many slots of marks. Two spaces that share one ask the region
// more often than they had to, and take more records of a store for flushed.
const spaceSlots = 256

// spaceMarks is what is known of a space besides its records.
type spaceMarks struct {
	stamp uint32 // changes with each flush
	_     uint32
	// Records elsewhere that were stored at or before all, or stored at or
	// before some and expire before expires, were flushed. Milliseconds since
	// the epoch, but expires in seconds; they only grow.
	all, some, expires int64
}

func (r *Region) marks(space uint32) *spaceMarks {
	return &r.head.spaces[space%spaceSlots]
}

func (r *Region) stamp(k *Key) *uint32 {
	return &r.stamps[int(uint32(k.Hi))&(len(r.stamps)-1)]
}

// Stamp returns a number that changes when a record of the key is removed or
// taken, or its space is flushed, and at times without that. Who keeps a copy of
// a session notes the stamp before it gets the session. As long as the stamp is
// the same nobody has removed it; when it is another one the region is to be
// asked again. It costs two loads.
func (r *Region) Stamp(k Key, space uint32) uint32 {
	// Both only grow, so their sum is another one when either of them is.
	return atomic.LoadUint32(r.stamp(&k)) + atomic.LoadUint32(&r.marks(space).stamp)
}

// StampMemory is where Stamp of a space reads: the sum of *space and of one of the
// stamps, which is numbered by the bits of Key.Hi that mask leaves.
func (r *Region) StampMemory(space uint32) (at, stamps *uint32, mask uint32) {
	return &r.marks(space).stamp, &r.stamps[0], uint32(len(r.stamps) - 1)
}

// Removal advances stamps twice. Who notes a stamp and then finds the record
// will see the change that comes after the record is out. Who stores a record
// if the stamp is the one it noted, and looks at the stamp again once the record
// is in its place, sees the change that comes before; or else its record is found
// and taken out too.

func (r *Region) advance(k *Key) {
	atomic.AddUint32(r.stamp(k), 1)
}

func (m *spaceMarks) advance() {
	atomic.AddUint32(&m.stamp, 1)
}

// note remembers a flush for Flushed.
func (m *spaceMarks) note(before int64, all bool) {
	now := time.Now().UnixMilli()
	if all {
		raise(&m.all, now)
		return
	}
	raise(&m.expires, before)
	raise(&m.some, now)
}

// raise sets what p points to, unless it is greater already.
func raise(p *int64, to int64) {
	for {
		old := atomic.LoadInt64(p)
		if old >= to || atomic.CompareAndSwapInt64(p, old, to) {
			return
		}
	}
}

// Flushed is whether a record of the space that lies in a store outside, stored
// at that time (milliseconds since the epoch) with that expiry, was flushed in
// this region by a call of Flush, so that it is not to be used. Several flushes
// of what expires before some time count as one, of the latest of these times;
// so do those of spaces that are the same modulo 256.
func (r *Region) Flushed(space uint32, stored, expiry int64) bool {
	m := r.marks(space)
	if all := atomic.LoadInt64(&m.all); all != 0 && stored <= all {
		return true
	}
	some := atomic.LoadInt64(&m.some)
	return some != 0 && stored <= some && expiry < atomic.LoadInt64(&m.expires)
}
