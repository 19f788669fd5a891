package region

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzKeys are so few that they meet in their buckets.
const fuzzKeys = 40

// fuzzed makes memory out of any bytes. The first says with what it is filled:
// with random bytes, with nothing, or with a region; twelve bytes each then say
// what to change in it, in a place that matters.
func fuzzed(t *testing.T, input []byte) *Region {
	t.Helper()
	r := open(t, MinSize)
	next := func() byte {
		if len(input) == 0 {
			return 0
		}
		b := input[0]
		input = input[1:]
		return b
	}
	word := func() (w uint64) {
		for range 8 {
			w = w<<8 | uint64(next())
		}
		return w
	}
	switch fill := next(); fill % 4 {
	case 0:
		random := rand.NewPCG(uint64(fill), 1)
		for i := 0; i+8 <= len(r.mem); i += 8 {
			binary.NativeEndian.PutUint64(r.mem[i:], random.Uint64())
		}
	case 1:
	default:
		for n := range uint64(2 * fuzzKeys) {
			k := numbered(n)
			r.Put(k, uint32(n%3), int64(n%4), 0, content(k, n, int(n*n)))
			if n%5 == 0 {
				r.Remove(k, 0, 0, int64(n%4))
			}
		}
	}
	for len(input) > 0 {
		b := r.bucket(uint64(next()) % r.buckets)
		slot := int(next())
		switch e := b.entry(slot); next() % 8 {
		case 0:
			e.word = word()
		case 1:
			e.word ^= 1 << (word() % 64)
		case 2:
			e.meta = word()
		case 3:
			k := numbered(word() % fuzzKeys)
			e.fill(&k, e.loadMeta())
			b.setTag(slot, tagOf(&k))
		case 4:
			*e = *b.entry(int(next()))
			from := int(next())
			b.setTag(slot, uint16(*b.tagWord(from / lanes)>>(from%lanes*laneBits)))
		case 5:
			b.lock = word()
		case 6:
			b.generation = word()
		case 7:
			binary.NativeEndian.PutUint64(b.area[word()%(areaSize-8):], word())
		}
	}
	// It is opened as it is now, with whatever its head holds.
	r, err := Open(r.mem, nil)
	require.NoError(t, err)
	return r
}

// tryAll does everything there is to do. Nothing panics or hangs, and what is
// found is of its key.
func tryAll(t *testing.T, r *Region) {
	dst := make([]byte, MaxRecord)
	judge := func(k Key, n int, v Verdict) {
		if v == Found {
			require.True(t, whose(k, dst[:n]))
		}
		require.NotEqual(t, Short, v)
	}
	r.Usage(0)
	for round := range uint64(4) {
		for n := range uint64(fuzzKeys) {
			k := numbered(n)
			length, _, v := r.Get(k, 1, dst)
			judge(k, length, v)
			if need, _, v := r.Get(k, 1, nil); v == Short {
				require.LessOrEqual(t, need, len(dst))
			}
			switch (n + round) % 8 {
			case 0:
				length, _, v = r.Take(k, 1, dst)
				judge(k, length, v)
			case 1:
				r.Remove(k, uint32(n), 1, int64(round))
			case 2:
				r.Flush(uint32(n%3), 2, n%16 == 0, 1)
			default:
				data := content(k, n, int(n*n*round*3)%(MaxRecord-16))
				if r.Put(k, uint32(n%3), Never, 1, data) == Stored {
					length, _, v = r.Get(k, 1, dst)
					require.Equal(t, Found, v)
					require.Equal(t, data, dst[:length])
				}
			}
			r.Stamp(k, uint32(n))
			r.Flushed(uint32(n), 1, 1)
		}
	}
	// In the end all is overwritten, and the region as good as a new one.
	for n := range r.buckets * 4 {
		r.Put(numbered(n), 0, Never, 1, make([]byte, MaxRecord))
	}
	damaged := r.totals.Damaged
	for n := range uint64(fuzzKeys) {
		put(t, r, numbered(n), Never, []byte("session"))
		require.Equal(t, []byte("session"), get(t, r, numbered(n), 1))
	}
	require.Equal(t, damaged, r.totals.Damaged)
}

func FuzzRegion_AnyMemory(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 120 {
		input := make([]byte, 1+12*random.IntN(100))
		for i := range input {
			input[i] = byte(random.Uint32())
		}
		input[0] = byte(n)
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		tryAll(t, fuzzed(t, input))
	})
}
