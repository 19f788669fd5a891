package region

import "sync/atomic"

// Put stores a record until its expiry, instead of what was there under the key,
// be it a tombstone. To make room in the bucket, what has expired goes first,
// then tombstones, then the records that expire first.
//
// Of a space the lower 24 bits count. An expiry before the epoch is kept as 0.
//
// It waits up to about 12 ms while others write to the bucket, and returns Busy
// after that.
func (r *Region) Put(k Key, space uint32, expiry, now int64, record []byte) Result {
	return r.put(&k, space, expiry, now, record, nil)
}

// PutIf is Put of a record that the caller did not make but got from elsewhere,
// such as a store outside: it stores only if the Stamp of the key is the one that
// was noted before the record was got. If the key was removed since, or its
// space flushed, the result is Outdated and the record cannot be found.
func (r *Region) PutIf(stamp uint32, k Key, space uint32, expiry, now int64, record []byte) Result {
	return r.put(&k, space, expiry, now, record, &stamp)
}

func (r *Region) put(k *Key, space uint32, expiry, now int64, record []byte, stamp *uint32) Result {
	if len(record) > MaxRecord {
		r.count(&r.totals.Refused)
		return TooLarge
	}
	p, ok := r.acquirePair(k)
	if !ok {
		r.count(&r.totals.Busy)
		return Busy
	}
	defer p.release()
	if stamp != nil && r.Stamp(*k, space) != *stamp {
		return Outdated
	}
	m := makeMeta(expiry, space)
	s, ok := r.makeRoom(&p, k, now, recordUnits(len(record)))
	if !ok {
		r.count(&r.totals.Busy)
		return Busy
	}
	r.bring(s.bucket, s.unit)
	atomic.StoreUint64(s.bucket.sum(s.unit), r.recordSum(k, m, record))
	copy(s.bucket.data(s.unit, len(record)), record)
	w := recordWord(s.unit, len(record), s.bucket.nextGeneration())
	if stamp != nil {
		// Nobody gets it before the stamp was seen to be the same with the record
		// in its place: from then on a removal finds it.
		w = w.withheld()
	}
	if !s.publish(k, m, w) {
		r.count(&r.totals.Busy)
		return Busy
	}
	if stamp != nil && (r.Stamp(*k, space) != *stamp || !s.entry.swap(w, w.released())) {
		if s.entry.swap(w, 0) {
			s.bucket.wipe(w.released())
		}
		return Outdated
	}
	r.count(&r.totals.Puts)
	return Stored
}

// bury leaves a tombstone instead of what is there under the key.
func (r *Region) bury(k *Key, space uint32, until, now int64) {
	p, ok := r.acquirePair(k)
	if ok {
		defer p.release()
		var s site
		if s, ok = r.makeRoom(&p, k, now, 0); ok {
			m := makeMeta(until, space)
			generation := s.bucket.nextGeneration()
			ok = s.publish(k, m, tombstoneWord(r.tombstoneSum(k, m, generation), generation))
		}
	}
	if !ok {
		r.count(&r.totals.Busy)
	}
}

// site is where a new entry goes.
type site struct {
	bucket *bucket
	entry  *entry
	old    word // what the entry has now: it is free
	slot   int
	unit   int // where its record goes
}

// publish makes the entry. Its record must be there already. It is false if
// somebody else has used the slot, because the lock was taken over.
func (s *site) publish(k *Key, m meta, w word) bool {
	s.entry.fill(k, m)
	s.bucket.setTag(s.slot, tagOf(k))
	return s.entry.swap(s.old, w)
}

// drop takes out what is there under a key, in a bucket that is locked.
func (b *bucket) drop(k *Key) {
	s := b.search(k)
	for slot := s.slot(); slot >= 0; slot = s.slot() {
		e := b.entry(slot)
		if w := e.load(); w.state() != free && e.has(k) && e.swap(w, 0) {
			b.wipe(w)
		}
	}
}

// makeRoom finds a place for an entry with so many units, in one of two buckets
// that are locked, and takes out what is there under the key. It is false if a
// lock was taken over meanwhile, in which case it can also be that nothing is
// known any more.
//
// The bucket with the shorter directory is mostly the one with more room. If there
// is room in it the other one need not be looked through, which costs most of all.
func (r *Region) makeRoom(p *pair, k *Key, now int64, units int) (s site, ok bool) {
	var plans [2]plan
	slots := [2]int{p.bucket[0].slots(), p.bucket[1].slots()}
	best := 0
	if slots[1] < slots[0] {
		best = 1
	}
	other := 1 - best
	plans[best].survey(r, p.bucket[best], slots[best], k, now)
	if plans[best].left(units) >= 0 {
		p.bucket[other].drop(k)
	} else if plans[other].survey(r, p.bucket[other], slots[other], k, now); plans[other].better(&plans[best], units) {
		best = other
	}
	chosen := &plans[best]
	slot, unit, ok := chosen.makeRoom(units)
	if !ok || !chosen.bucket.heldBy(p.mine[best]) {
		return s, false
	}
	s = site{bucket: chosen.bucket, entry: chosen.bucket.entry(slot), slot: slot, unit: unit}
	s.old = s.entry.load()
	if slot == chosen.slots {
		// The directory grows over bytes that may be those of a former record.
		ok = s.entry.swap(s.old, 0)
		s.old = 0
	}
	return s, ok && s.old.state() == free
}
