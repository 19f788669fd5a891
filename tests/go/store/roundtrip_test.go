package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/store"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

// kinds are the addresses of one running store of each kind.
func kinds(t *testing.T) map[string]func(t *testing.T) (url string, o store.Options) {
	authority := backend.NewAuthority(t)
	plain := store.Options{Timeout: generous}
	return map[string]func(t *testing.T) (string, store.Options){
		"redis": func(t *testing.T) (string, store.Options) {
			return backend.Redis(t, backend.RedisOptions{}).URL() + "/3", plain
		},
		"password": func(t *testing.T) (string, store.Options) {
			return backend.Redis(t, backend.RedisOptions{Password: "p@ss:/w%rd"}).URL(), plain
		},
		"tls": func(t *testing.T) (string, store.Options) {
			r := backend.Redis(t, backend.RedisOptions{TLS: authority, Password: "secret"})
			return r.URL(), store.Options{Timeout: generous, CA: authority.PEM()}
		},
		"sentinel": func(t *testing.T) (string, store.Options) {
			return backend.RedisSentinel(t, backend.SentinelOptions{Sentinels: 1}).URL(), plain
		},
		"sentinel with passwords": func(t *testing.T) (string, store.Options) {
			return backend.RedisSentinel(t, backend.SentinelOptions{
				Sentinels: 1, Password: "secret", Guarded: true}).URL(), plain
		},
		"cluster": func(t *testing.T) (string, store.Options) {
			return backend.RedisCluster(t).URL(), plain
		},
		"memcached": func(t *testing.T) (string, store.Options) {
			return backend.Memcached(t).URL(), plain
		},
		"two memcacheds": func(t *testing.T) (string, store.Options) {
			return backend.Memcached(t).URL() + "," + backend.Memcached(t).Addr(), plain
		},
	}
}

func TestStore_RoundTrip(t *testing.T) {
	const keys = 300
	for name, start := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			url, o := start(t)
			s, other := open(t, url, o), open(t, url, o)
			s.requireAbsent(0)
			var all []int
			for n := range keys {
				all = append(all, n)
			}
			s.put(all...)
			for n := range keys {
				other.requireFound(n)
			}
			require.True(t, s.Delete(key(0)))
			require.True(t, s.Delete(key(keys)), "one that is not there")
			require.True(t, s.Put(key(1), value(2), day))
			s.flush()
			other.requireAbsent(0)
			got, _ := other.get(1)
			require.Equal(t, string(value(2)), got, "the last value counts")
			require.Equal(t, store.Counters{Misses: 1, Writes: keys + 1, Deletes: 2}, *s.totals)
			require.Equal(t, store.Counters{Hits: keys + 1, Misses: 1}, *other.totals)
		})
	}
}

func TestStore_Largest(t *testing.T) {
	for name, start := range kinds(t) {
		if name != "redis" && name != "tls" && name != "memcached" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			url, o := start(t)
			s := open(t, url, o)
			largest := strings.Repeat("x", store.MaxValue)
			require.True(t, s.Put(key(1), []byte(largest), day))
			require.False(t, s.Put(key(2), []byte(largest+"x"), day))
			s.flush()
			got, verdict := s.get(1)
			require.Equal(t, store.Found, verdict)
			require.Equal(t, largest, got)
			require.Equal(t, store.Counters{Hits: 1, Writes: 1, Dropped: 1}, *s.totals)
		})
	}
}

// A value that somebody else has stored under one of our keys.
func TestStore_TooLargeForeign(t *testing.T) {
	server := backend.Redis(t, backend.RedisOptions{})
	s := open(t, server.URL(), store.Options{Timeout: generous})
	s.put(1, 2)
	keys, ok := server.Do(t, "keys", "ssc:1:*").([]any)
	require.True(t, ok)
	require.Len(t, keys, 2)
	for _, name := range keys {
		server.Do(t, "append", name, strings.Repeat("x", store.MaxValue))
	}
	_, verdict := s.get(1)
	require.Equal(t, store.Failed, verdict)
	require.Equal(t, store.Counters{Errors: 1, Writes: 2}, *s.totals)
}

