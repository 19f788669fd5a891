package region

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOpen_RefusesWhatIsNoRegion(t *testing.T) {
	_, err := Open(nil, nil)
	require.ErrorIs(t, err, ErrTooSmall)
	_, err = Open(make([]byte, MinSize-1), nil)
	require.ErrorIs(t, err, ErrTooSmall)
	mem, _ := share(t, MinSize+8)
	_, err = Open(mem[1:], nil)
	require.ErrorIs(t, err, ErrUnaligned)
	r, err := Open(mem, nil)
	require.NoError(t, err)
	require.Equal(t, 4, r.Usage(0).Buckets)
}

func TestRegion_GivesWhatWasPut(t *testing.T) {
	r := open(t, MinSize)
	for i, n := range []int{0, 1, 7, 8, 9, 150, 4000, MaxRecord} {
		for j, expiry := range []int64{0, 1, 1_700_000_000, 1<<40 - 2, Never} {
			k := numbered(uint64(i*10 + j))
			data := bytes.Repeat([]byte{byte(i + 1)}, n)
			put(t, r, k, expiry, data)
			dst := make([]byte, n)
			got, until, v := r.Get(k, 0, dst)
			require.Equal(t, Found, v, "%d bytes until %d", n, expiry)
			require.Equal(t, n, got)
			require.Equal(t, expiry, until)
			require.Equal(t, data, dst)
		}
	}
}

func TestRegion_ExpiryOutOfRange(t *testing.T) {
	r := open(t, MinSize)
	for n, c := range []struct{ put, got int64 }{
		{math.MinInt64, 0}, {-1, 0}, {1<<40 - 1, Never}, {1 << 40, Never}, {math.MaxInt64 - 1, Never},
	} {
		k := numbered(uint64(n))
		require.Equal(t, Stored, r.Put(k, 0, c.put, math.MinInt64, nil))
		_, until, v := r.Get(k, 0, nil)
		require.Equal(t, Found, v)
		require.Equal(t, c.got, until)
	}
}

func TestRegion_EndsAtExpiry(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 100, []byte("session"))
	require.NotNil(t, get(t, r, k, 100))
	require.Nil(t, get(t, r, k, 101))
	_, _, v := r.Take(k, 101, make([]byte, 100))
	require.Equal(t, Absent, v)
	require.False(t, r.Remove(k, 0, 101, 0), "what has expired is not removed")
	require.Equal(t, Counters{Puts: 1, Hits: 1, Misses: 2}, *r.totals)
}

func TestRegion_Replaces(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	for version := range uint64(1000) {
		data := content(k, version, int(version)*13%5000)
		put(t, r, k, Never, data)
		require.Equal(t, data, get(t, r, k, 0))
		require.Equal(t, 1, r.Usage(0).Records)
	}
	require.Zero(t, r.totals.Evicted)
}

func TestRegion_RefusesTooLarge(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, Never, []byte("session"))
	require.Equal(t, TooLarge, r.Put(k, 0, Never, 0, make([]byte, MaxRecord+1)))
	require.Equal(t, []byte("session"), get(t, r, k, 0), "stays as it is")
	require.Equal(t, uint64(1), r.totals.Refused)
}

func TestRegion_TooLittleRoom(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 7, []byte("session"))
	for _, lookup := range []func(Key, int64, []byte) (int, int64, Verdict){r.Get, r.Take} {
		n, until, v := lookup(k, 0, make([]byte, 6))
		require.Equal(t, Short, v)
		require.Equal(t, 7, n)
		require.Equal(t, int64(7), until)
	}
	require.Equal(t, []byte("session"), get(t, r, k, 0))
	require.Equal(t, Counters{Puts: 1, Hits: 1}, *r.totals)
}

func TestRegion_TakenOnce(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	put(t, r, k, 7, []byte("session"))
	dst := make([]byte, 100)
	n, until, v := r.Take(k, 0, dst)
	require.Equal(t, Found, v)
	require.Equal(t, int64(7), until)
	require.Equal(t, []byte("session"), dst[:n])
	_, _, v = r.Take(k, 0, dst)
	require.Equal(t, Absent, v)
	require.Nil(t, get(t, r, k, 0))
	require.Equal(t, Counters{Puts: 1, Hits: 1, Taken: 1, Misses: 2}, *r.totals)
}

func TestRegion_Removed(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	require.False(t, r.Remove(k, 0, 0, 0))
	put(t, r, k, 7, []byte("session"))
	require.True(t, r.Remove(k, 0, 0, 0))
	require.Nil(t, get(t, r, k, 0))
	require.False(t, r.Remove(k, 0, 0, 0))
	require.Zero(t, r.Usage(0).Bytes)
	require.Equal(t, Counters{Puts: 1, Removed: 1, Misses: 1}, *r.totals)
}

