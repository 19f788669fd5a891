package region

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// entryOf is the entry of a key, and where it is.
func entryOf(t *testing.T, r *Region, k Key) (b *bucket, e *entry) {
	t.Helper()
	for _, b := range r.candidates(&k) {
		s := b.search(&k)
		for slot := s.slot(); slot >= 0; slot = s.slot() {
			if e := b.entry(slot); e.has(&k) && e.load().state() != free {
				return b, e
			}
		}
	}
	require.Fail(t, "a key is in no bucket")
	return nil, nil
}

// overdueLocks makes the locks of a pair old.
func overdueLocks(p *pair) {
	for i, b := range p.bucket {
		p.mine[i] -= lockAge
		atomic.StoreUint64(&b.lock, p.mine[i])
	}
}

// spoil changes a byte of a key's record.
func spoil(t *testing.T, r *Region, k Key) {
	t.Helper()
	b, e := entryOf(t, r, k)
	b.data(e.load().unit(), 1)[0] ^= 1
}

func TestRegion_DamagedRecord(t *testing.T) {
	dst := make([]byte, 100)
	damages := map[string]func(r *Region, k Key){
		"data": func(r *Region, k Key) { spoil(t, r, k) },
		"checksum": func(r *Region, k Key) {
			b, e := entryOf(t, r, k)
			*b.sum(e.load().unit()) ^= 1 << 40
		},
		"expiry": func(r *Region, k Key) { _, e := entryOf(t, r, k); e.meta += 1 << spaceBits },
		"space":  func(r *Region, k Key) { _, e := entryOf(t, r, k); e.meta++ },
		"length": func(r *Region, k Key) { _, e := entryOf(t, r, k); e.word -= 1 << lengthShift },
		"place":  func(r *Region, k Key) { _, e := entryOf(t, r, k); e.word -= 1 },
		"out of the bucket": func(r *Region, k Key) {
			_, e := entryOf(t, r, k)
			e.word |= unitMask
		},
		"longer than the bucket": func(r *Region, k Key) {
			_, e := entryOf(t, r, k)
			e.word |= lengthMask << lengthShift
		},
		"another's bytes": func(r *Region, k Key) {
			other := neighbours(r, k, 1)[0]
			put(t, r, other, 10, []byte("SESSION"))
			b, e := entryOf(t, r, k)
			from, o := entryOf(t, r, other)
			copy(b.bytes(e.load().unit(), 2), from.bytes(o.load().unit(), 2))
		},
	}
	for name, damage := range damages {
		for _, take := range []bool{false, true} {
			r := open(t, MinSize)
			k := numbered(1)
			put(t, r, k, 10, []byte("session"))
			damage(r, k)
			for range 2 {
				_, _, v := r.lookup(&k, 0, dst, take)
				require.Equal(t, Absent, v, name)
			}
			require.Equal(t, uint64(1), r.totals.Damaged, name)
			require.Zero(t, r.totals.Hits+r.totals.Taken, name)
		}
	}
}

// Bytes that are right in one region are worth nothing in another one, nor can
// anybody make them who does not know its seed.
func TestRegion_SeedOfItsOwn(t *testing.T) {
	r, other := open(t, MinSize), open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 10, []byte("session"))
	r.Remove(numbered(2), 0, 0, 10)
	copy(other.mem[other.first:], r.mem[r.first:])
	for n := range uint64(2) {
		_, _, v := other.Get(numbered(1+n), 0, make([]byte, 100))
		require.Equal(t, Absent, v)
	}
	require.Equal(t, uint64(2), other.totals.Damaged)
	again, err := Open(r.mem, nil)
	require.NoError(t, err)
	require.Equal(t, []byte("session"), get(t, again, k, 0))
}

func TestRegion_DamagedTombstone(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	r.Remove(k, 0, 0, 10)
	_, e := entryOf(t, r, k)
	e.meta += 1 << spaceBits
	_, _, v := r.Get(k, 0, nil)
	require.Equal(t, Absent, v)
	require.Equal(t, uint64(1), r.totals.Damaged)
}