func TestStore_Expiry(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		server := backend.Redis(t, backend.RedisOptions{})
		s := open(t, server.URL(), store.Options{Timeout: generous})
		for n, ttl := range []time.Duration{90 * time.Second, 90*time.Second + 700*time.Microsecond, 7 * day} {
			require.True(t, s.Put(key(n), value(n), ttl))
			s.flush()
			names, ok := server.Do(t, "keys", "ssc:1:*").([]any)
			require.True(t, ok)
			require.Len(t, names, 1)
			left, ok := server.Do(t, "pttl", names[0]).(int64)
			require.True(t, ok)
			require.Positive(t, left)
			require.LessOrEqual(t, left, ttl.Milliseconds())
			server.Do(t, "flushall")
		}
		require.True(t, s.Put(key(1), value(1), 900*time.Microsecond))
		s.flush()
		s.requireAbsent(1)
		require.EqualValues(t, 1, s.totals.Dropped)
		require.True(t, s.Put(key(1), value(1), 300*time.Millisecond))
		s.flush()
		backend.Eventually(t, func() bool {
			_, verdict := s.get(1)
			return verdict == store.Absent
		}, "the value expires")
	})
	t.Run("memcached", func(t *testing.T) {
		server := backend.Memcached(t)
		s := open(t, server.URL(), store.Options{Timeout: generous})
		for n, ttl := range []time.Duration{90*time.Second + 999*time.Millisecond, 29 * day, 31 * day, 400 * day} {
			require.True(t, s.Put(key(n), value(n), ttl))
			s.flush()
			s.requireFound(n)
			left := server.TTL(t, storeKey(n))
			require.Greater(t, left, ttl-5*time.Second)
			require.LessOrEqual(t, left, ttl)
		}
		require.True(t, s.Put(key(9), value(9), 999*time.Millisecond))
		s.flush()
		s.requireAbsent(9)
		require.EqualValues(t, 1, s.totals.Dropped)
		require.True(t, s.Put(key(9), value(9), 2*time.Second))
		s.flush()
		backend.Eventually(t, func() bool {
			_, verdict := s.get(9)
			return verdict == store.Absent
		}, "the value expires")
	})
}

func TestStore_Authority(t *testing.T) {
	authority := backend.NewAuthority(t)
	server := backend.Redis(t, backend.RedisOptions{TLS: authority})
	elsewhere := backend.Redis(t, backend.RedisOptions{TLS: authority, CertName: "elsewhere.example"})
	for name, of := range map[string]struct {
		url  string
		ca   []byte
		good bool
	}{
		"by address":        {server.URL(), authority.PEM(), true},
		"by name":           {strings.Replace(server.URL(), "127.0.0.1", "localhost", 1), authority.PEM(), true},
		"another authority": {server.URL(), backend.NewAuthority(t).PEM(), false},
		"the system's":      {server.URL(), nil, false},
		"another name":      {elsewhere.URL(), authority.PEM(), false},
		"without TLS":       {strings.Replace(server.URL(), "rediss:", "redis:", 1), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, of.url, store.Options{Timeout: generous, CA: of.ca})
			if of.good {
				s.put(1)
				s.requireFound(1)
				return
			}
			_, verdict := s.get(1)
			require.Equal(t, store.Failed, verdict)
		})
	}
}

func TestStore_WrongPassword(t *testing.T) {
	server := backend.Redis(t, backend.RedisOptions{Password: "right"})
	for name, user := range map[string]string{"none": "", "wrong": ":wrong@", "unknown user": "nobody:right@"} {
		t.Run(name, func(t *testing.T) {
			s := open(t, "redis://"+user+server.Addr(), store.Options{Timeout: generous})
			_, verdict := s.get(1)
			require.Equal(t, store.Failed, verdict)
			require.EqualValues(t, 1, s.totals.Errors)
		})
	}
}

// A user with the rights that the documentation asks for, and no others.
func TestStore_FewRights(t *testing.T) {
	server := backend.Redis(t, backend.RedisOptions{})
	server.Do(t, "acl", "setuser", "tls", "on", ">secret", "~ssc:1:*", "+get", "+set", "+del")
	s := open(t, "redis://tls:secret@"+server.Addr(), store.Options{Timeout: generous})
	s.put(1, 2)
	s.requireFound(1)
	require.True(t, s.Delete(key(2)))
	s.flush()
	s.requireAbsent(2)
	server.Kill(t)
	s.opens()
	server.Restart(t)
	server.Do(t, "acl", "setuser", "tls", "on", ">secret", "~ssc:1:*", "+get", "+set", "+del")
	s.recovers()
}
