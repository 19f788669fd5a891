package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/record"
	"github.com/libsesscache/libsesscache/gocore/region"
)

// Identity is what tells the sessions of one context from those of others, in
// every process and on every host alike. A session is found by contexts of its
// own identity only.
type Identity struct {
	Certificate []byte // DER; empty: the context has none of its own
	ContextID   []byte // see SSL_CTX_set_session_id_context(3)
	VerifyMode  int32  // see SSL_CTX_set_verify(3)
	Authorities []byte // names that client certificates are asked for, DER
	// Number is that of the context in its server: it tells contexts apart that
	// have neither certificate nor name, which workers of one host agree on.
	Number uint32
}

// owner is a context's identity as it is used.
type owner struct {
	namespace [16]byte // in the region
	stored    [16]byte // in records
	space     uint32   // of the region
	caches    Caches   // that can share its sessions, and Bind
}

// owner makes the namespaces of an identity. What a server asks of its clients
// is part of them: a session that was made without a client certificate must not
// resume where one is asked for.
func (e *Engine) owner(id *Identity) *owner {
	o := new(owner)
	if e.region != nil {
		o.caches |= Region
	}
	if e.store != nil {
		o.caches |= Store
	}
	switch {
	case e.name != "":
		o.stored = id.namespace('n', []byte(e.name))
		o.namespace = o.stored
	case len(id.Certificate) > 0:
		o.stored = id.namespace('c', id.Certificate)
		o.namespace = o.stored
	default:
		var number [4]byte
		binary.BigEndian.PutUint32(number[:], id.Number)
		o.stored = id.namespace('-', nil)
		o.namespace = id.namespace('#', number[:])
		o.caches |= Bind
	}
	o.space = binary.LittleEndian.Uint32(o.namespace[:])
	return o
}

// namespace is a hash of the identity, in which what tells its server comes
// instead of the certificate and the number.
func (id *Identity) namespace(kind byte, server []byte) (n [16]byte) {
	h := sha256.New()
	part := func(kind byte, b []byte) {
		var head [9]byte
		head[0] = kind
		binary.BigEndian.PutUint64(head[1:], uint64(len(b)))
		h.Write(head[:])
		h.Write(b)
	}
	var mode [4]byte
	binary.BigEndian.PutUint32(mode[:], uint32(id.VerifyMode))
	h.Write([]byte("libsesscache namespace 1"))
	part(kind, server)
	part('i', id.ContextID)
	part('v', mode[:])
	part('a', id.Authorities)
	copy(n[:], h.Sum(nil))
	return n
}

// regionKey spreads the keys of all namespaces over the region. It need not
// resist forgery: the record of another session is told by the ID in its DER.
// Half of it chooses the key's stamp, which C has to find too.
func (o *owner) regionKey(k *cache.Key) region.Key {
	var b [1 + len(o.namespace) + 3 + cache.MaxIDLen]byte
	copy(b[1:], o.namespace[:])
	binary.LittleEndian.PutUint16(b[1+len(o.namespace):], k.Version)
	b[1+len(o.namespace)+2] = k.Len
	copy(b[1+len(o.namespace)+3:], k.ID[:])
	lo := xxhash.Sum64(b[:])
	b[0] = 1
	return region.Key{Hi: xxhash.Sum64(b[:])&^math.MaxUint32 | uint64(k.Spread()), Lo: lo}
}

// recordIdentity is what a record is sealed for. certificate is that of the
// connection, which counts where the context has none.
func (o *owner) recordIdentity(k *cache.Key, certificate []byte) record.Identity {
	id := record.Identity{Namespace: o.stored, Version: int32(k.Version), ID: k.ID[:k.Len]}
	if o.caches&Bind != 0 {
		sum := sha256.Sum256(certificate)
		copy(id.Binding[:], sum[:])
	}
	return id
}
