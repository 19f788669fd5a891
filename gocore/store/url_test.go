package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]target{
		"redis://h":                  {kind: single, addrs: []string{"h:6379"}, name: "h"},
		"redis://h/":                 {kind: single, addrs: []string{"h:6379"}, name: "h"},
		"redis://10.0.0.1:1/7":       {kind: single, addrs: []string{"10.0.0.1:1"}, name: "10.0.0.1", db: 7},
		"rediss://a-b.c_d:65535":     {kind: single, tls: true, addrs: []string{"a-b.c_d:65535"}, name: "a-b.c_d"},
		"redis://[::1]":              {kind: single, addrs: []string{"[::1]:6379"}, name: "::1"},
		"redis://[::ffff:1.2.3.4]:5": {kind: single, addrs: []string{"[::ffff:1.2.3.4]:5"}, name: "::ffff:1.2.3.4"},
		"redis://:pw@h":              {kind: single, addrs: []string{"h:6379"}, name: "h", password: "pw"},
		"redis://me:p%40%3a%2F:w@h": {
			kind: single, addrs: []string{"h:6379"}, name: "h", user: "me", password: "p@:/:w"},
		"redis://m%3Ae:%25@h": {kind: single, addrs: []string{"h:6379"}, name: "h", user: "m:e", password: "%"},
		"redis-sentinel://h,i:7/m/65535": {
			kind: sentinel, addrs: []string{"h:26379", "i:7"}, name: "h", master: "m", db: 65535},
		"redis-sentinel://u:p@h/my.master-1": {
			kind: sentinel, addrs: []string{"h:26379"}, name: "h", user: "u", password: "p", master: "my.master-1"},
		"redis-cluster://:p@h:1,[::2],h:1,j/": {
			kind: cluster, addrs: []string{"h:1", "[::2]:6379", "j:6379"}, name: "h", password: "p"},
		"memcached://h,i": {kind: memcached, addrs: []string{"h:11211", "i:11211"}, name: "h"},
	} {
		got, err := parse(url)
		require.NoError(t, err, url)
		require.Equal(t, want, *got, url)
		require.NoError(t, Check(url))
	}
}

func TestCheck_Refuses(t *testing.T) {
	for _, url := range []string{
		"", "redis", "redis:", "redis:/h", "redis//h", "Redis://h", " redis://h", "http://h", "://h", "unix:///h",
		"redis-sentinels://h/m", "redis:///", "redis://", "redis:///0", "redis://h ", "redis://h\n", "redis://h\x00",
		"redis://h,i", "rediss://h,i", "redis://h,", "memcached://h,", "memcached://,h", "redis-cluster://h,,i",
		"redis://h:", "redis://h:0", "redis://h:65536", "redis://h:99999999999999999999", "redis://h:-1",
		"redis://h:+1", "redis://h:01", "redis://h:x", "redis://h:1:2", "redis://::1", "redis://[::1", "redis://::1]",
		"redis://[]", "redis://[1.2.3.4]", "redis://[h]", "redis://[fe80::1%25eth0]", "redis://[fe80::1%eth0]",
		"redis://[::1]6379", "redis://[::1]:", "redis://[::1]x:1", "redis://[::1]:x",
		"redis://h/x", "redis://h/-1", "redis://h/65536", "redis://h/00", "redis://h/0/", "redis://h//", "redis://h/1/2",
		"redis://h?db=1", "redis://h/0?x", "redis://h#x", "redis://h/0#", "redis://h/%30",
		"redis://@h", "redis://:@h", "redis://me@h", "redis://me:@h", "redis://a:b@c@h", "redis://a:b/c@h",
		"redis://a:b c@h", "redis://a:%@h", "redis://a:%4@h", "redis://a:%4g@h", "redis://a:%00@h", "redis://a:\"@h",
		"redis://a:ä@h", "redis://a:b@", "redis://a:b?c@h",
		"redis-sentinel://h", "redis-sentinel://h/", "redis-sentinel://h//0", "redis-sentinel://h/m/",
		"redis-sentinel://h/m/x", "redis-sentinel://h/m/0/1", "redis-sentinel://h/m%20",
		"redis-cluster://h/0", "memcached://h/0", "memcached://a:b@h", "memcached://@h",
		"redis://" + strings.Repeat("h", 254), "redis-sentinel://h/" + strings.Repeat("m", 254),
		"memcached://" + strings.Repeat("h,", 64) + "h", "redis://:" + strings.Repeat("x", 4090) + "@h",
	} {
		require.Error(t, Check(url), "%q", url)
		_, err := Open(url, Options{})
		require.Error(t, err, "%q", url)
	}
}

func TestRedact(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h:1/0":                     "redis://h:1/0",
		"redis://me:secret@h:1/0":           "redis://***@h:1/0",
		"redis://:secret@[::1]:1":           "redis://***@[::1]:1",
		"redis-sentinel://a:b@h,i:2/m/1":    "redis-sentinel://***@h,i:2/m/1",
		"redis://a:sec@ret@h":               "redis://***@h",
		"redis://a:sec/ret@h":               "redis://***@h",
		"redis://host:secret":               "redis://***",
		"redis://host:6379@me:secret":       "redis://***@***",
		"redis://:secret":                   "redis://***",
		"redis://secret:x@":                 "redis://***@",
		"redis://me:secret#h":               "redis://***",
		"redis://h?password=secret":         "redis://***",
		"redis://h/0?password=secret":       "redis://***",
		"redis://h:1234567":                 "redis://***",
		"redis://[se:cret]x":                "redis://***",
		"redis://[secret":                   "redis://***",
		"redis:/me:secret@h":                "***@h",
		"redis:me:secret":                   "***",
		"me:secret@h":                       "***@h",
		"a word that is not a scheme://h":   "***",
		"redis://h\nsesscache: another one": "redis://***",
		"redis://ä":                         "redis://***",
		"":                                  "",
	} {
		require.Equal(t, want, Redact(url), "%q", url)
	}
}

// Whatever an address is, its password shows neither in what Redact leaves nor
// in an error.
func FuzzCheck(f *testing.F) {
	for _, url := range []string{
		"redis://SECRET:SECRET@h:1/0", "redis-sentinel://:SECRET@h,[::1]:1/m/0", "memcached://h,i", "rediss://h",
		"redis-cluster://a:%40SECRET@h", "redis://h:SECRET", "redis:SECRET", "redis://a:SECRET/x@h",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		shown := Redact(url)
		require.NotContains(t, shown, "\n")
		user, _, found := strings.Cut(url, "@")
		if i := strings.LastIndex(user, ":"); found && len(user)-i > 8 && strings.Count(url, user[i+1:]) == 1 {
			require.NotContains(t, shown, user[i+1:])
		}
		target, err := parse(url)
		if err != nil {
			if len(url) > 8 {
				require.NotContains(t, err.Error(), url[:8])
			}
			return
		}
		require.NotEmpty(t, target.addrs)
		if target.password == "" {
			require.Equal(t, url, shown)
		} else {
			require.Contains(t, shown, "://***@")
		}
	})
}
