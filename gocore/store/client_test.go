package store

import (
	"context"
	"crypto/sha256"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStoreKey(t *testing.T) {
	var k [32]byte
	require.Equal(t, "ssc:1:"+strings.Repeat("A", 43), storeKey(&k))
	k[31] = 0xff
	require.Equal(t, "ssc:1:"+strings.Repeat("A", 41)+"P8", storeKey(&k))
}

func TestMemcachedExpiration(t *testing.T) {
	now := time.Unix(1_800_000_000, 999_999_999)
	for ttl, want := range map[time.Duration]int32{
		time.Second:                           1,
		2*time.Second - 1:                     1,
		time.Hour:                             3600,
		memcachedMonth:                        30 * 24 * 3600,
		memcachedMonth + 1:                    1_800_000_000 + 30*24*3600 + 1 - 2,
		memcachedMonth + 90*time.Second:       1_800_000_000 + 30*24*3600 + 90 - 2,
		time.Duration(math.MaxInt64):          30 * 24 * 3600,
		300_000_000 * time.Second:             2_100_000_000 - 2,
		(math.MaxInt32 - 1.7e9) * time.Second: 30 * 24 * 3600,
	} {
		got, ok := memcachedExpiration(now, ttl)
		require.True(t, ok, ttl)
		require.Equal(t, want, got, ttl)
	}
	for _, ttl := range []time.Duration{time.Second - 1, 0, -time.Second, math.MinInt64} {
		_, ok := memcachedExpiration(now, ttl)
		require.False(t, ok, ttl)
	}
}

// Every host chooses the same server, in whatever order it names them, and a
// server more or less moves few keys.
func TestStore_Server(t *testing.T) {
	const keys = 3000
	choose := func(url string) []string {
		parsed, err := parse(url)
		require.NoError(t, err)
		s, err := Open(url, Options{})
		require.NoError(t, err)
		var chosen []string
		for n := range keys {
			k := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
			server := s.server(&k)
			for i := range s.servers {
				if s.servers[i] == server {
					chosen = append(chosen, parsed.addrs[i])
				}
			}
		}
		return chosen
	}
	three := choose("memcached://a,b,c")
	require.Equal(t, three, choose("memcached://c:11211,a,b"))
	share := make(map[string]int)
	for _, addr := range three {
		share[addr]++
	}
	require.Len(t, share, 3)
	for addr, n := range share {
		require.InDelta(t, keys/3, n, keys/15, addr)
	}
	for i, addr := range choose("memcached://a,b") {
		if three[i] != "c:11211" {
			require.Equal(t, three[i], addr, "a key moves only if its server is gone")
		}
	}
}

func TestOpen_Authorities(t *testing.T) {
	for _, ca := range []string{"", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		_, err := Open("rediss://:SECRET@h", Options{CA: []byte(ca)})
		require.ErrorContains(t, err, "certificate")
		require.NotContains(t, err.Error(), "SECRET")
	}
}

// A name server that does not answer holds up nobody for longer than a server.
func TestDial_NameHangs(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	for _, url := range []string{
		"redis://name.example", "rediss://name.example", "redis-sentinel://name.example/m",
		"redis-cluster://name.example", "memcached://name.example",
	} {
		parsed, err := parse(url)
		require.NoError(t, err)
		d, err := newDialer(parsed, nil)
		require.NoError(t, err)
		d.net.Resolver.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
		}
		var b backend
		if parsed.kind == memcached {
			b = newMemcached(parsed.addrs[0], d, leastPatience)
		} else {
			b = newRedis(parsed, d, leastPatience)
		}
		s := new(Store)
		o := Options{Timeout: 10 * time.Millisecond}
		o.complete()
		s.add(b, "", &o)
		start := time.Now()
		_, v := s.Get(testKey(1), nil)
		require.Equal(t, Failed, v, url)
		require.Less(t, time.Since(start), leastPatience, url)
		s.Close()
		require.Less(t, time.Since(start), 10*time.Second, url)
	}
}

const silentChild = "SESSCACHE_TEST_SILENT"

// Whatever goes wrong, nothing is written to what the host calls standard
// output and error.
func TestStore_Silent(t *testing.T) {
	if os.Getenv(silentChild) != "" {
		failInManyWays()
		os.Exit(0)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestStore_Silent$")
	child.Env = append(os.Environ(), silentChild+"=1")
	output, err := child.CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(output))
}

func failInManyWays() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				request := make([]byte, 4096)
				for {
					if _, err := conn.Read(request); err != nil {
						return
					}
					_, _ = io.WriteString(conn, "-READONLY garbage\r\n>1\r\n+x\r\n*3\r\n")
				}
			}()
		}
	}()
	for _, addr := range []string{"127.0.0.1:1", listener.Addr().String()} {
		for _, url := range []string{
			"redis://" + addr, "rediss://" + addr, "redis-sentinel://" + addr + "/m", "redis-cluster://" + addr,
			"memcached://" + addr,
		} {
			s, err := Open(url, Options{Timeout: 20 * time.Millisecond})
			if err != nil {
				os.Exit(1)
			}
			for n := range 2 * failuresToOpen {
				s.Put(testKey(n), []byte("value"), time.Hour)
				s.Delete(testKey(n))
				s.Get(testKey(n), nil)
			}
			s.Close()
		}
	}
}
