package region

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// model is what a region should hold: a map. What a Put evicted it finds by
// looking, and judges.
type model struct {
	t       *testing.T
	region  *Region
	entries map[Key]modelEntry
	now     int64
	version uint64
	evicted uint64 // records
	dst     []byte
}

type modelEntry struct {
	data      []byte
	expiry    int64
	space     uint32
	tombstone bool
}

func (m *model) put(k Key, space uint32, expiry int64, n int) {
	m.version++
	data := content(k, m.version, n)
	require.Equal(m.t, Stored, m.region.Put(k, space, expiry, m.now, data))
	m.entries[k] = modelEntry{data: data, expiry: expiry, space: space}
}

func (m *model) remove(k Key, until int64) {
	e, ok := m.entries[k]
	require.Equal(m.t, ok && !e.tombstone && e.expiry >= m.now, m.region.Remove(k, 0, m.now, until))
	if ok && !e.tombstone || until > m.now {
		delete(m.entries, k)
	}
	if until > m.now {
		m.entries[k] = modelEntry{expiry: until, tombstone: true}
		m.settle(k)
	}
}

func (m *model) look(k Key, lookup func(Key, int64, []byte) (int, int64, Verdict)) Verdict {
	n, expiry, v := lookup(k, m.now, m.dst)
	if e := m.entries[k]; v == Found && (!bytes.Equal(e.data, m.dst[:n]) || e.expiry != expiry) {
		m.t.Fatalf("found %x until %d, not %x until %d", m.dst[:n], expiry, e.data, e.expiry)
	}
	return v
}

// check looks whether a key is as it should be.
func (m *model) check(k Key) {
	want := Absent
	if e, ok := m.entries[k]; ok && e.expiry >= m.now {
		want = Found
		if e.tombstone {
			want = Removed
		}
	}
	require.Equal(m.t, want, m.look(k, m.region.Get))
	if m.version%3 == 0 {
		require.Equal(m.t, want, m.look(k, m.region.Take))
		if want == Found {
			delete(m.entries, k)
		}
	}
}

func (m *model) flush(space uint32, before int64, all bool) {
	n := 0
	for k, e := range m.entries {
		if !e.tombstone && e.space == space && (all || e.expiry < before) {
			delete(m.entries, k)
			if e.expiry >= m.now {
				n++
			}
		}
	}
	// What has expired may have been taken out before.
	require.GreaterOrEqual(m.t, m.region.Flush(space, before, all, m.now), n)
}

// settle finds what storing a key has evicted: entries of the bucket into which
// the key went, and none that goes after one that is left there.
func (m *model) settle(stored Key) {
	var out []modelEntry
	for k, e := range m.entries {
		if e.expiry < m.now {
			delete(m.entries, k)
		} else if m.look(k, m.region.Get) == Absent {
			require.NotEqual(m.t, stored, k)
			b := m.region.candidates(&k)
			require.True(m.t, b[0] == m.bucketOf(stored) || b[1] == m.bucketOf(stored))
			out = append(out, e)
			delete(m.entries, k)
			if !e.tombstone {
				m.evicted++
			}
		}
	}
	require.Equal(m.t, m.evicted, m.region.totals.Evicted)
	if len(out) == 0 {
		return
	}
	for k, e := range m.entries {
		if k == stored || m.bucketOf(k) != m.bucketOf(stored) {
			continue
		}
		for _, gone := range out {
			require.LessOrEqual(m.t, gone.compare(e), 0)
		}
	}
}

// compare is the order of eviction.
func (e modelEntry) compare(other modelEntry) int {
	if e.tombstone != other.tombstone {
		if e.tombstone {
			return -1
		}
		return 1
	}
	return cmp.Compare(e.expiry, other.expiry)
}

func (m *model) bucketOf(k Key) *bucket {
	for _, b := range m.region.candidates(&k) {
		s := b.search(&k)
		for slot := s.slot(); slot >= 0; slot = s.slot() {
			if e := b.entry(slot); e.has(&k) && e.load().state() != free {
				return b
			}
		}
	}
	m.t.Fatal("a key is in no bucket")
	return nil
}

// The region does what the model does, with short and with long records, with
// and without the need to evict.
func TestRegion_Model(t *testing.T) {
	for _, c := range []struct {
		name    string
		keys    uint64
		length  func(r *rand.Rand) int
		buckets int
		fill    uint64 // keys that are put first and fit; 0: all keys fit
	}{
		{"roomy", 300, func(r *rand.Rand) int { return r.IntN(300) }, 12, 0},
		{"short", 4000, func(r *rand.Rand) int { return r.IntN(10) }, 4, 900},
		{"usual", 1000, func(r *rand.Rand) int { return 100 + r.IntN(300) }, 4, 320},
		{"mixed", 300, func(r *rand.Rand) int { return r.IntN(2) * r.IntN(5000) }, 4, 50},
		{"long", 40, func(r *rand.Rand) int { return r.IntN(MaxRecord - 16) }, 4, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := model{t: t, region: open(t, MinSize+(c.buckets-4)*bucketSize),
				entries: map[Key]modelEntry{}, dst: make([]byte, MaxRecord)}
			r := rand.New(rand.NewPCG(1, c.keys))
			put := func(k Key) {
				m.put(k, r.Uint32N(3), m.now+r.Int64N(1000), c.length(r))
			}
			for n := range c.fill {
				put(numbered(n))
			}
			require.Zero(t, m.region.totals.Evicted)
			steps := scaled(1500)
			for range steps {
				k := numbered(r.Uint64N(c.keys))
				switch act := r.IntN(1000); {
				case act < 500:
					put(k)
					m.settle(k)
				case act < 600:
					m.remove(k, m.now+r.Int64N(400)-200)
				case act < 990:
					m.check(k)
				case act < 991:
					m.flush(r.Uint32N(3), m.now+r.Int64N(500)-100, r.IntN(8) == 0)
				default:
					m.now += r.Int64N(10)
				}
			}
			for n := range c.keys {
				m.check(numbered(n))
			}
			if steps == 1500 {
				require.Equal(t, c.fill > 0, m.evicted > 0)
			}
			require.Zero(t, m.region.totals.Damaged)
			require.Zero(t, m.region.totals.Busy)
			require.Zero(t, m.region.totals.Overtaken)
		})
	}
}
