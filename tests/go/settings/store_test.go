package settings

import (
	"bufio"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/store"
)

// rows calls do for each row of the table of stores.
func rows(t *testing.T, do func(accept bool, value string)) {
	t.Helper()
	file, err := os.Open("testdata/stores.txt")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		verdict, value, _ := strings.Cut(lines.Text(), " ")
		switch {
		case verdict == "accept" || verdict == "refuse":
			do(verdict == "accept", value)
		case verdict != "" && !strings.HasPrefix(verdict, "#"):
			t.Fatalf("not a row: %q", lines.Text())
		}
	}
	require.NoError(t, lines.Err())
}

// TestStore_Table: the addresses of stores that are accepted and refused, and
// that no line shows a password, or what could be one.
func TestStore_Table(t *testing.T) {
	rows(t, func(accept bool, value string) {
		t.Run(value, func(t *testing.T) {
			s := start(t, "SESSCACHE_INSECURE=1", "SESSCACHE_STORE="+value)
			if accept {
				require.Equal(t, with("insecure=1", "store="+value), s.do("config"))
				s.says()
				// Refused for want of a key, it is shown but for user and password.
				s = start(t, "SESSCACHE_STORE="+value)
				_, stderr := s.end()
				requireLine(t, stderr, "there is no key")
				_, host, found := strings.Cut(value, "@")
				if found {
					require.Contains(t, stderr, "://***@"+host+": ")
				} else {
					require.Contains(t, stderr, "="+value+": ")
				}
				require.NotContains(t, stderr, "S3CRET")
				return
			}
			require.Equal(t, with("insecure=1"), s.do("config"))
			_, stderr := s.end()
			requireLine(t, stderr, "SESSCACHE_STORE=", "; there is no store")
			require.NotContains(t, stderr, "S3CRET")
		})
	})
}

// TestStore_Agreed: the shim, which checks the address at the start, and the Go
// core, which uses it, say the same of every row of the table and of addresses
// that are rows with random changes.
func TestStore_Agreed(t *testing.T) {
	s := start(t)
	compare := func(value string) (accepted bool) {
		want := store.Redact(value) + ": -"
		err := store.Check(value)
		if err != nil {
			want = store.Redact(value) + ": " + err.Error()
		}
		require.Equal(t, want, s.do("store "+value), value)
		return err == nil
	}
	var values []string
	rows(t, func(accept bool, value string) {
		require.Equal(t, accept, compare(value), value)
		require.NotContains(t, store.Redact(value), "S3CRET")
		values = append(values, value)
	})
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 20000 {
		value := []byte(values[random.IntN(len(values))])
		for range 1 + random.IntN(3) {
			const characters = ":/@,[]?#%.-_ 0169aAfFgGzZ~\x01\x7f\xff"
			from := random.IntN(len(value) + 1)
			to := min(len(value), from+random.IntN(2))
			with := characters[random.IntN(len(characters))]
			value = slices.Replace(value, from, to, with)
		}
		if compare(string(value)) {
			accepted++
		}
	}
	require.Greater(t, accepted, 300, "hardly any address is a good one")
	s.says()
}

// TestStore_Shown: how much of a refused address is shown, and the reason given.
func TestStore_Shown(t *testing.T) {
	for value, want := range map[string]string{
		"redis://host:0":                "redis://host:0: a port is not a number from 1 to 65535; ",
		"redis://h1,h2:6379/0":          "redis://h1,h2:6379/0: this scheme takes one host; ",
		"redis://:S3CRET@host:0/1":      "redis://***@host:0/1: a port is not ",
		"redis://a:S3CRET@S3CRET@host":  "redis://***@host: a ?, # or further @ has no meaning",
		"redis://a:S3CRET/x@[::1]:6379": "redis://***@[::1]:6379: the user or the password has a character",
		"redis://host?x=S3CRET":         "redis://***: a ?, # or further @ ",
		"redis://host/0#S3CRET":         "redis://***: a ?, # or further @ ",
		"redis://host/S3CRET@":          "redis://***@: ",
		"redis-sentinel://h1,h2":        "redis-sentinel://h1,h2: after the hosts stands no name of a master",
		"redis-cluster://h1,h2/m/0":     "redis-cluster://h1,h2/m/0: this scheme has no path; ",
		"memcached://u:S3CRET@h":        "memcached://***@h: this scheme takes no user ",
		"redis://S3CRET@host":           "redis://***@host: before the @ stands no password",
		"valkey://host":                 "valkey://host: it begins with none of the schemes; accepted are redis://",
		"u:S3CRET@redis://host":         "***@redis://host: it begins with none",
		"redis:u:S3CRET":                "***: it begins with none",
		"localhost:6379":                "localhost:6379: it begins with none",
		"redis://:123456@":              "redis://***@: ",
		// digits alone may be a password whose host was forgotten
		"redis://:12345":      "redis://***: the name of a host is missing",
		"redis://name:123456": "redis://***: a port is not ",
		"redis://[::1]123456": "redis://***: after an address in brackets",
	} {
		s := start(t, "SESSCACHE_INSECURE=1", "SESSCACHE_STORE="+value)
		_, stderr := s.end()
		requireLine(t, stderr)
		require.True(t, strings.HasPrefix(stderr, "sesscache: SESSCACHE_STORE="+want), "%s\nwanted %s", stderr, want)
	}
}

// TestStore_Long: the most hosts, and one more; and a value of any length.
func TestStore_Long(t *testing.T) {
	hosts := "redis-cluster://" + strings.Repeat("h,", 63)
	for value, accept := range map[string]bool{
		hosts + "h":                                      true,
		hosts + "h,h":                                    false,
		"redis://" + strings.Repeat("h", 253):            true,
		"redis://" + strings.Repeat("h", 254):            false,
		"redis://" + strings.Repeat("h", 1e5):            false,
		"redis://:" + strings.Repeat("x", 1e5):           false,
		"redis-sentinel://h/" + strings.Repeat("m", 254): false,
		strings.Repeat("x", 1e5) + "@h":                  false,
	} {
		s := start(t, "SESSCACHE_INSECURE=1", "SESSCACHE_STORE="+value)
		if accept {
			require.Equal(t, with("insecure=1", "store="+value), s.do("config"))
			s.says()
		} else {
			s.says("SESSCACHE_STORE=", "; there is no store")
		}
	}
}
