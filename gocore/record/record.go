// Package record is the form in which a session is kept outside the memory of
// the host: its DER with the times that belong to it, sealed, and bound to the
// namespace, the protocol version and the ID under which it was kept. So a
// record that was moved to another name, or comes from another service, is
// found out before anything reads its content.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/sslsession"
)

// Overhead is how many bytes longer than its DER a record can be.
const Overhead = seal.Overhead + timesSize

// What is sealed is
//
//	expiry (8)  stored (8)  DER
//
// with the highest byte first.
const timesSize = 8 + 8

// ErrFormat says that an identity cannot be one, or that a record, although its
// seal held, does not have the session of that identity. What wraps it tells
// nothing of the content.
var ErrFormat = errors.New("not a record of this session")

// Identity is what a record belongs to. The record does not contain it.
type Identity struct {
	Namespace [16]byte // within which sessions are resumed
	Version   int32    // of the protocol, as in sslsession.Session
	ID        []byte   // of the session, 1 to 32 bytes

	// Binding is what else the record is bound to, though it is found without
	// it: who looks it up with another binding cannot open it.
	Binding [16]byte
}

// Record is what is kept of a session.
type Record struct {
	Expiry int64  // seconds since the epoch, after which it must not be resumed
	Stored int64  // milliseconds since the epoch, when the record was made
	DER    []byte // the session with its secret
}

// Domains of what is sealed and of what is hashed. The number at the end is the
// version of the record: another layout takes another one, and then finds no
// older records, nor opens them.
const (
	sealDomain = "libsesscache record 1"
	nameDomain = "libsesscache store key 1"
)

// maxBoundSize is the most that bound appends for an identity that is valid.
const maxBoundSize = 1 + max(len(sealDomain), len(nameDomain)) + 16 + 16 + 4 + 4 +
	sslsession.MaxIDLen

// valid is whether a session can have the identity and be found under it.
func (id *Identity) valid() bool {
	return len(id.ID) > 0 && len(id.ID) <= sslsession.MaxIDLen
}

// bound appends the identity for one purpose. What varies in length has its
// length before it, so no two identities or purposes give the same.
func (id *Identity) bound(dst []byte, domain string) []byte {
	dst = append(dst, byte(len(domain)))
	dst = append(dst, domain...)
	dst = append(dst, id.Namespace[:]...)
	if domain == sealDomain {
		dst = append(dst, id.Binding[:]...)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(id.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(id.ID)))
	return append(dst, id.ID...)
}

// StoreKey is the name under which a store has the record of an identity: a
// hash, which tells nothing of an ID that cannot be guessed, nor of the namespace.
func StoreKey(id *Identity) [32]byte {
	var buf [maxBoundSize]byte
	return sha256.Sum256(id.bound(buf[:0], nameDomain))
}

// Seal appends the record r of a session, sealed for id, to dst, and returns
// the extended buffer. It needs Overhead bytes more than the DER has; if dst has
// them, the DER must not overlap them. r and id are not changed or kept.
//
// The error is ErrFormat if id has no ID or too long a one, or seal.ErrKey if
// the keyring is not ready. Then no copy of the DER is left.
func Seal(keys *seal.Keyring, dst []byte, id *Identity, r *Record) ([]byte, error) {
	if !id.valid() {
		return nil, ErrFormat
	}
	var associated [maxBoundSize]byte
	start := len(dst) + seal.HeaderSize
	end := start + timesSize + len(r.DER)
	dst = slices.Grow(dst, len(r.DER)+Overhead)

	// The plain record is put together where its ciphertext is going to be, so
	// that there is no copy of the secret to be wiped.
	plain := binary.BigEndian.AppendUint64(dst[start:start:end], uint64(r.Expiry))
	plain = binary.BigEndian.AppendUint64(plain, uint64(r.Stored))
	plain = append(plain, r.DER...)
	sealed, err := keys.Seal(dst, plain, id.bound(associated[:0], sealDomain))
	if err != nil {
		wipe(plain)
		return nil, err
	}
	return sealed, nil
}

// Open opens a record that was sealed for id. Record.DER lies in the memory of
// dst, after what dst has, or in new memory if dst has too little; sealed must
// not overlap that memory. The caller wipes the DER when it has used it. Open
// does not judge whether the record has expired: it does not know the time.
//
// The record's content is looked at only after its seal held, and the DER is
// given out only if it is that of a session (see sslsession.Parse) which has the
// version and the ID of id. The error is or wraps seal.ErrKey, seal.ErrSeal, or
// ErrFormat for everything else; then no copy of the DER is left.
func Open(keys *seal.Keyring, dst []byte, sealed []byte, id *Identity) (Record, error) {
	if !id.valid() {
		return Record{}, ErrFormat
	}
	var associated [maxBoundSize]byte
	opened, err := keys.Open(dst, sealed, id.bound(associated[:0], sealDomain))
	if errors.Is(err, seal.ErrFormat) {
		return Record{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err != nil {
		return Record{}, err
	}
	plain := opened[len(dst):]
	r, err := id.read(plain)
	if err != nil {
		wipe(plain)
		return Record{}, err
	}
	return r, nil
}

// read takes apart what was sealed, and checks that it is of this identity.
func (id *Identity) read(plain []byte) (Record, error) {
	if len(plain) < timesSize {
		return Record{}, fmt.Errorf("%w: it is too short", ErrFormat)
	}
	der := plain[timesSize:]
	session, err := sslsession.Parse(der)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if session.Version != id.Version || !bytes.Equal(session.ID, id.ID) {
		return Record{}, fmt.Errorf("%w: it has another one", ErrFormat)
	}
	return Record{
		Expiry: int64(binary.BigEndian.Uint64(plain)),
		Stored: int64(binary.BigEndian.Uint64(plain[8:])),
		DER:    slices.Clip(der),
	}, nil
}

// wipe clears a copy of a session. The compiler drops writes that nothing can
// read only for variables that never leave its sight; this memory came from the
// caller or from the heap, where it cannot know who else sees it, so clear stays.
func wipe(b []byte) {
	clear(b)
}
