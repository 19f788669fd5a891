package cache

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// model does what Table does, in the plainest way: a map, and a slice that is
// sorted anew when the order matters.
type model struct {
	capacity uint64
	stored   map[Key]*modelEntry
	adds     uint64 // counts adds: the last one is spared by evict
	places   uint64 // counts placements
	late     bool   // an add has left more than the capacity
	counters Counters
}

type modelEntry struct {
	key    Key
	ref    Ref
	object Object
	expiry int64
	place  uint64 // when it was placed
	added  uint64 // when it was added
}

func newModel(capacity uint64) *model {
	return &model{capacity: capacity, stored: map[Key]*modelEntry{}}
}

func (m *model) ordered() []*modelEntry {
	var all []*modelEntry
	for _, e := range m.stored {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *modelEntry) int {
		if a.expiry != b.expiry {
			if a.expiry < b.expiry {
				return -1
			}
			return 1
		}
		return int(a.place) - int(b.place)
	})
	return all
}

func (m *model) place(e *modelEntry, expiry int64) {
	m.places++
	e.place = m.places
	e.expiry = expiry
}

func (m *model) lookup(k Key, now int64) (Ref, Verdict) {
	m.counters.Lookups++
	e := m.stored[k]
	switch {
	case e == nil:
		m.counters.Misses++
		return 0, Miss
	case now > e.expiry:
		m.counters.Misses++
		return e.ref, Stale
	}
	m.counters.Hits++
	return e.ref, Hit
}

func (m *model) add(k Key, ref Ref, object Object, expiry int64, room int) (Result, Ref, []Ref, bool) {
	e := m.stored[k]
	if e != nil && e.object == object {
		m.place(e, expiry)
		return Same, 0, nil, false
	}
	m.counters.Adds++
	m.adds++
	if e != nil {
		replaced := e.ref
		m.counters.Replaced++
		e.ref, e.object, e.added = ref, object, m.adds
		m.place(e, expiry)
		refs, more := m.evictAfterAdd(room)
		return Replaced, replaced, refs, more
	}
	e = &modelEntry{key: k, ref: ref, object: object, added: m.adds}
	m.stored[k] = e
	m.place(e, expiry)
	refs, more := m.evictAfterAdd(room)
	return Added, 0, refs, more
}

func (m *model) evict(room int) (refs []Ref, more bool) {
	if !m.late {
		return nil, false
	}
	return m.evictAfterAdd(room)
}

func (m *model) evictAfterAdd(room int) (refs []Ref, more bool) {
	m.late = false
	if m.capacity == 0 {
		return nil, false
	}
	for _, e := range m.ordered() {
		if uint64(len(m.stored)) <= m.capacity {
			break
		}
		if e.added == m.adds {
			continue
		}
		if len(refs) == room {
			m.late = true
			return refs, true
		}
		m.counters.Evicted++
		delete(m.stored, e.key)
		refs = append(refs, e.ref)
	}
	return refs, false
}

func (m *model) remove(k Key, object Object, now int64) (Ref, bool) {
	e := m.stored[k]
	if e == nil || object != 0 && e.object != object {
		return 0, false
	}
	if now > e.expiry {
		m.counters.Expired++
	} else {
		m.counters.Removed++
	}
	delete(m.stored, k)
	return e.ref, true
}

func (m *model) touch(k Key, object Object, expiry int64) bool {
	e := m.stored[k]
	if e == nil || e.object != object {
		return false
	}
	m.place(e, expiry)
	return true
}

// walk is a cursor under way and what it has to give.
type walk struct {
	cursor *Cursor
	take   bool
	all    bool
	tm     int64
	now    int64
	adds   uint64 // of the model when it began
	places uint64 // of the model when it began
	given  map[Ref]bool
	stored map[Ref]bool // when it began
}

// choices are the bytes that decide what happens: random or from a fuzzer.
type choices struct{ bytes []byte }

func (c *choices) take() byte {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return b
}

// driver does the same to a table and to the model and compares.
type driver struct {
	t      require.TestingT
	table  *Table
	totals Counters
	model  *model
	in     choices
	keys   int
	now    int64
	ref    Ref
	walks  []*walk
}

