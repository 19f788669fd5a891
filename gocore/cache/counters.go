package cache

import "sync/atomic"

// Counters is what a table counts. At any time
//
//	Lookups = Hits + Misses
//	Entries = Adds - Replaced - Evicted - Expired - Removed - Flushed
//
// The fields and their order are those of sscore_counters in cshim/sscore.h.
type Counters struct {
	Lookups  uint64 // sessions asked for
	Hits     uint64 // of these, found and not expired
	Misses   uint64 // of these, not found or expired
	Adds     uint64 // sessions stored
	Replaced uint64 // sessions displaced by another one with the same key
	Evicted  uint64 // sessions displaced because the table was full
	Expired  uint64 // sessions removed or flushed after their expiry
	Removed  uint64 // sessions removed before their expiry
	Flushed  uint64 // sessions flushed before their expiry
	Entries  uint64 // sessions stored now

	// Of the hits, those that were not in the table: see Table.Found.
	SharedHits uint64 // found in the region of the host's workers
	StoredHits uint64 // found in the store of several hosts
}

// tally counts for one table. Its methods are called under the table's lock.
type tally struct {
	own Counters
	// sum is what several tables share, so it is updated atomically: read it
	// so too. Its fields, taken together, are exact only when nothing runs.
	sum *Counters
}

func (t *tally) init(sum *Counters) {
	if sum == nil {
		sum = new(Counters)
	}
	t.sum = sum
}

func (t *tally) hit() {
	count(&t.own.Lookups, &t.sum.Lookups)
	count(&t.own.Hits, &t.sum.Hits)
}

func (t *tally) miss() {
	count(&t.own.Lookups, &t.sum.Lookups)
	count(&t.own.Misses, &t.sum.Misses)
}

func (t *tally) found(where Where) {
	t.own.Misses--
	atomic.AddUint64(&t.sum.Misses, ^uint64(0))
	count(&t.own.Hits, &t.sum.Hits)
	switch where {
	case InRegion:
		count(&t.own.SharedHits, &t.sum.SharedHits)
	case InStore:
		count(&t.own.StoredHits, &t.sum.StoredHits)
	}
}

func (t *tally) used() {
	t.own.Hits--
	atomic.AddUint64(&t.sum.Hits, ^uint64(0))
	count(&t.own.Misses, &t.sum.Misses)
}

func (t *tally) added() {
	count(&t.own.Adds, &t.sum.Adds)
	count(&t.own.Entries, &t.sum.Entries)
}

func (t *tally) replaced() {
	count(&t.own.Adds, &t.sum.Adds)
	count(&t.own.Replaced, &t.sum.Replaced)
}

func (t *tally) evicted(n uint64) {
	t.gone(&t.own.Evicted, &t.sum.Evicted, n)
}

func (t *tally) expired(n uint64) {
	t.gone(&t.own.Expired, &t.sum.Expired, n)
}

func (t *tally) removed(n uint64) {
	t.gone(&t.own.Removed, &t.sum.Removed, n)
}

// retired counts a session that C took out of service. C has counted it in the
// sums; if it was not stored any more, it has been counted there before.
func (t *tally) retired(expired, stored bool) {
	own, sum := &t.own.Removed, &t.sum.Removed
	if expired {
		own, sum = &t.own.Expired, &t.sum.Expired
	}
	if !stored {
		atomic.AddUint64(sum, ^uint64(0))
		atomic.AddUint64(&t.sum.Entries, 1)
		return
	}
	*own++
	t.own.Entries--
}

// noted counts a session that C has added, and counted in the sums.
func (t *tally) noted() {
	t.own.Adds++
	t.own.Entries++
}

// notedTwice is noted for one that displaced another with the same key.
func (t *tally) notedTwice() {
	t.own.Adds++
	count(&t.own.Replaced, &t.sum.Replaced)
	atomic.AddUint64(&t.sum.Entries, ^uint64(0))
}

// notedInVain is noted for one that was not stored after all.
func (t *tally) notedInVain() {
	atomic.AddUint64(&t.sum.Adds, ^uint64(0))
	atomic.AddUint64(&t.sum.Entries, ^uint64(0))
}

func (t *tally) flushed(n uint64) {
	t.gone(&t.own.Flushed, &t.sum.Flushed, n)
}

// gone counts n sessions that are no longer stored, for one reason.
func (t *tally) gone(own, sum *uint64, n uint64) {
	if n == 0 {
		return
	}
	*own += n
	atomic.AddUint64(sum, n)
	t.own.Entries -= n
	atomic.AddUint64(&t.sum.Entries, -n)
}

func count(own, sum *uint64) {
	*own++
	atomic.AddUint64(sum, 1)
}