func TestRegion_Tombstone(t *testing.T) {
	r := open(t, MinSize)
	dst := make([]byte, 100)
	for n, there := range []bool{false, true} {
		k := numbered(uint64(n))
		if there {
			put(t, r, k, Never, []byte("session"))
		}
		require.Equal(t, there, r.Remove(k, 0, 10, 20))
		for _, lookup := range []func(Key, int64, []byte) (int, int64, Verdict){r.Get, r.Take} {
			_, _, v := lookup(k, 20, dst)
			require.Equal(t, Removed, v)
			_, _, v = lookup(k, 21, dst)
			require.Equal(t, Absent, v)
		}
		require.False(t, r.Remove(k, 0, 10, 30), "a tombstone is no record")
		_, _, v := r.Get(k, 30, dst)
		require.Equal(t, Removed, v)
		require.Equal(t, 1, r.Usage(0).Tombstones)
		put(t, r, k, Never, []byte("again"))
		require.Equal(t, []byte("again"), get(t, r, k, 10), "a Put replaces it")
		require.Zero(t, r.Usage(0).Tombstones)
		r.Remove(k, 0, 10, 10)
		require.Nil(t, get(t, r, k, 10), "it would not outlive the moment")
	}
}

// What is taken out leaves nothing in memory, nor does what is moved.
func TestRegion_Wipes(t *testing.T) {
	secret := []byte("master secret of a session")
	dst := make([]byte, 100)
	for name, out := range map[string]func(*Region, Key){
		"Remove": func(r *Region, k Key) { require.True(t, r.Remove(k, 0, 0, 0)) },
		"buried": func(r *Region, k Key) { require.True(t, r.Remove(k, 0, 0, 1)) },
		"Flush":  func(r *Region, _ Key) { require.Equal(t, 1, r.Flush(0, 0, true, 0)) },
		"Take": func(r *Region, k Key) {
			_, _, v := r.Take(k, 0, dst)
			require.Equal(t, Found, v)
			clear(dst)
		},
		"Put":     func(r *Region, k Key) { put(t, r, k, 10, []byte("other")) },
		"expired": func(r *Region, k Key) { require.Equal(t, Stored, r.Put(k, 0, 20, 11, nil)) },
		"evicted": func(r *Region, k Key) {
			for _, other := range neighbours(r, k, 2) {
				put(t, r, other, 20, make([]byte, MaxRecord))
			}
		},
	} {
		r := open(t, MinSize)
		put(t, r, numbered(1), 10, secret)
		require.True(t, bytes.Contains(r.mem, secret))
		out(r, numbered(1))
		require.False(t, bytes.Contains(r.mem, secret), name)
	}
}

// Nor does a record that was moved leave anything where it was.
func TestRegion_WipesWhatWasMoved(t *testing.T) {
	r := open(t, MinSize)
	secret := []byte("master secret of a session")
	keys := neighbours(r, numbered(1), 6)
	put(t, r, keys[4], Never, make([]byte, MaxRecord)) // all others go into the other bucket
	put(t, r, keys[0], Never, make([]byte, 13_000))
	put(t, r, keys[1], Never, secret)
	put(t, r, keys[2], Never, make([]byte, 13_000))
	put(t, r, keys[3], Never, secret)
	r.Remove(keys[0], 0, 0, 0)
	r.Remove(keys[2], 0, 0, 0)
	b, e := entryOf(t, r, keys[3])
	place := e.load().unit()
	put(t, r, keys[5], Never, make([]byte, 14_000))
	require.NotEqual(t, place, e.load().unit(), "it was not moved")
	require.Zero(t, r.totals.Evicted)
	require.Equal(t, secret, get(t, r, keys[1], 0))
	require.Equal(t, secret, get(t, r, keys[3], 0))
	require.Equal(t, 2, bytes.Count(b.area[:], secret))
}

func TestRegion_StampAdvances(t *testing.T) {
	r := open(t, MinSize)
	k, other := numbered(1), numbered(2)
	const space = 3
	dst := make([]byte, 100)
	require.Equal(t, Stored, r.Put(k, space, 100, 0, nil))
	for name, c := range map[string]struct {
		act      func()
		advances bool
	}{
		"Put":                       {func() { r.Put(k, space, 100, 0, nil) }, false},
		"Get":                       {func() { r.Get(k, 0, dst) }, false},
		"Take":                      {func() { r.Take(k, 0, dst); r.Put(k, space, 100, 0, nil) }, true},
		"Take of another":           {func() { r.Put(other, space, 1, 0, nil); r.Take(other, 0, dst) }, false},
		"Remove":                    {func() { r.Remove(k, space, 0, 0) }, true},
		"Remove of nothing":         {func() { r.Remove(k, space, 0, 0); r.Remove(k, space, 0, 0) }, true},
		"Remove of another":         {func() { r.Remove(other, space, 0, 0) }, false},
		"Flush":                     {func() { r.Flush(space, 0, true, 0) }, true},
		"Flush of what will expire": {func() { r.Flush(space, 51, false, 50) }, true},
		"Flush of what has expired": {func() { r.Flush(space, 50, false, 50) }, false},
		"Flush of another space":    {func() { r.Flush(space+1, 0, true, 0) }, false},
	} {
		r.Put(k, space, 100, 0, nil)
		before := r.Stamp(k, space)
		c.act()
		require.Equal(t, c.advances, before != r.Stamp(k, space), name)
	}
}

