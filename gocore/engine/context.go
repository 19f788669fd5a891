package engine

import (
	"sync/atomic"
	"time"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/record"
	"github.com/libsesscache/libsesscache/gocore/region"
)

// maxStored bounds the life of a session in the store. Longer than seven days
// no session is to be resumed (RFC 8446, section 4.6.1).
const maxStored = 7 * 24 * time.Hour

// Context is the cache of one SSL_CTX: its table, and what it shares. What is
// promoted from the table concerns the table alone.
type Context struct {
	*cache.Table
	engine *Engine
	owner  atomic.Pointer[owner] // nil until Identify
}

// NewContext makes a context whose table holds capacity sessions, 0 for no
// limit. It shares nothing before Identify. It is nil if memory is short.
func (e *Engine) NewContext(capacity uint64) *Context {
	c := &Context{engine: e}
	c.Table = cache.New(cache.Options{Capacity: capacity, Totals: e.totals, Stamps: c})
	if c.Table == nil {
		return nil
	}
	return c
}

// Identify says whose sessions the context has, and returns the caches that can
// share them. A later call replaces the identity; what the table holds is then
// looked for in the caches of the new one.
func (c *Context) Identify(id *Identity) Caches {
	o := c.engine.owner(id)
	c.owner.Store(o)
	if o.caches&Region != 0 {
		var m cache.StampMemory
		m.Space, m.Stamps, m.Mask = c.engine.region.StampMemory(o.space)
		c.ShareStamps(m)
	}
	return o.caches
}

// Stamp is the table's view of what other processes removed.
func (c *Context) Stamp(k cache.Key) uint32 {
	o := c.owner.Load()
	if o == nil || o.caches&Region == 0 {
		return 0
	}
	return c.engine.region.Stamp(o.regionKey(&k), o.space)
}

// sharing is the context's owner and those of the caches that it has.
func (c *Context) sharing(caches Caches) (*owner, Caches) {
	o := c.owner.Load()
	if o == nil {
		return nil, 0
	}
	caches &= o.caches&^Bind | Take
	if caches&^Take == 0 {
		return nil, 0
	}
	return o, caches
}

// Session is what an Add shares: the session in DER, and the caches it is for.
// It belongs to the caller, who wipes it.
type Session struct {
	DER         []byte
	Caches      Caches
	Certificate []byte // that of the connection, in DER, if Identify said Bind
}

// Add is the table's, and shares what is stored. If the session came from a
// lookup, promoted is true and stamp what that said.
func (c *Context) Add(k cache.Key, ref cache.Ref, object cache.Object, now, expiry int64, s Session,
	stamp uint32, promoted bool, evicted []cache.Ref) (
	result cache.Result, replaced cache.Ref, n int, more bool) {
	o := c.owner.Load()
	if o == nil {
		return c.Table.AddStamped(k, ref, object, expiry, 0, evicted)
	}
	if !promoted {
		stamp = c.Stamp(k)
	}
	result, replaced, n, more = c.Table.AddStamped(k, ref, object, expiry, stamp, evicted)
	given := len(s.DER) > 0 && s.Caches&Region != 0
	if result == cache.Added && !promoted && !given {
		c.noteAlone(&k, now)
	}
	if result != cache.Failed && len(s.DER) > 0 {
		c.Share(k, now, expiry, s)
	}
	return result, replaced, n, more
}

// noteAlone notes of a session that was not given to the region that no other
// process has it, unless the region has it from before. The region is asked for a
// session of early data, whose first use has to be told; for this one it need not.
func (c *Context) noteAlone(k *cache.Key, now int64) {
	if o, _ := c.sharing(Region); o != nil && !c.inRegion(k, now) {
		c.SetAlone(*k, true)
	}
}

// Share gives a session that the table has to other processes and hosts. It
// never waits for a network; what cannot be shared is counted and left out.
func (c *Context) Share(k cache.Key, now, expiry int64, s Session) {
	o, caches := c.sharing(s.Caches)
	if o == nil || len(s.DER) == 0 || expiry < now {
		return
	}
	if o.caches&Bind != 0 && len(s.Certificate) == 0 {
		caches &^= Store
	}
	var id record.Identity
	var sealed []byte
	if caches&Store != 0 || c.engine.sealed {
		id = o.recordIdentity(&k, s.Certificate)
		room := getScratch()
		defer putScratch(room)
		var err error
		sealed, err = record.Seal(c.engine.keys, room.sealed[:0], &id,
			&record.Record{Expiry: expiry, Stored: time.Now().UnixMilli(), DER: s.DER})
		if err != nil {
			return
		}
		room.sealed = sealed
	}
	if caches&Region != 0 {
		data := s.DER
		if c.engine.sealed {
			data = sealed
		}
		c.SetAlone(k, false) // before another process can find it
		if c.engine.region.Put(o.regionKey(&k), o.space, expiry, now, data) != region.Stored {
			c.noteAlone(&k, now)
		}
	}
	if caches&Store != 0 {
		c.engine.store.Put(record.StoreKey(&id), sealed, lifetime(expiry, now))
	}
}

// lifetime is how long a store may keep a session. It is good in the second of
// its expiry too, but the store need not have it then.
func lifetime(expiry, now int64) time.Duration {
	return time.Duration(min(expiry-now, int64(maxStored/time.Second))) * time.Second
}

// Remove takes a session out of the table and of the caches, from which it does
// not come back. It is true, with the table's reference if it had one, if the
// session was in the table or in the region. If object is not 0, only that very
// object is taken, and only from the table.
func (c *Context) Remove(k cache.Key, object cache.Object, now, expiry int64, caches Caches) (cache.Ref, bool) {
	ref, found := c.Table.Remove(k, object, now)
	o, caches := c.sharing(caches)
	if o == nil || object != 0 {
		return ref, found
	}
	return ref, c.removeShared(o, k, now, expiry, caches) || found
}

// removeShared takes a session out of the caches. It is true if the region had it.
func (c *Context) removeShared(o *owner, k cache.Key, now, expiry int64, caches Caches) (found bool) {
	if caches&Region != 0 {
		var until int64
		if caches&Store != 0 {
			// The store may be out of reach, or another write to it under way.
			until = tombstone(expiry, now)
		}
		found = c.engine.region.Remove(o.regionKey(&k), o.space, now, until)
	}
	if caches&Store != 0 {
		id := o.recordIdentity(&k, nil)
		c.engine.store.Delete(record.StoreKey(&id))
	}
	return found
}

// tombstone is how long it has to be known that a session was removed.
func tombstone(expiry, now int64) int64 {
	return min(expiry, now+int64(maxStored/time.Second))
}

// Flush is the table's, after the same has been done to the region. Sessions
// that have expired need no walk there: no lookup finds them. Of the store's,
// this host no longer takes those that were stored until now.
func (c *Context) Flush(tm int64, all bool, now int64, caches Caches) *cache.Cursor {
	if o, caches := c.sharing(caches); o != nil && caches&Region != 0 && (all || tm > now) {
		c.engine.region.Flush(o.space, tm, all, now)
	}
	return c.Table.Flush(tm, all, now)
}

// Contains is whether the table has the session, expired or not, or the region.
func (c *Context) Contains(k cache.Key, now int64, caches Caches) bool {
	return c.Table.Contains(k) || caches&Region != 0 && c.inRegion(&k, now)
}
