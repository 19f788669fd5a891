package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/sslsession"
	"github.com/libsesscache/libsesscache/gocore/store"
)

const now = int64(1_700_000_000)

// host is the memory of one host, and the store that it shares with others.
type host struct {
	t      *testing.T
	region []byte
	sealed bool
	remote *fakeStore
	keys   [][seal.KeySize]byte
	name   string
}

func newHost(t *testing.T) *host {
	return &host{t: t, region: make([]byte, 256<<10), keys: [][seal.KeySize]byte{{1}}}
}

// process is one of a host's: an engine over the memory and the store.
type process struct {
	*Engine
	totals *Totals
}

func (h *host) process() process {
	totals := &Totals{new(cache.Counters), new(region.Counters), new(store.Counters), new(uint64)}
	e, err := New(Settings{Region: h.region, RegionSealed: h.sealed, Keys: h.keys, Name: h.name, Totals: totals})
	require.NoError(h.t, err)
	if h.remote != nil {
		e.store = h.remote
	}
	return process{e, totals}
}

var service = Identity{Certificate: []byte("certificate"), ContextID: []byte("service")}

func (p process) context(id Identity) *Context {
	c := p.NewContext(0)
	c.Identify(&id)
	return c
}

// session is one that libssl has written, and the key it is found by.
type session struct {
	key cache.Key
	der []byte
}

func load(t *testing.T, name string) session {
	der, err := os.ReadFile(filepath.Join("../sslsession/testdata", name))
	require.NoError(t, err)
	s, err := sslsession.Parse(der)
	require.NoError(t, err)
	key, ok := cache.MakeKey(s.ID, s.Version)
	require.True(t, ok)
	return session{key, der}
}

// add makes a context have a session that it shares with the caches.
func (s session) add(c *Context, ref cache.Ref, caches Caches) {
	c.Add(s.key, ref, cache.Object(ref), now, now+300, Session{DER: s.der, Caches: caches}, 0, false, make([]cache.Ref, 1))
}

// promote makes a context have what a lookup has found.
func (s session) promote(c *Context, ref cache.Ref, f Found) {
	c.Add(s.key, ref, cache.Object(ref), now, now+300, Session{}, f.Stamp, true, make([]cache.Ref, 1))
}

func (s session) lookup(c *Context, caches Caches) (Found, Verdict, []byte) {
	room := make([]byte, 4096)
	f, v := c.Lookup(&Query{Key: s.key, Now: now, Caches: caches, Room: room})
	return f, v, room[:f.Len]
}

// fakeStore is a store that answers at once.
type fakeStore struct {
	values map[[32]byte][]byte
	ttl    map[[32]byte]time.Duration
	deaf   bool   // deletes are lost
	onGet  func() // runs while a Get is under way
	gets   int
}

func newStore() *fakeStore {
	return &fakeStore{values: map[[32]byte][]byte{}, ttl: map[[32]byte]time.Duration{}}
}

func (f *fakeStore) Get(key [32]byte, dst []byte) ([]byte, store.Verdict) {
	f.gets++
	v, ok := f.values[key]
	if f.onGet != nil {
		f.onGet()
	}
	if !ok {
		return dst, store.Absent
	}
	return append(dst, v...), store.Found
}

func (f *fakeStore) Put(key [32]byte, value []byte, ttl time.Duration) bool {
	f.values[key] = bytes.Clone(value)
	f.ttl[key] = ttl
	return true
}

func (f *fakeStore) Delete(key [32]byte) bool {
	if f.deaf {
		return false
	}
	delete(f.values, key)
	return true
}

func (f *fakeStore) Close() {}