// drive does what the bytes say. Of the first ones, one tells how many keys
// there are, one the capacity.
func drive(t require.TestingT, bytes []byte) {
	d := &driver{t: t, in: choices{bytes}}
	d.keys = 1 << (d.in.take() % 9)
	capacity := uint64(d.in.take()) % uint64(d.keys+2)
	d.model = newModel(capacity)
	d.table = New(Options{Capacity: capacity, Totals: &d.totals})
	require.NotNil(t, d.table)
	defer d.table.Close()
	for step := 0; len(d.in.bytes) > 0; step++ {
		d.step()
		if d.keys <= 16 || step%64 == 0 {
			d.compare()
		}
	}
	for _, w := range d.walks {
		for !d.next(w, 3) {
		}
	}
	d.compare()
	d.drain()
}

func (d *driver) step() {
	switch op := d.in.take() % 32; {
	case op < 12:
		d.add()
	case op < 17:
		k := d.key()
		ref, verdict := d.table.Lookup(k, d.now)
		wantRef, wantVerdict := d.model.lookup(k, d.now)
		require.Equal(d.t, wantVerdict, verdict)
		require.Equal(d.t, wantRef, ref)
	case op < 20:
		k, object := d.key(), d.object()
		ref, ok := d.table.Remove(k, object, d.now)
		wantRef, wantOK := d.model.remove(k, object, d.now)
		require.Equal(d.t, wantOK, ok)
		require.Equal(d.t, wantRef, ref)
	case op < 23:
		k, object, expiry := d.key(), d.object(), d.expiry()
		require.Equal(d.t, d.model.touch(k, object, expiry), d.table.Touch(k, object, expiry))
	case op < 24:
		k := d.key()
		require.Equal(d.t, d.model.stored[k] != nil, d.table.Contains(k))
	case op < 25:
		capacity := uint64(d.in.take()) % uint64(d.keys+2)
		d.model.capacity = capacity
		d.table.SetCapacity(capacity)
	case op < 26:
		d.evict()
	case op < 28:
		d.now += int64(d.in.take() % 8)
	case op < 29:
		d.begin()
	default:
		d.advance()
	}
}

// key is one of the keys; they differ in version, length or one byte of the ID.
func (d *driver) key() Key {
	b := int(d.in.take()) % d.keys
	id := make([]byte, MaxIDLen-b%3)
	id[len(id)-1] = byte(b >> 1)
	k, ok := MakeKey(id, 0x0303+int32(b&1))
	require.True(d.t, ok)
	return k
}

func (d *driver) object() Object { return Object(d.in.take() % 4) }

func (d *driver) expiry() int64 {
	switch b := d.in.take(); b {
	case 255:
		return Never
	case 254:
		return math.MinInt64
	case 253:
		return -1
	default:
		return d.now + int64(b%16) - 4
	}
}

func (d *driver) add() {
	k, object, expiry := d.key(), 1+d.object()%3, d.expiry()
	buf := make([]Ref, d.in.take()%4)
	d.ref++
	result, replaced, n, more := d.table.Add(k, d.ref, object, expiry, buf)
	wantResult, wantReplaced, wantEvicted, wantMore := d.model.add(k, d.ref, object, expiry, len(buf))
	require.Equal(d.t, wantResult, result)
	require.Equal(d.t, wantReplaced, replaced)
	require.Equal(d.t, refs(wantEvicted), refs(buf[:n]))
	require.Equal(d.t, wantMore, more)
}

func (d *driver) evict() {
	buf := make([]Ref, d.in.take()%4)
	_, n, more := d.table.Evict(buf)
	want, wantMore := d.model.evict(len(buf))
	require.Equal(d.t, refs(want), refs(buf[:n]))
	require.Equal(d.t, wantMore, more)
}

// begin begins a walk.
func (d *driver) begin() {
	w := &walk{now: d.now, adds: d.model.adds, places: d.model.places}
	w.given, w.stored = map[Ref]bool{}, map[Ref]bool{}
	for _, e := range d.model.stored {
		w.stored[e.ref] = true
	}
	switch d.in.take() % 4 {
	case 0:
		w.cursor = d.table.Snapshot()
	case 1:
		w.take, w.all = true, true
		w.cursor = d.table.Flush(0, true, w.now)
	default:
		w.take, w.tm = true, d.expiry()
		w.cursor = d.table.Flush(w.tm, false, w.now)
	}
	d.walks = append(d.walks, w)
}

// advance lets a walk go on.
func (d *driver) advance() {
	if len(d.walks) == 0 {
		return
	}
	i := int(d.in.take()) % len(d.walks)
	if d.next(d.walks[i], 1+int(d.in.take()%8)) {
		d.walks = slices.Delete(d.walks, i, i+1)
	}
}

