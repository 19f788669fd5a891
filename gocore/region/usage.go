package region

// Usage is what a region holds.
type Usage struct {
	Size       int // bytes of the memory
	Buckets    int
	Records    int // that can be found
	Expired    int // records and tombstones that make room when it is needed
	Tombstones int // that have not expired
	Bytes      int // taken by all of these in the directories and the areas
}

// Usage walks through the region, for figures and tests. While others change it,
// each bucket is about right.
func (r *Region) Usage(now int64) Usage {
	u := Usage{Size: len(r.mem), Buckets: int(r.buckets)}
	for i := range r.buckets {
		b := r.bucket(i)
		for slot := range b.slots() {
			e := b.entry(slot)
			w, m := e.load(), e.loadMeta()
			switch {
			case w.state() == free:
				continue
			case m.expired(now):
				u.Expired++
			case w.state() == tombstone:
				u.Tombstones++
			default:
				u.Records++
			}
			u.Bytes += (entryUnits + w.units()) * unitSize
		}
	}
	return u
}
