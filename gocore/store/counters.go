package store

import "sync/atomic"

// Counters is what a store counts. A Get counts in one of Hits, Misses, Errors
// and Timeouts, or in none of them while the breaker is open. A Put and a
// Delete count in one of Writes, Deletes, Errors and Dropped, once it is known
// what became of them.
//
// The fields and their order are those of sscore_store_counters in
// cshim/sscore.h.
type Counters struct {
	Hits     uint64 // values found
	Misses   uint64 // keys that the store does not have
	Errors   uint64 // reads and writes that failed, other than by time
	Timeouts uint64 // reads that were not answered in time
	Writes   uint64 // values written
	Dropped  uint64 // writes and deletions never sent: no room, breaker open, too large, expired
	Deletes  uint64 // keys deleted, whether the store had them or not
	Opened   uint64 // times that a breaker opened
	Open     uint64 // breakers open now: one for each memcached, else one for all
}

func count(field *uint64) {
	atomic.AddUint64(field, 1)
}

func uncount(field *uint64) {
	atomic.AddUint64(field, ^uint64(0))
}