func TestContext_ASessionOfOneWorkerIsFoundByAnother(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		h := newHost(t)
		h.sealed = sealed
		s := load(t, "3.0-tls12-server.der")
		a, b := h.process(), h.process()
		atA, atB := a.context(service), b.context(service)
		s.add(atA, 1, Region)

		f, v, der := s.lookup(atB, Region)
		require.Equal(t, Shared, v)
		require.Equal(t, s.der, der)
		s.promote(atB, 2, f)
		f, v, _ = s.lookup(atB, Region)
		require.Equal(t, Hit, v)
		require.Equal(t, cache.Ref(2), f.Ref)
		require.Equal(t, cache.Counters{Lookups: 2, Hits: 2, Adds: 1, Entries: 1, SharedHits: 1}, *b.totals.Cache)
		require.Equal(t, sealed, !bytes.Contains(h.region, s.der[len(s.der)/3:]))
	}
}

// What one worker removes is gone for all, also from the tables of those that
// made it or used it.
func TestContext_RemovedIsRemovedEverywhere(t *testing.T) {
	remove := map[string]func(c *Context, k cache.Key){
		"remove":    func(c *Context, k cache.Key) { c.Remove(k, 0, now, now+300, Region) },
		"flush all": func(c *Context, _ cache.Key) { c.Flush(0, true, now, Region) },
		"flush":     func(c *Context, _ cache.Key) { c.Flush(now+301, false, now, Region) },
	}
	for name, how := range remove {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := load(t, "3.0-tls13-server.der")
			atA, atB, atC := h.process().context(service), h.process().context(service), h.process().context(service)
			s.add(atA, 1, Region)
			f, _, _ := s.lookup(atB, Region)
			s.promote(atB, 2, f)
			how(atC, s.key)

			f, v, _ := s.lookup(atA, Region)
			require.Equal(t, Miss, v)
			require.Equal(t, cache.Ref(1), f.Revoked)
			f, v, _ = s.lookup(atB, Region)
			require.Equal(t, Miss, v)
			require.Equal(t, cache.Ref(2), f.Revoked)
			require.Zero(t, atA.Len())
		})
	}
}

// The table has what the region is asked for first; that another worker removed
// the session in between must not be missed.
func TestContext_RemovedWhileItIsPromoted(t *testing.T) {
	h := newHost(t)
	s := load(t, "3.0-tls12-server.der")
	atA, atB := h.process().context(service), h.process().context(service)
	s.add(atA, 1, Region)
	f, v, _ := s.lookup(atB, Region)
	require.Equal(t, Shared, v)
	_, removed := atA.Remove(s.key, 0, now, now+300, Region)
	require.True(t, removed)
	s.promote(atB, 2, f)
	_, v, _ = s.lookup(atB, Region)
	require.Equal(t, Miss, v)
}

func TestContext_RemoveTellsOfTheRegion(t *testing.T) {
	h := newHost(t)
	s := load(t, "3.0-tls12-server.der")
	atA, atB := h.process().context(service), h.process().context(service)
	s.add(atA, 1, Region)
	ref, removed := atB.Remove(s.key, 0, now, now+300, Region)
	require.True(t, removed)
	require.Zero(t, ref)
	_, removed = atB.Remove(s.key, 0, now, now+300, Region)
	require.False(t, removed)
}

// A worker that takes its own session back (an object of its own) leaves the
// region as it is.
func TestContext_FlushOfExpiredAndWithdrawalLeaveTheRegion(t *testing.T) {
	h := newHost(t)
	s := load(t, "3.0-tls12-server.der")
	atA, atB := h.process().context(service), h.process().context(service)
	s.add(atA, 1, Region)
	atA.Flush(now, false, now, Region)
	_, removed := atA.Remove(s.key, 1, now, now+300, Region)
	require.True(t, removed)
	_, v, _ := s.lookup(atB, Region)
	require.Equal(t, Shared, v)
}

