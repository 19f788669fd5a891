package region

import "sync/atomic"

// Counters is what a process counted in a region.
type Counters struct {
	Hits      uint64 // records that Get and Take found
	Misses    uint64 // keys that they did not find, or found removed
	Puts      uint64 // records stored
	Evicted   uint64 // records displaced before their expiry, for want of room
	Refused   uint64 // records not stored because they are longer than MaxRecord
	Busy      uint64 // records and tombstones not stored because a lock was not to be had
	Damaged   uint64 // entries taken out because they made no sense or their checksum failed
	Removed   uint64 // records taken out by Remove and Flush before their expiry
	Taken     uint64 // of the hits, those that Take took out
	Overtaken uint64 // locks taken over
}

// count adds one to a counter of the totals.
func (r *Region) count(counter *uint64) {
	atomic.AddUint64(counter, 1)
}
