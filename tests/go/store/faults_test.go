package store_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/store"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

// process is what the servers of one process have in common.
type process interface {
	Addr() string
	URL() string
	URLVia(addr string) string
	Stop(t backend.TB)
	Continue(t backend.TB)
	Kill(t backend.TB)
	Restart(t backend.TB)
}

// each runs a test with a Redis, one with TLS and password, and a memcached.
func each(t *testing.T, test func(t *testing.T, server process, o store.Options)) {
	t.Run("redis", func(t *testing.T) {
		test(t, backend.Redis(t, backend.RedisOptions{}), store.Options{Timeout: short})
	})
	t.Run("tls", func(t *testing.T) {
		authority := backend.NewAuthority(t)
		test(t, backend.Redis(t, backend.RedisOptions{TLS: authority, Password: "secret"}),
			store.Options{Timeout: short, CA: authority.PEM()})
	})
	t.Run("memcached", func(t *testing.T) {
		test(t, backend.Memcached(t), store.Options{Timeout: short})
	})
}

func TestFault_Killed(t *testing.T) {
	each(t, func(t *testing.T, server process, o store.Options) {
		s := open(t, server.URL(), o)
		s.recovers()
		server.Kill(t)
		s.opens()
		require.False(t, s.Put(key(2), value(2), day))
		server.Restart(t)
		s.recovers()
	})
}

func TestFault_Stopped(t *testing.T) {
	each(t, func(t *testing.T, server process, o store.Options) {
		s := open(t, server.URL(), o)
		s.recovers()
		server.Stop(t)
		s.opens()
		require.NotZero(t, atomic.LoadUint64(&s.totals.Timeouts))
		server.Continue(t)
		s.recovers()
	})
}

// Connections that the server has closed meanwhile are no fault of the server.
func TestFault_RestartedEmpty(t *testing.T) {
	each(t, func(t *testing.T, server process, o store.Options) {
		o.Timeout = generous
		s := open(t, server.URL(), o)
		s.put(1)
		// As many connections as a store may have.
		var readers sync.WaitGroup
		for range 16 {
			readers.Go(func() {
				for range 50 {
					s.Get(key(1), nil)
				}
			})
		}
		readers.Wait()
		server.Restart(t)
		failed := 0
		backend.Eventually(t, func() bool {
			_, verdict := s.get(1)
			if verdict == store.Failed {
				failed++
			}
			return verdict == store.Absent
		}, "the store is empty")
		require.Less(t, failed, 5)
		require.False(t, s.isOpen())
		s.put(1)
		s.requireFound(1)
	})
}

func TestFault_Network(t *testing.T) {
	for name, fault := range map[string]func(p *backend.Proxy){
		"slow":      func(p *backend.Proxy) { p.Delay(4 * short) },
		"blackhole": func(p *backend.Proxy) { p.Blackhole() },
		"reset":     func(p *backend.Proxy) { p.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, server process, o store.Options) {
				proxy := backend.NewProxy(t, server.Addr())
				s := open(t, server.URLVia(proxy.Addr()), o)
				s.recovers()
				fault(proxy)
				s.opens()
				proxy.Pass()
				s.recovers()
			})
		})
	}
}

// Answers that no server gives, some of which are to exhaust the memory or the
// stack of who believes them.
func TestFault_Garbage(t *testing.T) {
	const much = 1 << 20
	servers := map[string]process{
		"redis":     backend.Redis(t, backend.RedisOptions{}),
		"memcached": backend.Memcached(t),
	}
	for name, answer := range map[string]string{
		"text":            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
		"zeros":           strings.Repeat("\x00", 1000),
		"long line":       "+" + strings.Repeat("x", 8*much),
		"long bulk":       "$1099511627776\r\nx",
		"bulk of 1 GiB":   "$1073741824\r\nx",
		"padded length":   "$" + strings.Repeat("0", 5000) + "1073741824\r\nx",
		"negative length": "$-2\r\n",
		"huge length":     "$99999999999999999999\r\n",
		"long array":      "*1099511627776\r\n",
		"large arrays":    strings.Repeat("*100000\r\n", much),
		"deep arrays":     strings.Repeat("*1\r\n", much),
		"deep maps":       strings.Repeat("%1\r\n*1\r\n", much),
		"moved to itself": "-MOVED 1 127.0.0.1:1\r\n",
		"moved nowhere":   "-MOVED 1 :\r\n-MOVED\r\n-MOVED 1\r\n",
		"readonly":        "-READONLY You can't write against a read only replica.\r\n",
		"loading":         "-LOADING Redis is loading the dataset in memory\r\n",
		"long item":       "VALUE x 0 1099511627776\r\nx",
		"item of 1 GiB":   "VALUE x 0 1073741824\r\nx",
		"another item":    "VALUE x 0 1\r\nx\r\nEND\r\n",
		"many items":      strings.Repeat("VALUE x 0 1\r\nx\r\n", much),
		"short item":      "VALUE\r\nVALUE x\r\n",
		"memcached error": "SERVER_ERROR out of memory\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for name, server := range servers {
				t.Run(name, func(t *testing.T) {
					proxy := backend.NewProxy(t, server.Addr())
					s := open(t, server.URLVia(proxy.Addr()), store.Options{Timeout: short})
					s.recovers()
					proxy.Garbage([]byte(answer))
					s.opens()
					proxy.Pass()
					s.recovers()
				})
			}
		})
	}
}