func TestContext_TakenOnce(t *testing.T) {
	s := load(t, "3.0-tls13-server-early-alpn.der")
	const take = Region | Take
	t.Run("by its maker first", func(t *testing.T) {
		h := newHost(t)
		atA, atB := h.process().context(service), h.process().context(service)
		s.add(atA, 1, Region)
		f, _, _ := s.lookup(atB, Region)
		s.promote(atB, 2, f)
		_, v, _ := s.lookup(atA, take)
		require.Equal(t, Hit, v)
		_, v, _ = s.lookup(atB, take)
		require.Equal(t, Miss, v)
		f, v, _ = s.lookup(atA, take)
		require.Equal(t, Miss, v)
		require.Equal(t, cache.Ref(1), f.Revoked)
	})
	t.Run("by another first", func(t *testing.T) {
		h := newHost(t)
		atA, atB := h.process().context(service), h.process().context(service)
		s.add(atA, 1, Region)
		_, v, der := s.lookup(atB, take)
		require.Equal(t, Shared, v)
		require.Equal(t, s.der, der)
		_, v, _ = s.lookup(atA, take)
		require.Equal(t, Miss, v)
	})
	// That it is added again, and not shared this time, takes it from nobody.
	t.Run("that is added again", func(t *testing.T) {
		h := newHost(t)
		atA, atB := h.process().context(service), h.process().context(service)
		s.add(atA, 1, Region)
		s.add(atA, 1, 0)
		_, _ = atA.Table.Remove(s.key, 1, now)
		s.add(atA, 3, 0)
		_, v, _ := s.lookup(atA, take)
		require.Equal(t, Hit, v)
		_, v, _ = s.lookup(atB, take)
		require.Equal(t, Miss, v)
	})
	// What the region refused, or was not given, nobody else can have used.
	t.Run("that nobody else has", func(t *testing.T) {
		h := newHost(t)
		atA := h.process().context(service)
		s.add(atA, 1, 0)
		_, v, _ := s.lookup(atA, take)
		require.Equal(t, Hit, v)
		atA.Share(s.key, now, now+300, Session{DER: s.der, Caches: Region})
		_, v, _ = s.lookup(h.process().context(service), take)
		require.Equal(t, Shared, v)
		_, v, _ = s.lookup(atA, take)
		require.Equal(t, Miss, v)
	})
}

func TestContext_Identify(t *testing.T) {
	h := newHost(t)
	h.remote = newStore()
	s := load(t, "3.0-tls12-server.der")
	s.add(h.process().context(service), 1, Region|Store)
	found := func(p process, id Identity) bool {
		_, v, _ := s.lookup(p.context(id), Region|Store)
		return v == Shared || v == Stored
	}
	require.True(t, found(h.process(), service))
	for name, change := range map[string]func(id *Identity){
		"certificate":  func(id *Identity) { id.Certificate = []byte("certificatf") },
		"no cert":      func(id *Identity) { id.Certificate = nil },
		"context ID":   func(id *Identity) { id.ContextID = []byte("servicf") },
		"no context":   func(id *Identity) { id.ContextID = nil },
		"verify mode":  func(id *Identity) { id.VerifyMode = 1 },
		"authorities":  func(id *Identity) { id.Authorities = []byte("CN=CA") },
		"moved border": func(id *Identity) { id.Certificate, id.ContextID = []byte("certificates"), []byte("ervice") },
	} {
		id := service
		change(&id)
		require.False(t, found(h.process(), id), name)
	}
	h.name = "name"
	require.False(t, found(h.process(), service))
	s.add(h.process().context(service), 1, Region|Store)
	id := service
	id.Certificate = []byte("another")
	require.True(t, found(h.process(), id), "the name stands for the certificate")
}

// A context without a certificate (a server that chooses one by name has such)
// shares with those of the same number on its host, and with other hosts as far
// as the connection's certificate is the same.
func TestContext_WithoutCertificate(t *testing.T) {
	one, two := newHost(t), newHost(t)
	one.remote = newStore()
	two.remote = one.remote
	s := load(t, "3.0-tls12-server.der")
	look := func(h *host, number uint32, certificate string) Verdict {
		c := h.process().NewContext(0)
		require.Equal(t, Region|Store|Bind, c.Identify(&Identity{Number: number}))
		q := Query{Key: s.key, Now: now, Caches: Region | Store, Room: make([]byte, 4096)}
		if certificate != "" {
			q.Certificate = []byte(certificate)
		}
		_, v := c.Lookup(&q)
		return v
	}
	c := one.process().context(Identity{Number: 1})
	s.add(c, 1, Region|Store)
	require.Empty(t, one.remote.values, "nothing says whose it is")
	c.Share(s.key, now, now+300, Session{DER: s.der, Caches: Region | Store, Certificate: []byte("one")})

	require.Equal(t, Shared, look(one, 1, "another"))
	require.Equal(t, Miss, look(two, 7, "another"))
	require.Equal(t, Miss, look(two, 7, ""))
	require.Equal(t, Stored, look(two, 7, "one"))
	c.Remove(s.key, 0, now, now+300, Region|Store)
	require.Empty(t, one.remote.values)
}

