package cache

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// MaxIDLen is the longest session ID there is.
const MaxIDLen = 32

// Key is what a session is found by: its ID and its protocol version, as libssl
// compares them. Bytes of ID past Len are zero, so that keys compare with ==;
// MakeKey sees to that.
type Key struct {
	ID      [MaxIDLen]byte
	Version uint16
	Len     uint8
	_       uint8
}

// MakeKey makes the key of a session ID. It is false if the ID is too long or
// the version none of TLS: those have 16 bits.
func MakeKey(id []byte, version int32) (Key, bool) {
	if len(id) > MaxIDLen || version != int32(uint16(version)) {
		return Key{}, false
	}
	k := Key{Len: uint8(len(id)), Version: uint16(version)}
	copy(k.ID[:], id)
	return k, true
}

// randomSeeds makes the seeds of a table's hash: peers may choose their IDs, and
// must not be able to choose them so that many have the same hash.
func randomSeeds() (seeds [5]uint64) {
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	return seeds
}

// hash covers every byte, because IDs that an application makes may share long
// prefixes. hash in cshim/index.c gives the same.
func (k *Key) hash(seeds *[5]uint64) uint32 {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(k.ID[8*i:]) ^ seeds[i] }
	h := fold(word(0), word(1)) ^ fold(word(2), word(3))
	return uint32(fold(h^seeds[4], uint64(k.Version)<<8^uint64(k.Len)^0x9E3779B97F4A7C15) >> 32)
}

// spreadSeeds are arbitrary, but the same in every process.
var spreadSeeds = [5]uint64{
	0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89, 0x452821E638D01377,
}

// Spread is a hash of the key that is the same in every process.
func (k *Key) Spread() uint32 {
	return k.hash(&spreadSeeds)
}

// equals is ==, in words.
func (k *Key) equals(o *Key) bool {
	differ := func(i int) uint64 {
		return binary.LittleEndian.Uint64(k.ID[i:]) ^ binary.LittleEndian.Uint64(o.ID[i:])
	}
	return differ(0)|differ(8)|differ(16)|differ(24) == 0 && k.Version == o.Version && k.Len == o.Len
}

// fold is the product of two numbers, its upper half folded onto the lower.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
