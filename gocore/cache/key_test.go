package cache

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMakeKey(t *testing.T) {
	k, ok := MakeKey([]byte{1, 2}, 0x0303)
	require.True(t, ok)
	require.Equal(t, Key{ID: [32]byte{1, 2}, Len: 2, Version: 0x0303}, k)

	k, ok = MakeKey(nil, 0x0304)
	require.True(t, ok)
	require.Equal(t, Key{Version: 0x0304}, k)

	k, ok = MakeKey(bytes.Repeat([]byte{9}, 32), 0)
	require.True(t, ok)
	require.Equal(t, uint8(32), k.Len)

	_, ok = MakeKey(make([]byte, 33), 0x0303)
	require.False(t, ok)
}

func TestKey_Equals(t *testing.T) {
	a := numbered(1)
	b := a
	require.True(t, a.equals(&b))
	for i := range MaxIDLen {
		b = a
		b.ID[i]++
		require.False(t, a.equals(&b), "byte %d", i)
	}
	b = a
	b.Version ^= 0x0100
	require.False(t, a.equals(&b), "version")
	b = a
	b.Len--
	require.False(t, a.equals(&b), "length")
}

// The spread is a part of what processes share, so it never changes.
func TestKey_Spread(t *testing.T) {
	first := numbered(1)
	short := Key{ID: [MaxIDLen]byte{1}, Len: 1, Version: 0x0304}
	require.Equal(t, []uint32{0xeceeb4b2, 0x67de4ed0, 0xcbbdad53}, []uint32{new(Key).Spread(), first.Spread(), short.Spread()})
}

// Every byte, the length and the version count, else equal prefixes would make
// long chains.
func TestKey_Hash(t *testing.T) {
	seeds := randomSeeds()
	keys := []Key{{Len: 32}, {Len: 31}, {Len: 32, Version: 0x0303}, {Len: 32, Version: 0x0304},
		{Len: 32, Version: 0xfeff}}
	for i := range MaxIDLen {
		k := Key{Len: 32}
		k.ID[i] = 1
		keys = append(keys, k)
	}
	// Two of 37 hashes are equal by chance once in six million runs.
	hashes := map[uint32]bool{}
	for _, k := range keys {
		hashes[k.hash(&seeds)] = true
		require.Equal(t, k.hash(&seeds), k.hash(&seeds))
	}
	require.Len(t, hashes, len(keys))

	other := randomSeeds()
	differ := 0
	for _, k := range keys {
		if k.hash(&seeds) != k.hash(&other) {
			differ++
		}
	}
	require.Greater(t, differ, len(keys)/2)
}
