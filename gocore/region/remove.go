package region

// Remove takes out what is there under a key, and advances its stamp whether
// there is anything or not. It is true if there was a record that had not
// expired: of all who remove or take what one Put stored, for one at most.
//
// If tombstoneUntil is greater than now, the key gets a tombstone: Get and Take
// say Removed until then, unless a record is put under the key or room is needed
// in the bucket. Only for the tombstone Remove may have to wait, as Put; if that
// is in vain there is none, which is counted as Busy.
func (r *Region) Remove(k Key, space uint32, now, tombstoneUntil int64) bool {
	r.advance(&k)
	removed := false
	for _, b := range r.candidates(&k) {
		s := b.search(&k)
		for slot := s.slot(); slot >= 0; slot = s.slot() {
			removed = r.removeFrom(b, slot, &k, now) || removed
		}
	}
	if tombstoneUntil > now {
		r.bury(&k, space, tombstoneUntil, now)
	}
	r.advance(&k)
	if removed {
		r.count(&r.totals.Removed)
	}
	return removed
}

// removeFrom takes out the record that a slot has of a key; it goes on until
// there is none. It is true if that had not expired. It is not true of one that
// is withheld, for that may be one of a PutIf which comes too late.
func (r *Region) removeFrom(b *bucket, slot int, k *Key, now int64) bool {
	e := b.entry(slot)
	for {
		w := e.load()
		if w.state() == free || w.state() == tombstone || !e.has(k) {
			return false
		}
		m := e.loadMeta()
		if r.takeOut(b, e, w) {
			return w.state() == live && !m.expired(now)
		}
	}
}

// Flush takes out the records of a space that expire before a time, or all of
// them, and then advances the stamp of the whole space. It returns how many it
// took out. What is put meanwhile may be taken out or not. Tombstones stay.
//
// What remains elsewhere of such records is not to be used: see Flushed. This
// does not concern a flush that can only find records which have expired,
// because before is not greater than now; it advances no stamp either.
func (r *Region) Flush(space uint32, before int64, all bool, now int64) int {
	marks := r.marks(space)
	effective := all || before > now
	if effective {
		marks.advance()
		marks.note(before, all)
	}
	n := 0
	for i := range r.buckets {
		n += r.flushBucket(r.bucket(i), space, before, all, now)
	}
	if effective {
		marks.advance()
	}
	return n
}

// flushBucket holds the lock, if it is to be had, only so that records can be
// wiped; it also does without.
func (r *Region) flushBucket(b *bucket, space uint32, before int64, all bool, now int64) (n int) {
	slots := b.slots()
	if slots == 0 {
		return 0 // so as not to write to memory that was never used
	}
	mine, locked := r.tryLock(b)
	if locked {
		defer b.release(mine)
	}
	for slot := range slots {
		e := b.entry(slot)
		for {
			w, m := e.load(), e.loadMeta()
			if w.state() == free || w.state() == tombstone ||
				!m.in(space) || !all && m.expiry() >= before {
				break
			}
			if !e.swap(w, 0) {
				continue
			}
			if locked {
				b.wipe(w)
			}
			if !m.expired(now) {
				r.count(&r.totals.Removed)
			}
			n++
			break
		}
	}
	return n
}
