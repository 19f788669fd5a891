package engine

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
)

// numbered is one of many sessions that differ in their IDs alone.
func (s session) numbered(n uint64) session {
	binary.LittleEndian.PutUint64(s.key.ID[:], n)
	return s
}

// No operation of a handshake allocates: the garbage collector has nothing to do
// however many there are. What waits for the store has to be copied, and is left
// out here.
func TestContext_DoesNotAllocate(t *testing.T) {
	const capacity = 500
	for name, how := range map[string]struct {
		sealed bool
		caches Caches
		id     Identity
	}{
		"a table":              {},
		"a region":             {caches: Region, id: service},
		"a region, by context": {caches: Region},
		"a sealed region":      {caches: Region, id: service, sealed: true},
	} {
		if how.sealed && racetest.Enabled { // sync.Pool forgets at random then
			continue
		}
		h := newHost(t)
		h.sealed = how.sealed
		process := h.process()
		c, other := process.NewContext(capacity), process.NewContext(0)
		if how.caches != 0 {
			c.Identify(&how.id)
			other.Identify(&how.id)
		}
		s := load(t, "3.0-tls12-server.der")
		evicted := make([]cache.Ref, 8)
		room := make([]byte, 4096)
		n := uint64(0)
		add := func() {
			n++
			shared := Session{DER: s.der, Caches: how.caches}
			result, _, _, _ := c.Add(s.numbered(n).key, cache.Ref(n), cache.Object(n), now, now+300,
				shared, 0, false, evicted)
			require.Equal(t, cache.Added, result)
		}
		find := func(c *Context, key cache.Key, caches Caches, wanted Verdict) Found {
			f, v := c.Lookup(&Query{Key: key, Now: now, Caches: caches, Room: room})
			if v != wanted {
				t.Fatalf("%s: %d is found, not %d", name, v, wanted)
			}
			return f
		}
		for range 4 * capacity { // the table and the region have become full
			add()
		}
		// One that another worker finds, as it was made; it outlives the others.
		c.Add(s.key, 1, 1, now, now+600, Session{DER: s.der, Caches: how.caches}, 0, false, evicted)

		type act struct {
			name string
			run  func()
		}
		acts := []act{
			{"Add evicts", add},
			{"Add same", func() {
				c.Add(s.key, 1, 1, now, now+600, Session{DER: s.der, Caches: how.caches}, 0, false, evicted)
			}},
			{"Share", func() { c.Share(s.key, now, now+600, Session{DER: s.der, Caches: how.caches}) }},
			{"Lookup hit", func() { find(c, s.key, how.caches, Hit) }},
			{"Lookup miss", func() { find(c, s.numbered(1<<40).key, how.caches, Miss) }},
			{"Contains", func() { c.Contains(s.key, now, how.caches) }},
			{"Stamp", func() { c.Stamp(s.key) }},
			{"Touch", func() { c.Touch(s.key, 1, now+600) }},
			{"Remove and Add", func() { c.Remove(s.numbered(n).key, 0, now, now+300, how.caches); n--; add() }},
			{"Remove none", func() { c.Remove(s.numbered(1<<40).key, 0, now, now+300, how.caches) }},
		}
		if how.caches != 0 {
			acts = append(acts, []act{
				{"Lookup shared", func() { find(other, s.key, how.caches, Shared) }},
				{"Lookup short", func() {
					f, v := other.Lookup(&Query{Key: s.key, Now: now, Caches: how.caches, Room: room[:10]})
					if v != Room || f.Len != len(s.der) {
						t.Fatalf("%s: %d", name, v)
					}
				}},
				{"Lookup takes", func() {
					c.Share(s.key, now, now+600, Session{DER: s.der, Caches: how.caches})
					find(other, s.key, how.caches|Take, Shared)
				}},
			}...)
		}
		for _, act := range acts {
			if n := testing.AllocsPerRun(200, act.run); n != 0 {
				t.Errorf("%s: %s: %v allocations", name, act.name, n)
			}
		}
	}
}
