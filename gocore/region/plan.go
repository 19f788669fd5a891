package region

import "slices"

// plan is what a writer knows of a bucket that it has locked. It is made from
// the directory each time, so nothing that a dead writer left undone matters.
//
// Records may be taken out at any moment by those who need no lock; the plan
// then has less room than there is. Nobody adds any while the lock is held.
type plan struct {
	region *Region
	bucket *bucket
	used   units // those of the directory and of records
	slots  int   // how far the directory reaches
	spare  int   // a free slot, or slots if there is none
	room   int   // units not used
	victim victim
}

// victim is the entry that goes first when there is no room.
type victim struct {
	slot int // noVictim, or notLooked: it is to be found by look
	word word
	rank uint64
}

const (
	noVictim  = -1
	notLooked = -2
)

// rank is the order in which entries are evicted: tombstones before records, and
// in the order of expiry.
func rank(w word, m meta) uint64 {
	expiry := uint64(m >> spaceBits)
	if w.state() == tombstone {
		return expiry
	}
	return expiry | 1<<(64-spaceBits)
}

// survey finds out what a bucket holds whose directory has so many slots. What has
// expired is taken out, and what is there under the key, and what makes no sense.
func (p *plan) survey(r *Region, b *bucket, slots int, k *Key, now int64) {
	p.region, p.bucket, p.slots = r, b, slots
	p.used.set(0, p.slots*entryUnits)
	p.room = areaUnits - p.slots*entryUnits
	p.spare, p.victim.slot = p.slots, noVictim
	for slot := range p.slots {
		e := b.entry(slot)
		w, m := e.load(), e.loadMeta()
		if w.state() == free {
			p.spare = min(p.spare, slot)
			continue
		}
		switch goes := m.expired(now) || e.has(k); {
		case !goes && p.stays(w):
			p.consider(slot, w, m)
			continue
		case goes && p.leaves(w):
			if e.swap(w, 0) {
				b.wipe(w)
			}
		default:
			p.region.discard(e, w)
		}
		p.spare = min(p.spare, slot)
	}
	p.trim()
}

// stays is whether an entry can be right: a record has a place of its own, and
// nobody but the owner of the lock moves one. The place is used from then on.
func (p *plan) stays(w word) bool {
	switch w.state() {
	case tombstone:
		return true
	case live:
		units := w.units()
		if w.end() <= areaUnits && p.used.claim(w.unit(), units) {
			p.room -= units
			return true
		}
	}
	return false
}

// leaves is whether an entry that goes can be right.
func (p *plan) leaves(w word) bool {
	return w.state() == tombstone ||
		w.state() == live && w.end() <= areaUnits && !p.used.any(w.unit(), w.units())
}

// trim gives up the free slots at the end of the directory.
func (p *plan) trim() {
	for p.slots > 0 && p.bucket.entry(p.slots-1).load().state() == free {
		p.slots--
		p.bucket.setTag(p.slots, 0)
		p.used.clear(p.slots*entryUnits, entryUnits)
		p.room += entryUnits
	}
	p.spare = min(p.spare, p.slots)
}

// look finds a free slot and the next victim once more.
func (p *plan) look() {
	p.spare, p.victim.slot = p.slots, noVictim
	for slot := range p.slots {
		e := p.bucket.entry(slot)
		p.consider(slot, e.load(), e.loadMeta())
	}
}

// consider keeps a slot in mind if it is the first free one, or holds the entry
// that goes before the others.
func (p *plan) consider(slot int, w word, m meta) {
	if w.state() == free {
		p.spare = min(p.spare, slot)
	} else if rank := rank(w, m); p.victim.slot < 0 || rank < p.victim.rank {
		p.victim = victim{slot, w, rank}
	}
}

// left is how many units are left once an entry with so many is stored. It is
// negative if there is no room for it.
func (p *plan) left(units int) int {
	if p.spare < p.slots {
		return p.room - units
	}
	if p.slots == maxSlots {
		return -1
	}
	return p.room - units - entryUnits
}

// better is whether an entry should go here rather than there: where more room
// is left, or if it fits nowhere, where less is lost.
func (p *plan) better(other *plan, units int) bool {
	here, there := p.left(units), other.left(units)
	if here >= 0 || there >= 0 {
		return here > there
	}
	return p.victim.rank < other.victim.rank
}

// makeRoom finds a slot and a place for an entry with so many units, and evicts
// and moves what it has to. It is false if the bucket changes in a way that only
// a writer whose lock was taken over can bring about.
func (p *plan) makeRoom(units int) (slot, unit int, ok bool) {
	compact := false
	for range 3 * maxSlots { // an eviction, a compaction, a try for each
		fits := p.left(units) >= 0
		if fits {
			if unit, ok = p.place(units); ok {
				return p.spare, unit, true
			}
		}
		if p.victim.slot == notLooked {
			p.look()
		}
		switch {
		case !compact && (fits || p.victim.slot < 0):
			p.compact()
			compact = true
		case p.victim.slot >= 0:
			p.evict()
			compact = false
		default:
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// place finds units that are not used, one after the other, beside those that
// the directory needs for the entry.
func (p *plan) place(units int) (unit int, ok bool) {
	front := p.slots * entryUnits
	if p.spare == p.slots {
		if p.used.any(front, entryUnits) {
			return 0, false
		}
		front += entryUnits
	}
	if units == 0 {
		return 0, true
	}
	return p.used.fit(front, units)
}

// evict takes out the victim. To find the next one costs as much as to survey, and
// mostly none is needed.
func (p *plan) evict() {
	v := p.victim
	e := p.bucket.entry(v.slot)
	if e.swap(v.word, 0) {
		p.bucket.wipe(v.word)
		if v.word.state() == live {
			p.region.count(&p.region.totals.Evicted)
		}
	}
	if v.word.state() == live {
		p.used.clear(v.word.unit(), v.word.units())
		p.room += v.word.units()
	}
	if e.load().state() == free {
		p.spare = min(p.spare, v.slot)
	}
	p.victim.slot = notLooked
	p.trim()
}

// compact moves all records to the back of the area, so that what is not used is
// in one piece, and wipes that.
func (p *plan) compact() {
	var order [maxSlots]int // unit and slot
	n := 0
	for slot := range p.slots {
		if w := p.bucket.entry(slot).load(); w.state() == live {
			order[n] = w.unit()*maxSlots + slot
			n++
		}
	}
	slices.Sort(order[:n])
	front, end := p.slots*entryUnits, areaUnits
	for n--; n >= 0; n-- {
		e := p.bucket.entry(order[n] % maxSlots)
		w := e.load()
		if w.state() != live {
			continue // taken out since
		}
		to := end - w.units()
		if w.unit() < front || w.unit() > to {
			p.region.discard(e, w)
			continue
		}
		if w.unit() == to || p.move(e, w, to) {
			end = to
		}
	}
	p.used = units{}
	p.used.set(0, front)
	p.used.set(end, areaUnits-end)
	p.room = end - front
	clear(p.bucket.bytes(front, p.room))
	p.look()
}

// move moves a record to another place, which may overlap with its own: so for
// that time it has no place, and if this process is killed then it is lost. It
// is false if the record was taken out.
func (p *plan) move(e *entry, w word, to int) bool {
	if !e.swap(w, w.withheld()) {
		return false
	}
	copy(p.bucket.bytes(to, w.units()), p.bucket.bytes(w.unit(), w.units()))
	return e.swap(w.withheld(), recordWord(to, w.length(), p.bucket.nextGeneration()))
}