// next checks what a walk gives; it is true at the end of the walk.
func (d *driver) next(w *walk, room int) bool {
	buf := make([]Ref, room)
	n := w.cursor.Next(buf)
	byRef := map[Ref]*modelEntry{}
	for _, e := range d.model.stored {
		byRef[e.ref] = e
	}
	for _, ref := range buf[:n] {
		e := byRef[ref]
		require.NotNil(d.t, e, "gave a session that is not stored")
		require.False(d.t, w.given[ref], "gave a session twice")
		require.True(d.t, w.stored[ref], "gave a session stored later")
		w.given[ref] = true
		if !w.take {
			continue
		}
		require.True(d.t, w.all || w.tm > e.expiry, "flushed what was not expired")
		if w.now > e.expiry {
			d.model.counters.Expired++
		} else {
			d.model.counters.Flushed++
		}
		delete(d.model.stored, e.key)
		delete(byRef, ref)
	}
	if n == len(buf) {
		return false
	}
	require.Zero(d.t, w.cursor.Next(buf), "gave more after the end")
	for _, e := range d.model.stored {
		switch {
		case e.added > w.adds:
		case !w.take:
			require.True(d.t, w.given[e.ref], "left out a session")
		case w.all:
			require.Fail(d.t, "left out a session")
		case e.place <= w.places:
			// What was moved meanwhile may be taken or not.
			require.False(d.t, w.tm > e.expiry, "left an expired session")
		}
	}
	return true
}

// compare looks into the table.
func (d *driver) compare() {
	ordered := d.model.ordered()
	want := make([]Ref, 0, len(ordered))
	for _, e := range ordered {
		want = append(want, e.ref)
	}
	got := []Ref{}
	for _, i := range orderedEntries(&d.table.order) {
		got = append(got, d.table.entries.at(i).Ref)
	}
	require.Equal(d.t, want, got)
	checkTable(d.t, d.table)

	d.model.counters.Entries = uint64(len(d.model.stored))
	require.Equal(d.t, d.model.counters.Entries, d.table.Len())
	require.Equal(d.t, d.model.counters, d.table.Counters())
	require.Equal(d.t, d.model.counters, d.totals)
	checkCounters(d.t, d.totals)
}

// drain flushes what is expired, then evicts the rest: both in order.
func (d *driver) drain() {
	tm := d.now + 2
	var want []Ref
	for _, e := range d.model.ordered() {
		if tm > e.expiry {
			want = append(want, e.ref)
		}
	}
	buf := make([]Ref, len(want)+1)
	n := d.table.Flush(tm, false, d.now).Next(buf)
	require.Equal(d.t, refs(want), refs(buf[:n]))

	d.table.SetCapacity(1)
	d.table.late = true
	want = nil
	for _, e := range d.model.ordered() {
		if tm <= e.expiry && e.added != d.model.adds {
			want = append(want, e.ref)
		}
	}
	spared := d.table.Len() - uint64(len(want))
	if spared == 0 && len(want) > 0 {
		want = want[:len(want)-1] // the capacity spares it
	}
	buf = make([]Ref, len(want)+1)
	_, n, more := d.table.Evict(buf)
	require.False(d.t, more)
	require.Equal(d.t, refs(want), refs(buf[:n]))
	require.LessOrEqual(d.t, d.table.Len(), uint64(1))
	checkCounters(d.t, d.table.Counters())
}

// refs makes no references equal to none.
func refs(r []Ref) []Ref {
	return append([]Ref{}, r...)
}

func checkCounters(t require.TestingT, c Counters) {
	require.Equal(t, c.Lookups, c.Hits+c.Misses)
	require.Equal(t, c.Entries, c.Adds-c.Replaced-c.Evicted-c.Expired-c.Removed-c.Flushed)
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestTable_Model(t *testing.T) {
	for seed := range uint64(45) {
		bytes := randomBytes(seed, 8_000)
		bytes[0] = byte(seed) // each number of keys
		drive(t, bytes)
	}
}

// Run it with -fuzzminimizetime 10x: which code a run reaches depends on the random
// seeds of maps and hashes, so minimizing an input for its coverage rarely succeeds.
func FuzzTable(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(9) {
		bytes := randomBytes(seed, 600)
		bytes[0] = byte(seed)
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		drive(t, bytes[:min(len(bytes), 4096)])
	})
}