func TestRegion_PutIf(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	stamp := r.Stamp(k, 0)
	require.Equal(t, Stored, r.PutIf(stamp, k, 0, Never, 0, []byte("session")))
	require.Equal(t, []byte("session"), get(t, r, k, 0))
	r.Remove(k, 0, 0, 10)
	require.Equal(t, Outdated, r.PutIf(stamp, k, 0, Never, 0, []byte("session")))
	_, _, v := r.Get(k, 0, nil)
	require.Equal(t, Removed, v)
	stamp = r.Stamp(k, 0)
	r.Flush(0, 0, true, 0)
	require.Equal(t, Outdated, r.PutIf(stamp, k, 0, Never, 0, []byte("session")))
}

func TestRegion_Flush(t *testing.T) {
	r := open(t, MinSize)
	for n := range uint64(100) {
		require.Equal(t, Stored, r.Put(numbered(n), uint32(n%2)<<8, int64(n), 0, nil))
	}
	require.Equal(t, 5, r.Flush(0, 10, false, 4))
	require.Zero(t, r.Flush(0, 10, false, 4))
	for n := range uint64(100) {
		require.Equal(t, n%2 == 0 && n < 10, get(t, r, numbered(n), 0) == nil, n)
	}
	require.Equal(t, 50, r.Flush(1<<8, 0, true, 0))
	require.Equal(t, 45, r.Usage(0).Records)
	require.Equal(t, uint64(53), r.totals.Removed, "without the two that had expired at 4")
	require.Equal(t, 45, r.Flush(0, math.MaxInt64, false, 0))
	require.Zero(t, r.Usage(0).Bytes)

	require.Equal(t, Stored, r.Put(numbered(1), 0, Never, 0, nil))
	r.Remove(numbered(2), 0, 0, 10)
	require.Zero(t, r.Flush(0, math.MaxInt64, false, 0), "one that never expires")
	require.Equal(t, 1, r.Flush(0, 0, true, 0))
	_, _, v := r.Get(numbered(2), 0, nil)
	require.Equal(t, Removed, v, "tombstones stay")
}

func TestRegion_FlushedElsewhere(t *testing.T) {
	r := open(t, MinSize)
	const space = 7
	before := time.Now().UnixMilli()
	later := before + time.Hour.Milliseconds()
	require.False(t, r.Flushed(space, before, 0), "nothing was flushed")
	require.False(t, r.Flushed(space, 0, 0))

	r.Flush(space, 100, false, 100)
	require.False(t, r.Flushed(space, before, 50), "no more than expired")

	r.Flush(space, 200, false, 100)
	require.True(t, r.Flushed(space, before, 199))
	require.False(t, r.Flushed(space, before, 200), "expires later")
	require.False(t, r.Flushed(space, later, 199), "stored later")
	require.False(t, r.Flushed(space+1, before, 199), "another space")

	r.Flush(space, 150, false, 100)
	require.True(t, r.Flushed(space, before, 199), "what was flushed stays flushed")

	r.Flush(space, 0, true, 100)
	require.True(t, r.Flushed(space, before, Never))
	require.False(t, r.Flushed(space, later, Never))
	require.False(t, r.Flushed(space+1, before, Never))
}

func TestRegion_DoesNotAllocate(t *testing.T) {
	r := open(t, MinSize)
	dst := make([]byte, 4000)
	n := uint64(0)
	add := func() {
		n++
		r.Put(numbered(n), 0, int64(n%100), 0, dst[:n%4000])
	}
	for range 2000 {
		add()
	}
	for name, act := range map[string]func(){
		"Put":    add,
		"PutIf":  func() { r.PutIf(r.Stamp(numbered(n), 0), numbered(n), 0, Never, 0, dst[:500]) },
		"Get":    func() { r.Get(numbered(n), 0, dst) },
		"Take":   func() { r.Put(numbered(0), 0, 1, 0, dst[:9]); r.Take(numbered(0), 0, dst) },
		"Remove": func() { r.Remove(numbered(n), 0, 0, 10); add() },
		"Stamp":  func() { r.Stamp(numbered(n), 0) },
		"Flush":  func() { r.Flush(1, 0, true, 0) },
	} {
		keys := testing.AllocsPerRun(1000, func() { numbered(n) })
		require.Zero(t, keys, "of the test itself")
		require.Zero(t, testing.AllocsPerRun(1000, act), name)
	}
}