// A stamp that another session's removal changed costs a question, no session.
func TestContext_StampsAreOfManySessions(t *testing.T) {
	h := newHost(t)
	s := load(t, "3.0-tls12-server.der")
	atA := h.process().context(service)
	s.add(atA, 1, Region)
	b := h.process()
	b.region.Remove(region.Key{Hi: atA.owner.Load().regionKey(&s.key).Hi, Lo: 1}, 0, now, 0)
	for range 2 {
		f, v, _ := s.lookup(atA, Region)
		require.Equal(t, Hit, v)
		require.Equal(t, cache.Ref(1), f.Ref)
	}
	require.Equal(t, uint64(2), atA.Counters().Hits)
}

func TestContext_Expired(t *testing.T) {
	h := newHost(t)
	h.remote = newStore()
	s := load(t, "3.0-tls12-server.der")
	s.add(h.process().context(service), 1, Region|Store)
	c := h.process().context(service)
	_, v := c.Lookup(&Query{Key: s.key, Now: now + 301, Caches: Region | Store, Room: make([]byte, 4096)})
	require.Equal(t, Miss, v)
	c.Share(s.key, now, now-1, Session{DER: s.der, Caches: Region | Store})
	require.False(t, c.Contains(s.key, now+400, Region))
}

func TestContext_Room(t *testing.T) {
	one := newHost(t)
	one.remote = newStore()
	s := load(t, "3.0-tls12-server-client-cert.der")
	s.add(one.process().context(service), 1, Region|Store)
	for _, caches := range []Caches{Region, Store} {
		c := one.process().context(service)
		f, v := c.Lookup(&Query{Key: s.key, Now: now, Caches: caches, Room: make([]byte, 16)})
		require.Equal(t, Room, v)
		require.Equal(t, len(s.der), f.Len)
		_, v = c.Lookup(&Query{Key: s.key, Now: now, Caches: caches, Room: make([]byte, f.Len)})
		require.NotEqual(t, Miss, v)
	}
	c := one.process().context(service)
	require.True(t, c.Contains(s.key, now, Region))
	require.False(t, c.Contains(s.key, now, 0))
}

func TestNew_PartsThatCannotBeUsed(t *testing.T) {
	e, err := New(Settings{StoreURL: "redis://:secret@localhost"})
	require.ErrorContains(t, err, "key")
	require.NotContains(t, err.Error(), "secret")
	require.NotNil(t, e.NewContext(1))
	e, err = New(Settings{Region: make([]byte, 64)})
	require.ErrorContains(t, err, "region")
	require.Equal(t, Caches(0), e.NewContext(1).Identify(&service))
	e, err = New(Settings{StoreURL: "redis://localhost", Insecure: true})
	require.NoError(t, err)
	require.Equal(t, Store, e.NewContext(1).Identify(&service))
	e.Close()
}

// In a sealed region the longest record that it takes comes back too.
func TestContext_LongRecords(t *testing.T) {
	h := newHost(t)
	h.sealed = true
	s := load(t, "3.0-tls12-server-client-cert.der")
	c := h.process().context(service)
	o := c.owner.Load()
	long := bytes.Repeat([]byte{1}, region.MaxRecord)
	require.Equal(t, region.Stored, c.engine.region.Put(o.regionKey(&s.key), o.space, now+1, now, long))
	_, v, _ := s.lookup(c, Region)
	require.Equal(t, Miss, v)
	require.Equal(t, uint64(1), *c.engine.unsealed, "it was read, and no seal held")
}
