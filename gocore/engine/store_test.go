package engine

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/seal"
)

func TestContext_Store(t *testing.T) {
	one, two := newHost(t), newHost(t)
	one.remote = newStore()
	two.remote = one.remote
	s := load(t, "3.0-tls12-server.der")
	s.add(one.process().context(service), 1, Region|Store)
	require.Len(t, one.remote.values, 1)
	for key, value := range one.remote.values {
		require.False(t, bytes.Contains(value, s.key.ID[:8]), "sealed")
		require.NotEqual(t, sha256.Sum256(s.key.ID[:]), key)
		require.Equal(t, 300*time.Second, one.remote.ttl[key])
	}
	p := two.process()
	f, v, der := s.lookup(p.context(service), Region|Store)
	require.Equal(t, Stored, v)
	require.Equal(t, s.der, der)
	require.Equal(t, len(s.der), f.Len)
	require.Equal(t, uint64(1), p.totals.Cache.StoredHits)
	// Now the region has it.
	_, v, _ = s.lookup(two.process().context(service), Region|Store)
	require.Equal(t, Shared, v)
	require.Equal(t, 1, one.remote.gets)
}

func TestContext_StoreIsNotAskedForWhatIsTaken(t *testing.T) {
	h := newHost(t)
	h.remote = newStore()
	s := load(t, "3.0-tls13-server-early-alpn.der")
	s.add(h.process().context(service), 1, Store)
	_, v, _ := s.lookup(h.process().context(service), Region|Store|Take)
	require.Equal(t, Miss, v)
}

// The store may not hear of a removal; this host remembers it.
func TestContext_RemovedDoesNotComeBackFromTheStore(t *testing.T) {
	h := newHost(t)
	h.remote = newStore()
	h.remote.deaf = true
	s := load(t, "3.0-tls12-server.der")
	atA, atB := h.process().context(service), h.process().context(service)
	s.add(atA, 1, Region|Store)
	atA.Remove(s.key, 0, now, now+300, Region|Store)
	require.Len(t, h.remote.values, 1)
	_, v, _ := s.lookup(atB, Region|Store)
	require.Equal(t, Miss, v)
}

func TestContext_RemovedWhileTheStoreAnswers(t *testing.T) {
	one, two := newHost(t), newHost(t)
	one.remote = newStore()
	two.remote = one.remote
	two.remote.deaf = true
	s := load(t, "3.0-tls12-server.der")
	s.add(one.process().context(service), 1, Region|Store)
	atA, atB := two.process().context(service), two.process().context(service)
	two.remote.onGet = func() {
		two.remote.onGet = nil
		atA.Remove(s.key, 0, now, now+300, Region|Store)
	}
	_, v, _ := s.lookup(atB, Region|Store)
	require.Equal(t, Miss, v)
	_, v, _ = s.lookup(atB, Region)
	require.Equal(t, Miss, v, "the region does not have it either")
}

func TestContext_FlushedDoesNotComeBackFromTheStore(t *testing.T) {
	for _, never := range []bool{false, true} {
		one, two := newHost(t), newHost(t)
		one.remote = newStore()
		two.remote = one.remote
		s := load(t, "3.0-tls12-server.der")
		expiry := now + 300
		if never {
			expiry = cache.Never
		}
		c := one.process().context(service)
		c.Add(s.key, 1, 1, now, expiry, Session{DER: s.der, Caches: Store}, 0, false, nil)
		two.process().context(service).Flush(0, true, now, Region|Store)
		_, v, _ := s.lookup(two.process().context(service), Region|Store)
		require.Equal(t, Miss, v)
		_, v, _ = s.lookup(one.process().context(service), Region|Store)
		require.Equal(t, Stored, v, "another host has flushed nothing")
	}
}

// What another key sealed, or was altered, is a miss and counted.
func TestContext_RefusesWhatIsNotItsOwn(t *testing.T) {
	one, two := newHost(t), newHost(t)
	one.remote = newStore()
	two.remote = one.remote
	two.keys = [][seal.KeySize]byte{{2}}
	s := load(t, "3.0-tls12-server.der")
	s.add(one.process().context(service), 1, Region|Store)
	p := two.process()
	_, v, _ := s.lookup(p.context(service), Region|Store)
	require.Equal(t, Miss, v)
	require.Equal(t, uint64(1), *p.totals.Unsealed)
	p.SetKeys([][seal.KeySize]byte{{2}, {1}})
	_, v, _ = s.lookup(p.context(service), Region|Store)
	require.Equal(t, Stored, v)

	for _, value := range one.remote.values {
		value[len(value)/2] ^= 1
	}
	p = newHostWith(t, one.remote).process()
	_, v, _ = s.lookup(p.context(service), Region|Store)
	require.Equal(t, Miss, v)
	require.Equal(t, uint64(1), *p.totals.Unsealed)
}

func newHostWith(t *testing.T, remote *fakeStore) *host {
	h := newHost(t)
	h.remote = remote
	return h
}