// Garbage from the start, where clients ask for more than a value: who is the
// master, which slots are where.
func TestFault_GarbageTopology(t *testing.T) {
	for name, answer := range map[string]string{
		"empty array":  "*0\r\n",
		"short array":  "*1\r\n$1\r\nx\r\n",
		"long array":   "*3\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n",
		"no port":      "*2\r\n$9\r\n127.0.0.1\r\n$1\r\nx\r\n",
		"nil":          "*-1\r\n",
		"nil bulk":     "$-1\r\n",
		"number":       ":1\r\n",
		"slots":        "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:0\r\n",
		"no nodes":     "*1\r\n*2\r\n:0\r\n:16383\r\n",
		"wrong slots":  "*1\r\n*3\r\n:-5\r\n:99999\r\n*2\r\n$1\r\nx\r\n:1\r\n",
		"too few":      "*1\r\n*1\r\n:0\r\n",
		"not a number": "*1\r\n*3\r\n+a\r\n+b\r\n*2\r\n+c\r\n+d\r\n",
		"authenticate": "-NOAUTH Authentication required.\r\n",
	} {
		proxy := backend.NewProxy(t, "127.0.0.1:1")
		proxy.Garbage([]byte(answer))
		urls := []string{
			"redis-sentinel://" + proxy.Addr() + "/mymaster",
			"redis-sentinel://:secret@" + proxy.Addr() + "/mymaster",
		}
		// A cluster that answers nil to whatever is asked has no keys.
		if !strings.HasPrefix(name, "nil") {
			urls = append(urls, "redis-cluster://"+proxy.Addr())
		}
		for _, url := range urls {
			s := open(t, url, store.Options{Timeout: short})
			s.Put(key(1), value(1), day)
			s.Delete(key(1))
			s.opens()
		}
	}
}

// What hangs before there is a connection.
func TestFault_NoConnection(t *testing.T) {
	proxy := backend.NewProxy(t, "127.0.0.1:1")
	proxy.Blackhole()
	off := backend.Unanswered(t)
	for name, url := range map[string]string{
		"refused":              "redis://127.0.0.1:1",
		"unresolved":           "redis://no.such.name.invalid",
		"redis":                "redis://" + off,
		"redis, silent":        "redis://" + proxy.Addr(),
		"tls":                  "rediss://" + off,
		"tls, silent":          "rediss://" + proxy.Addr(),
		"sentinel":             "redis-sentinel://" + off + "/mymaster",
		"sentinel, silent":     "redis-sentinel://" + proxy.Addr() + "/mymaster",
		"cluster":              "redis-cluster://" + off,
		"cluster, silent":      "redis-cluster://" + proxy.Addr(),
		"memcached":            "memcached://" + off,
		"memcached, silent":    "memcached://" + proxy.Addr(),
		"memcached, refused":   "memcached://127.0.0.1:1",
		"several, unreachable": "redis-cluster://127.0.0.1:1," + off,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, url, store.Options{Timeout: short})
			s.Put(key(1), value(1), day)
			s.Delete(key(1))
			s.opens()
			require.Zero(t, atomic.LoadUint64(&s.totals.Writes)+atomic.LoadUint64(&s.totals.Deletes))
		})
	}
}

// A store without room refuses writes; it goes on answering.
func TestFault_Full(t *testing.T) {
	full := func(t *testing.T, url string) {
		s := open(t, url, store.Options{Timeout: generous})
		s.put(1)
		large := make([]byte, 32<<10)
		n := 2
		backend.Eventually(t, func() bool {
			for range 50 {
				s.Put(key(n), large, day)
				n++
			}
			s.flush()
			return atomic.LoadUint64(&s.totals.Errors) > 50
		}, "the store is full")
		for range 20 {
			s.requireFound(1)
		}
		require.Zero(t, atomic.LoadUint64(&s.totals.Opened))
		require.True(t, s.Delete(key(2)))
		s.flush()
		require.EqualValues(t, 1, atomic.LoadUint64(&s.totals.Deletes))
	}
	t.Run("redis", func(t *testing.T) {
		full(t, backend.Redis(t, backend.RedisOptions{MaxMemory: "4mb"}).URL())
	})
	t.Run("memcached", func(t *testing.T) {
		full(t, backend.Memcached(t, "-M", "-m", "4").URL())
	})
}

// One memcached that is gone takes its share of the keys along, and no others.
func TestFault_OneOfTwo(t *testing.T) {
	gone, stays := backend.Memcached(t), backend.Memcached(t)
	s := open(t, gone.URL()+","+stays.Addr(), store.Options{Timeout: short})
	const keys = 100
	for n := range keys {
		s.Put(key(n), value(n), day)
	}
	s.flush()
	gone.Stop(t)
	backend.Eventually(t, func() bool {
		for n := range keys {
			s.get(n)
		}
		return s.isOpen()
	}, "the breaker of one opens")
	verdicts := make(map[store.Verdict]int)
	for n := range keys {
		_, verdict := s.get(n)
		verdicts[verdict]++
	}
	require.Zero(t, verdicts[store.Absent])
	require.Greater(t, verdicts[store.Found], keys/4)
	require.Greater(t, verdicts[store.Failed], keys/4)
	require.EqualValues(t, 1, atomic.LoadUint64(&s.totals.Open))
	gone.Continue(t)
	backend.Eventually(t, func() bool { return !s.isOpen() }, "the breaker closes")
	for n := range keys {
		s.gets(n, store.Found)
	}
}

// A deletion waits until the server is back.
func TestFault_DeletionKept(t *testing.T) {
	server := backend.Redis(t, backend.RedisOptions{})
	s := open(t, server.URL(), store.Options{Timeout: short})
	s.put(1, 2)
	server.Stop(t)
	s.opens()
	require.True(t, s.Delete(key(1)))
	server.Continue(t)
	s.flush()
	s.gets(1, store.Absent)
	s.gets(2, store.Found)
}