// What a writer withheld when it died, because it was moving it or had just put
// it, is lost, but its room is not.
func TestRegion_DeadMover(t *testing.T) {
	dst := make([]byte, 100)
	lost := func() (*Region, Key) {
		r := open(t, MinSize)
		k := numbered(1)
		put(t, r, k, 10, []byte("session"))
		_, e := entryOf(t, r, k)
		require.True(t, e.swap(e.load(), e.load().withheld()))
		return r, k
	}
	r, k := lost()
	_, _, v := r.Get(k, 0, dst)
	require.Equal(t, Absent, v)
	_, _, v = r.Take(k, 0, dst)
	require.Equal(t, Absent, v)
	require.False(t, r.Remove(k, 0, 0, 0), "nobody else was to find it")
	require.Zero(t, r.Usage(0).Bytes, "it could have been found again")

	r, _ = lost()
	require.Equal(t, 1, r.Flush(0, 0, true, 0))

	r, k = lost()
	for _, other := range neighbours(r, k, 2) {
		put(t, r, other, 10, make([]byte, MaxRecord))
	}
	require.Equal(t, uint64(1), r.totals.Damaged)
	require.Zero(t, r.totals.Evicted)
	require.Equal(t, 2, r.Usage(0).Records)
}

// A mover whose record is removed meanwhile does not bring it back.
func TestRegion_RemovedWhileMoved(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 10, []byte("session"))
	b, e := entryOf(t, r, k)
	w := e.load()
	require.True(t, e.swap(w, w.withheld()))
	require.False(t, r.Remove(k, 0, 0, 0))
	require.False(t, e.swap(w.withheld(), recordWord(w.unit()-1, w.length(), b.nextGeneration())))
}

// A writer whose lock was taken over, because it was stopped for too long, goes
// on when another one has used the same room.
func TestRegion_LateWriter(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	other := neighbours(r, k, 1)[0]

	// Stopped before it has looked for room: it finds out.
	p, ok := r.acquirePair(&k)
	require.True(t, ok)
	overdueLocks(&p)
	put(t, r, other, 10, []byte("session"))
	require.Equal(t, uint64(2), r.totals.Overtaken)
	_, ok = r.makeRoom(&p, &k, 0, 1)
	require.False(t, ok)
	p.release()
	r.Remove(other, 0, 0, 0)

	// Stopped after it: it spoils the other's record, which nobody gets then.
	p, ok = r.acquirePair(&k)
	require.True(t, ok)
	s, ok := r.makeRoom(&p, &k, 0, recordUnits(7))
	require.True(t, ok)
	overdueLocks(&p)
	put(t, r, other, 10, []byte("session"))
	copy(s.bucket.data(s.unit, 7), "another")
	require.False(t, s.publish(&k, makeMeta(10, 0), recordWord(s.unit, 7, s.bucket.nextGeneration())))
	p.release()
	require.Nil(t, get(t, r, k, 0))
	require.Nil(t, get(t, r, other, 0))
}

// A late writer may also make an entry with a place that is another's.
func TestRegion_PlaceOfTwo(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 10, []byte("session"))
	b, e := entryOf(t, r, k)
	around := neighbours(r, k, 3)
	s := site{bucket: b, entry: b.entry(1), slot: 1}
	require.True(t, s.publish(&around[0], makeMeta(10, 0), recordWord(e.load().unit(), 7, b.nextGeneration())))
	require.Nil(t, get(t, r, around[0], 0), "who looks takes it out")
	require.Equal(t, uint64(1), r.totals.Damaged)
	require.Equal(t, []byte("session"), get(t, r, k, 0))

	require.True(t, s.publish(&around[0], makeMeta(10, 0), recordWord(e.load().unit(), 7, b.nextGeneration())))
	var writer, late plan
	writer.survey(r, b, b.slots(), &around[1], 0)
	require.Equal(t, uint64(2), r.totals.Damaged, "who looks for room takes it out")
	require.Equal(t, []byte("session"), get(t, r, k, 0))

	// Compaction does not rely on it that nobody made one just now.
	late.survey(r, b, b.slots(), &around[2], 0)
	s.slot, s.entry = 2, b.entry(2)
	require.True(t, s.publish(&around[0], makeMeta(10, 0), recordWord(0, areaSize-sumSize, b.nextGeneration())))
	late.slots = 3
	late.compact()
	require.Equal(t, uint64(3), r.totals.Damaged)
	require.Equal(t, []byte("session"), get(t, r, k, 0))
}
