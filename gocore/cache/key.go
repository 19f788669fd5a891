package cache

import "hash/maphash"

// MaxIDLen is the longest session ID there is.
const MaxIDLen = 32

// Key is what a session is found by: its ID and its protocol version, as libssl
// compares them. Bytes of ID past Len are zero, so that keys compare with ==;
// MakeKey sees to that.
type Key struct {
	ID      [MaxIDLen]byte
	Version uint16
	Len     uint8
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

// hash covers every byte, because IDs that an application makes may share long
// prefixes, and has a random seed, because a peer may choose its IDs.
func (k *Key) hash(seed maphash.Seed) uint32 {
	h := maphash.Bytes(seed, k.ID[:])
	// A few values at most, so they need no more than to be told apart.
	h ^= (uint64(k.Version)<<8 | uint64(k.Len)) * 0x9E3779B97F4A7C15 >> 32
	return uint32(h)
}
