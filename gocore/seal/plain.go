package seal

import (
	"encoding/binary"
	"hash/crc64"
	"sync"
)

// A plain record, which an insecure keyring without keys writes, is
//
//	version (1)  checksum (8)  data
const plainSize = 1 + 8

// polynomial is made when it is needed: few processes write plain records, and all
// would wait for its 32 KB when they start.
var polynomial = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(crc64.ECMA) })

// checksum depends on where the associated data end.
func checksum(plain, associated []byte) uint64 {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(associated)))
	sum := crc64.Checksum(length[:], polynomial())
	sum = crc64.Update(sum, polynomial(), associated)
	return crc64.Update(sum, polynomial(), plain)
}

func sealPlain(dst, plain, associated []byte) []byte {
	sum := checksum(plain, associated)
	dst = append(dst, versionPlain)
	dst = binary.BigEndian.AppendUint64(dst, sum)
	// What was to be sealed in place lies further on, so the header has not
	// touched it.
	return append(dst, plain...)
}

func openPlain(dst, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < plainSize {
		return nil, ErrSeal
	}
	plain := sealed[plainSize:]
	if binary.BigEndian.Uint64(sealed[1:]) != checksum(plain, associated) {
		return nil, ErrSeal
	}
	return append(dst, plain...), nil
}
