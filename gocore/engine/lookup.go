package engine

import (
	"sync"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/record"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// Verdict is the outcome of a lookup; the values are those of cshim/sscore.h.
type Verdict int

// The verdicts.
const (
	Miss   Verdict = iota // not found
	Hit                   // found in the table
	Stale                 // found in the table, but expired
	Shared                // found in the region: its DER was copied out
	Stored                // found in the store: its DER was copied out
	Room                  // found, but the room is too small for its DER: look up again with more
)

// Found is what a lookup found.
type Found struct {
	Ref     cache.Ref // Hit, Stale: the table's reference
	Revoked cache.Ref // out of the table, for another process removed the session; or 0
	Stamp   uint32    // Shared, Stored: what Add is to be given
	Len     int       // Shared, Stored: length of the DER; Room: what is needed
}

// Query is what a lookup asks for.
type Query struct {
	Key    cache.Key
	Now    int64
	Caches Caches
	// Certificate is that of the connection, in DER, if Identify said Bind.
	Certificate []byte
	// Room is where the DER of a session goes that the table does not have. The
	// caller wipes it.
	Room []byte
}

// Lookup finds a session in the table, then in the caches. It waits for the
// store as long as the settings say, for nothing else.
//
// With Take, a session is found only by who takes it out of the region; another
// lookup of it with Take finds nothing.
func (c *Context) Lookup(q *Query) (found Found, verdict Verdict) {
	o, caches := c.sharing(q.Caches)
	ref, v := c.Table.Lookup(q.Key, q.Now)
	switch v {
	case cache.Stale:
		found.Ref = ref
		return found, Stale
	case cache.Hit:
		if o == nil || caches&(Region|Take) != Region|Take || c.Alone(q.Key) ||
			c.engine.region.Remove(o.regionKey(&q.Key), o.space, q.Now, 0) {
			found.Ref = ref
			return found, Hit
		}
		c.Table.Used()
		if c.Revoke(q.Key, ref) {
			found.Revoked = ref
		}
		return found, Miss
	case cache.Revoked:
		// Stamps change for other reasons too; the region knows.
		if stamp := c.Stamp(q.Key); caches&Take == 0 && c.inRegion(&q.Key, q.Now) {
			c.Confirm(q.Key, ref, stamp)
			found.Ref = ref
			return found, Hit
		}
		if c.Revoke(q.Key, ref) {
			found.Revoked = ref
		}
	}
	if o == nil {
		return found, Miss
	}
	removed := false
	if caches&Region != 0 {
		// Before the region is asked: what is removed after that is revoked.
		found.Stamp = c.Stamp(q.Key)
		found.Len, verdict, removed = c.fromRegion(o, q, caches)
	}
	if verdict == Miss && caches&Store != 0 && caches&Take == 0 && !removed {
		found.Len, verdict = c.fromStore(o, q, caches, found.Stamp)
	}
	switch verdict {
	case Shared:
		c.Table.Found(cache.InRegion)
	case Stored:
		c.Table.Found(cache.InStore)
	}
	return found, verdict
}

// inRegion is whether the region has a session, whatever the caches of an
// operation are.
func (c *Context) inRegion(k *cache.Key, now int64) bool {
	o, caches := c.sharing(Region)
	if o == nil || caches&Region == 0 {
		return false
	}
	_, _, v := c.engine.region.Get(o.regionKey(k), now, nil)
	return v == region.Found || v == region.Short
}

// fromRegion looks into the region. Removed tells that nobody else is to be
// asked: the session was removed here.
func (c *Context) fromRegion(o *owner, q *Query, caches Caches) (n int, v Verdict, removed bool) {
	get := c.engine.region.Get
	if caches&Take != 0 {
		get = c.engine.region.Take
	}
	if !c.engine.sealed {
		n, _, verdict := get(o.regionKey(&q.Key), q.Now, q.Room)
		switch verdict {
		case region.Found:
			return n, Shared, false
		case region.Short:
			return n, Room, false
		}
		return 0, Miss, verdict == region.Removed
	}
	buf := getScratch()
	defer putScratch(buf)
	n, _, verdict := get(o.regionKey(&q.Key), q.Now, buf.sealed[:cap(buf.sealed)])
	if verdict != region.Found {
		return 0, Miss, verdict == region.Removed
	}
	id := o.recordIdentity(&q.Key, q.Certificate)
	rec, err := record.Open(c.engine.keys, buf.plain[:0], buf.sealed[:n], &id)
	if err != nil {
		c.engine.refused()
		return 0, Miss, false
	}
	buf.opened = rec.DER
	if rec.Expiry < q.Now {
		return 0, Miss, false
	}
	if n, v = copyOut(q.Room, rec.DER); v == Room && caches&Take != 0 {
		return 0, Miss, false // it is taken: there is no second look
	}
	return n, v, false
}

// fromStore asks the store, and gives what it has to the region, unless the
// session was removed since its stamp was taken.
func (c *Context) fromStore(o *owner, q *Query, caches Caches, stamp uint32) (int, Verdict) {
	if o.caches&Bind != 0 && len(q.Certificate) == 0 {
		return 0, Miss
	}
	id := o.recordIdentity(&q.Key, q.Certificate)
	buf := getScratch()
	defer putScratch(buf)
	value, v := c.engine.store.Get(record.StoreKey(&id), buf.sealed[:0])
	if v != store.Found {
		return 0, Miss
	}
	buf.sealed = value
	rec, err := record.Open(c.engine.keys, buf.plain[:0], value, &id)
	if err != nil {
		c.engine.refused()
		return 0, Miss
	}
	buf.opened = rec.DER
	if rec.Expiry < q.Now || c.flushed(o, &rec) {
		return 0, Miss
	}
	n, verdict := copyOut(q.Room, rec.DER)
	if verdict == Room {
		return n, Room
	}
	if caches&Region != 0 {
		data := rec.DER
		if c.engine.sealed {
			data = value
		}
		// It is not what it was found to be if it has been removed since.
		if c.engine.region.PutIf(stamp, o.regionKey(&q.Key), o.space, rec.Expiry, q.Now, data) == region.Outdated {
			return 0, Miss
		}
	}
	return n, Stored
}

// flushed is whether a flush on this host concerned the record.
func (c *Context) flushed(o *owner, rec *record.Record) bool {
	if c.engine.region == nil {
		return false
	}
	return c.engine.region.Flushed(o.space, rec.Stored, rec.Expiry)
}

func copyOut(room, der []byte) (int, Verdict) {
	if len(der) > len(room) {
		return len(der), Room
	}
	return copy(room, der), Shared
}

// scratch are buffers of one operation.
type scratch struct {
	sealed, plain []byte
	opened        []byte // a session that was opened: a part of plain, or memory of its own
}

var scratches = sync.Pool{New: func() any {
	return &scratch{sealed: make([]byte, 0, region.MaxRecord), plain: make([]byte, 0, region.MaxRecord)}
}}

func getScratch() *scratch {
	return scratches.Get().(*scratch)
}

// putScratch leaves nothing of a session in the buffers.
func putScratch(s *scratch) {
	clear(s.opened)
	s.sealed, s.opened = s.sealed[:0], nil
	scratches.Put(s)
}
