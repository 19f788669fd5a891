package region

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// recordSum is the checksum of a record.
func (r *Region) recordSum(k *Key, m meta, data []byte) uint64 {
	return r.sum(k, m, live, uint64(len(data)), data)
}

// tombstoneSum is that of a tombstone, which has nothing but its entry.
func (r *Region) tombstoneSum(k *Key, m meta, generation uint64) uint64 {
	return r.sum(k, m, tombstone, generation, nil)
}

func (r *Region) sum(k *Key, m meta, s state, n uint64, data []byte) uint64 {
	var about [32]byte
	binary.NativeEndian.PutUint64(about[0:], k.Hi)
	binary.NativeEndian.PutUint64(about[8:], k.Lo)
	binary.NativeEndian.PutUint64(about[16:], uint64(m))
	binary.NativeEndian.PutUint64(about[24:], n<<stateBits|uint64(s))
	var digest xxhash.Digest
	digest.ResetWithSeed(r.seed)
	// A digest takes whatever is written to it.
	_, _ = digest.Write(about[:])
	_, _ = digest.Write(data)
	return digest.Sum64()
}
