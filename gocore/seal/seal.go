// Package seal encrypts records that leave the memory of the host, so that who
// reads them learns nothing and who writes them can forge nothing. A record is
// bound to associated data, which is not part of it: it opens only for who
// tells the same.
//
// The cipher is XChaCha20-Poly1305. Its nonces have 24 random bytes, so the
// number of records that a key seals has no limit in practice, and hosts that
// share a key need not agree on anything.
//
// A sealed record is
//
//	version (1)  key id (4)  nonce (24)  ciphertext  tag (16)
//
// where everything before the ciphertext is authenticated too.
package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes in bytes.
const (
	// KeySize is the size of a key.
	KeySize = chacha20poly1305.KeySize

	// HeaderSize is how much of a sealed record stands before the ciphertext.
	HeaderSize = boundSize + chacha20poly1305.NonceSizeX

	// Overhead is how much longer than the data a sealed record is. A plain
	// record has less.
	Overhead = HeaderSize + chacha20poly1305.Overhead

	keyIDSize = 4
	boundSize = 1 + keyIDSize // version and key id, which the associated data take in
)

// Versions of the format: the first byte of a record. No two differ in only one bit.
const (
	versionSealed = 1
	versionPlain  = 2
)

// Why a record was not sealed or not opened. No error says more than its name.
var (
	ErrKey    = errors.New("no key for the record")
	ErrSeal   = errors.New("the record is altered, truncated or of something else")
	ErrFormat = errors.New("not a sealed record")
)

// Keyring holds the keys. It is safe for concurrent use, and Set waits for
// nobody and keeps nobody waiting. Make it with NewKeyring.
type Keyring struct {
	insecure bool
	ring     atomic.Pointer[ring]
}

// ring is the keys at one time. It never changes.
type ring struct {
	keys  []key
	plain bool // there are no keys, and none are needed
}

type key struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

// NewKeyring makes a keyring without keys. If it is insecure, then as long as
// it has no keys it writes records that are not encrypted and that anyone can
// forge, with a checksum that tells damage: good for a laboratory. As soon as
// it has keys it is a keyring like any other, which never opens such records.
func NewKeyring(insecure bool) *Keyring {
	k := &Keyring{insecure: insecure}
	k.Set(nil)
	return k
}

// Set replaces all keys: the first one seals, each of them opens. The keys are
// copied; the caller wipes its own. The copies of former keys are garbage from
// then on: they are not wiped, because a call under way may still use them.
//
// Under GODEBUG=fips140=only Go refuses this cipher: then no key can be used,
// and the keyring is not ready.
func (k *Keyring) Set(keys [][KeySize]byte) {
	r := &ring{plain: k.insecure && len(keys) == 0}
	for i := range keys {
		if aead, err := chacha20poly1305.NewX(keys[i][:]); err == nil {
			r.keys = append(r.keys, key{keyID(&keys[i]), aead})
		}
	}
	k.ring.Store(r)
}

// keyID tells keys apart, and tells nothing of them.
func keyID(key *[KeySize]byte) (id [keyIDSize]byte) {
	const domain = "libsesscache key id 1"
	var named [len(domain) + KeySize]byte
	copy(named[:], domain)
	copy(named[len(domain):], key[:])
	sum := sha256.Sum256(named[:])
	clear(named[:])
	copy(id[:], sum[:])
	return id
}

// Ready is whether Seal can be used: there is a key, or none is needed.
func (k *Keyring) Ready() bool {
	r := k.ring.Load()
	return r.plain || len(r.keys) > 0
}

// Seal appends the sealed record of plain to dst and returns the extended
// buffer. It needs Overhead bytes more than plain has. plain is not changed,
// but for one case: it may lie in the spare memory of dst, HeaderSize bytes
// after its end; then it is sealed in place, provided that dst has the capacity.
// Otherwise neither plain nor associated may overlap that memory.
//
// The error is ErrKey if the keyring is not ready.
func (k *Keyring) Seal(dst, plain, associated []byte) ([]byte, error) {
	r := k.ring.Load()
	if r.plain {
		return sealPlain(dst, plain, associated), nil
	}
	if len(r.keys) == 0 {
		return nil, ErrKey
	}
	start := len(dst)
	dst = slices.Grow(dst, len(plain)+Overhead)[:start+HeaderSize]
	header := dst[start:]
	header[0] = versionSealed
	copy(header[1:], r.keys[0].id[:])
	// Without random bytes Go ends the process; libssl needs the same system
	// call in each handshake.
	rand.Read(header[boundSize:])
	b := bounds.Get().(*bound)
	defer bounds.Put(b)
	return r.keys[0].aead.Seal(dst, header[boundSize:], plain, b.bind(header, associated)), nil
}

// Open appends the data of a sealed record to dst and returns the extended
// buffer. sealed must not overlap the spare memory of dst. If it fails, that
// memory has nothing of the data.
//
// The error is ErrFormat if this is no record, or a plain one and the keyring
// has keys or is not insecure; ErrKey if none of the keys has the id of the one
// that sealed; ErrSeal if the record was altered or truncated, or sealed for
// other associated data.
func (k *Keyring) Open(dst, sealed, associated []byte) ([]byte, error) {
	r := k.ring.Load()
	switch {
	case len(sealed) == 0:
		return nil, ErrFormat
	case sealed[0] == versionPlain && r.plain:
		return openPlain(dst, sealed, associated)
	case sealed[0] != versionSealed:
		return nil, ErrFormat
	case len(sealed) < Overhead:
		return nil, ErrSeal
	}
	header, ciphertext := sealed[:HeaderSize], sealed[HeaderSize:]
	b := bounds.Get().(*bound)
	defer bounds.Put(b)
	under := b.bind(header, associated)
	err := ErrKey
	for i := range r.keys {
		if !bytes.Equal(r.keys[i].id[:], header[1:boundSize]) {
			continue
		}
		// Two keys may have one id, so the next one may still open it.
		plain, failed := r.keys[i].aead.Open(dst, header[boundSize:], ciphertext, under)
		if failed == nil {
			return plain, nil
		}
		err = ErrSeal
	}
	return nil, err
}

// bound is what the tag is made over beside the ciphertext. The cipher is called
// through an interface, so it cannot lie on the stack; it holds no secret.
type bound struct{ data []byte }

var bounds = sync.Pool{New: func() any { return new(bound) }}

// bind puts together what the header says of version and key, and what the
// caller told. The cipher takes in the nonce by itself.
func (b *bound) bind(header, associated []byte) []byte {
	b.data = append(append(b.data[:0], header[:boundSize]...), associated...)
	return b.data
}
