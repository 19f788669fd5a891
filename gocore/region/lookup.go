package region

import (
	"runtime"
	"sync/atomic"
)

const (
	// A record is withheld for less than a microsecond unless the writer does not
	// run; then it is missed.
	withheldTries = 100
	// A checksum that fails while the word stays as it is fails for good; once
	// more costs little.
	damagedTries = 3
)

// Get copies a record to dst: Found, n is its length, and expiry that of its Put.
//
// Absent also stands for a record that has expired, and Removed for a key with a
// tombstone. Short means that dst is too small: n is the length needed, at most
// MaxRecord, and the record may change before the next call. Unless Found, the
// content of dst is of no use. Short counts neither as a hit nor as a miss.
func (r *Region) Get(k Key, now int64, dst []byte) (n int, expiry int64, v Verdict) {
	return r.lookup(&k, now, dst, false)
}

// Take is Get for a record that is good for one use: it takes the record out, and
// of all who try to take what one Put stored, in whatever process, exactly one
// gets Found. If dst is too small nothing is taken.
func (r *Region) Take(k Key, now int64, dst []byte) (n int, expiry int64, v Verdict) {
	return r.lookup(&k, now, dst, true)
}

func (r *Region) lookup(k *Key, now int64, dst []byte, take bool) (n int, expiry int64, v Verdict) {
search:
	for _, b := range r.candidates(k) {
		s := b.search(k)
		for slot := s.slot(); slot >= 0; slot = s.slot() {
			if n, expiry, v = r.inspect(b, slot, k, now, dst, take); v != Absent {
				break search
			}
		}
	}
	switch v {
	case Found:
		r.count(&r.totals.Hits)
		if take {
			r.count(&r.totals.Taken)
		}
	case Absent, Removed:
		r.count(&r.totals.Misses)
	}
	return n, expiry, v
}

// inspect looks whether a slot has a key, and does what a lookup is to do. The
// word is read again whenever something does not fit: then the record has gone
// to another place, or out, or its bytes have changed under the copy.
func (r *Region) inspect(b *bucket, slot int, k *Key, now int64, dst []byte, take bool) (
	n int, expiry int64, v Verdict) {
	e := b.entry(slot)
	damaged := 0
	for range withheldTries {
		w := e.load()
		m := e.loadMeta()
		if w.state() == free || !e.has(k) || m.expired(now) {
			return 0, 0, Absent
		}
		switch w.state() {
		case tombstone:
			if word(r.tombstoneSum(k, m, w.generation()))&placeMask == w&placeMask {
				return 0, 0, Removed
			}
		case live:
			if n = w.length(); n > len(dst) && w.end() <= areaUnits {
				return n, m.expiry(), Short
			}
			if w.end() <= areaUnits && r.copyOut(b, k, w, m, dst[:n]) {
				if !take && e.load() == w || take && r.take(b, e, w, k) {
					return n, m.expiry(), Found
				}
				continue
			}
		case withheld:
			runtime.Gosched()
			continue
		}
		if e.load() != w {
			continue
		}
		if damaged++; damaged == damagedTries {
			r.discard(e, w)
			return 0, 0, Absent
		}
	}
	return 0, 0, Absent
}

// copyOut copies a record's data and is true if its checksum holds for the copy.
func (r *Region) copyOut(b *bucket, k *Key, w word, m meta, dst []byte) bool {
	sum := atomic.LoadUint64(b.sum(w.unit()))
	copy(dst, b.data(w.unit(), len(dst)))
	return r.recordSum(k, m, dst) == sum
}

// take takes out a record that was copied; false if somebody else did, or moved
// it.
func (r *Region) take(b *bucket, e *entry, w word, k *Key) bool {
	r.advance(k)
	taken := r.takeOut(b, e, w)
	r.advance(k)
	return taken
}

// takeOut frees an entry whose word is w; false if it is another one by now. It
// needs no lock. If nobody has it, though, it is taken for as long as it takes to
// wipe the record, which cannot be done while a writer may give its place away.
func (r *Region) takeOut(b *bucket, e *entry, w word) bool {
	mine, locked := r.tryLock(b)
	out := e.swap(w, 0)
	if locked {
		if out {
			b.wipe(w)
		}
		b.release(mine)
	}
	return out
}

// discard takes out an entry that makes no sense. Its bytes may be those of
// another record, so they are not wiped.
func (r *Region) discard(e *entry, w word) {
	if e.swap(w, 0) {
		r.count(&r.totals.Damaged)
	}
}

// wipe overwrites the record that a word stood for.
func (b *bucket) wipe(w word) {
	if w.state() == live && w.end() <= areaUnits {
		clear(b.bytes(w.unit(), w.units()))
	}
}
