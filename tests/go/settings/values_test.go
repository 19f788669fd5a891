package settings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const unset = "takeover=0 strict=0 insecure=0 size=16777216 file=- name=- store=- ca=0 timeout=5"

// with is the answer to `config` where all but some settings are unset.
func with(changed ...string) string {
	fields := strings.Fields(unset)
	for _, change := range changed {
		name, _, _ := strings.Cut(change, "=")
		for i, field := range fields {
			if strings.HasPrefix(field, name+"=") {
				fields[i] = change
			}
		}
	}
	return strings.Join(fields, " ")
}

// TestConfig_Accepted: what is accepted is what is used, without a word.
func TestConfig_Accepted(t *testing.T) {
	for setting, want := range map[string]string{
		"":                            with(),
		"SESSCACHE_SHARED_SIZE=":      with(),
		"SESSCACHE_SHARED_SIZE=0":     with("size=0"),
		"SESSCACHE_SHARED_SIZE=0G":    with("size=0"),
		"SESSCACHE_SHARED_SIZE=256K":  with("size=262144"),
		"SESSCACHE_SHARED_SIZE=256k":  with("size=262144"),
		"SESSCACHE_SHARED_SIZE=32M":   with("size=33554432"),
		"SESSCACHE_SHARED_SIZE=32MiB": with("size=33554432"),
		"SESSCACHE_SHARED_SIZE=3gib":  with("size=3221225472"),
		"SESSCACHE_SHARED_SIZE=64G":   with("size=68719476736"),
		// whole pages
		"SESSCACHE_SHARED_SIZE=266239":                    with("size=262144"),
		"SESSCACHE_NAMESPACE=a":                           with("name=a"),
		"SESSCACHE_NAMESPACE=" + strings.Repeat("n", 255): with("name=" + strings.Repeat("n", 255)),
		"SESSCACHE_STORE_TIMEOUT=1":                       with("timeout=1"),
		"SESSCACHE_STORE_TIMEOUT=1000ms":                  with("timeout=1000"),
		"SESSCACHE_INSECURE=1":                            with("insecure=1"),
		"SESSCACHE_INSECURE=0":                            with(),
		"SESSCACHE_STRICT=1":                              with("strict=1"),
		"SESSCACHE_MODE=takeover":                         with("takeover=1"),
		"SESSCACHE_MODE=documented":                       with(),
		"SESSCACHE_KEY_FILE=":                             with(),
		"SESSCACHE_STORE=":                                with(),
		"SESSCACHE_SHARED_FILE=":                          with(),
	} {
		t.Run(setting, func(t *testing.T) {
			s := start(t, setting)
			require.Equal(t, want, s.do("config"))
			s.says()
		})
	}
}

// TestConfig_Together: settings that belong together, and keep their values
// when the host rewrites its environment.
func TestConfig_Together(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	ca := writeFile(t, dir, "ca", "text\n-----BEGIN CERTIFICATE-----\n...")
	s := start(t, "SESSCACHE_KEY_FILE="+keys, "SESSCACHE_STORE=rediss://:S3CRET@h/1",
		"SESSCACHE_STORE_CA_FILE="+ca, "SESSCACHE_SHARED_FILE="+dir+"/region", "SESSCACHE_STRICT=1")
	require.Equal(t, with("strict=1", "file="+dir+"/region", "store=rediss://:S3CRET@h/1", "ca=36"), s.do("config"))
	s.says()

	s = start(t, "SESSCACHE_INSECURE=1", "SESSCACHE_STORE=memcached://h", "SESSCACHE_SHARED_FILE=/x")
	require.Equal(t, with("insecure=1", "file=/x", "store=memcached://h"), s.do("config"))
	s.says()
}

// TestConfig_AuthoritiesCut: text behind a zero byte would be lost on the way to Go.
func TestConfig_AuthoritiesCut(t *testing.T) {
	ca := writeFile(t, t.TempDir(), "ca", "-----BEGIN CERTIFICATE-----\n\x00...")
	s := start(t, "SESSCACHE_STORE=rediss://h", "SESSCACHE_STORE_CA_FILE="+ca, "SESSCACHE_INSECURE=1")
	require.Equal(t, with("insecure=1"), s.do("config"))
	s.says("SESSCACHE_STORE_CA_FILE="+ca+": not a file of certificates in PEM; ", "there is no store")
}

// refusals are settings that are refused with one line each: what it says, and
// what is in use instead.
var refusals = []struct {
	settings []string
	says     []string
	want     string
}{
	{[]string{"SESSCACHE_MODE=both"}, []string{"SESSCACHE_MODE=both: ", "'takeover'; going on as 'documented'"}, with()},
	{[]string{"SESSCACHE_SHARED_SIZE=much"}, []string{"SESSCACHE_SHARED_SIZE=much: ", "256K to 64G", "each process caches alone"}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=16MB"}, []string{"SHARED_SIZE=16MB: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=16T"}, []string{"SHARED_SIZE=16T: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=16 M"}, []string{"SHARED_SIZE=16 M: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=16Mx"}, []string{"SHARED_SIZE=16Mx: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE= 16M"}, []string{"SHARED_SIZE= 16M: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=-16M"}, []string{"SHARED_SIZE=-16M: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=0x100000"}, []string{"SHARED_SIZE=0x100000: "}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=255K"}, []string{"SHARED_SIZE=255K: too small"}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=65G"}, []string{"SHARED_SIZE=65G: too large"}, with("size=0")},
	// 2^64 and 2^34 G: what is left of them in 64 bits is small
	{[]string{"SESSCACHE_SHARED_SIZE=18446744073711648768"}, []string{": too large"}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_SIZE=17179869185G"}, []string{": too large"}, with("size=0")},
	{[]string{"SESSCACHE_SHARED_FILE=region", "SESSCACHE_INSECURE=1"}, []string{"SHARED_FILE=region: not an absolute path"}, with("insecure=1")},
	{[]string{"SESSCACHE_SHARED_FILE=/r", "SESSCACHE_SHARED_SIZE=0", "SESSCACHE_INSECURE=1"}, []string{"SHARED_FILE=/r: ", "SESSCACHE_SHARED_SIZE=0"}, with("size=0", "insecure=1")},
	{[]string{"SESSCACHE_SHARED_FILE=/r", "SESSCACHE_SHARED_SIZE=x", "SESSCACHE_INSECURE=1"}, []string{"SHARED_SIZE=x: "}, with("size=0", "insecure=1")},
	{[]string{"SESSCACHE_SHARED_FILE=/r"}, []string{"SHARED_FILE=/r: there is no key", "openssl rand -base64 32", "end with the server"}, with()},
	{[]string{"SESSCACHE_STORE=redis://u:S3CRET@h"}, []string{"STORE=redis://***@h: there is no key", "SESSCACHE_KEY_FILE", "openssl rand -base64 32", "there is no store"}, with()},
	{[]string{"SESSCACHE_STORE=mysql://u:S3CRET@h"}, []string{"STORE=mysql://***@h: ", "rediss://", "memcached://", "there is no store"}, with()},
	{[]string{"SESSCACHE_STORE=mysql://h", "SESSCACHE_STORE_CA_FILE=/x"}, []string{"STORE=mysql://h: "}, with()},
	{[]string{"SESSCACHE_STORE_TIMEOUT=0"}, []string{"TIMEOUT=0: ", "1 to 1000", "going on with 5"}, with()},
	{[]string{"SESSCACHE_STORE_TIMEOUT=1001"}, []string{"TIMEOUT=1001: "}, with()},
	{[]string{"SESSCACHE_STORE_TIMEOUT=5s"}, []string{"TIMEOUT=5s: "}, with()},
	{[]string{"SESSCACHE_STORE_TIMEOUT=-5"}, []string{"TIMEOUT=-5: "}, with()},
	{[]string{"SESSCACHE_STORE_TIMEOUT=4294967301"}, []string{"TIMEOUT=4294967301: "}, with()},
	{[]string{"SESSCACHE_STORE_CA_FILE=/x"}, []string{"CA_FILE=/x: ", "rediss://"}, with()},
	{[]string{"SESSCACHE_STORE_CA_FILE=/x", "SESSCACHE_STORE=redis://h", "SESSCACHE_INSECURE=1"}, []string{"CA_FILE=/x: ", "rediss://"}, with("insecure=1", "store=redis://h")},
	{[]string{"SESSCACHE_STORE_CA_FILE=/no/file", "SESSCACHE_STORE=rediss://h", "SESSCACHE_INSECURE=1"}, []string{"CA_FILE=/no/file: No such file or directory; ", "PEM; there is no store"}, with("insecure=1")},
	{[]string{"SESSCACHE_STORE_CA_FILE=/dev/zero", "SESSCACHE_STORE=rediss://h", "SESSCACHE_INSECURE=1"}, []string{"CA_FILE=/dev/zero: not a regular file"}, with("insecure=1")},
	{[]string{"SESSCACHE_STORE_CA_FILE=/etc/passwd", "SESSCACHE_STORE=rediss://h", "SESSCACHE_INSECURE=1"}, []string{"CA_FILE=/etc/passwd: not a file of certificates"}, with("insecure=1")},
	{[]string{"SESSCACHE_STORE_CA_FILE=ca.pem", "SESSCACHE_STORE=rediss://h", "SESSCACHE_INSECURE=1"}, []string{"CA_FILE=ca.pem: not an absolute path"}, with("insecure=1")},
	{[]string{"SESSCACHE_INSECURE=yes"}, []string{"INSECURE=yes: neither 0 nor 1", "going on as with 0"}, with()},
	{[]string{"SESSCACHE_STRICT=2"}, []string{"STRICT=2: neither 0 nor 1"}, with()},
	{[]string{"SESSCACHE_STRICT=11"}, []string{"STRICT=11: "}, with()},
	{[]string{"SESSCACHE_KEY_FILE=keys"}, []string{"KEY_FILE=keys: not an absolute path", "there is no key"}, with()},
	{[]string{"SESSCACHE_KEY_FILE=/no/file"}, []string{"KEY_FILE=/no/file: No such file or directory", "openssl rand"}, with()},
	{[]string{"SESSCACHE_NAMESPACE=" + strings.Repeat("n", 256), "SESSCACHE_STORE=redis://h", "SESSCACHE_SHARED_FILE=/r", "SESSCACHE_INSECURE=1"},
		[]string{"NAMESPACE=" + strings.Repeat("n", 100) + "...: 256 bytes long", "neither a store nor a file"}, with("insecure=1")},
	// values that would spoil the line
	{[]string{"SESSCACHE_MODE=a\nb\x1b[31m%s%n"}, []string{"MODE=a?b?[31m%s%n: "}, with()},
	{[]string{"SESSCACHE_MODE=" + strings.Repeat("m", 5000)}, []string{strings.Repeat("m", 100) + "...: ", "going on as 'documented'"}, with()},
}

// TestConfig_Refused: one line of each bad setting, and its part stays off.
func TestConfig_Refused(t *testing.T) {
	for i, refusal := range refusals {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := start(t, refusal.settings...)
			require.Equal(t, refusal.want, s.do("config"))
			s.says(refusal.says...)
		})
	}
}

// TestLibrary_Refused: the library says the same, its host does its work; with
// SESSCACHE_STRICT=1 it does not start.
func TestLibrary_Refused(t *testing.T) {
	for i, refusal := range refusals {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			got := runHost(t, refusal.settings...)
			require.Equal(t, "well\n", got.stdout)
			require.Zero(t, got.status)
			requireLine(t, got.stderr, refusal.says...)
			require.NotContains(t, got.stderr, "S3CRET")

			if strings.HasPrefix(refusal.settings[0], "SESSCACHE_STRICT=") {
				return
			}
			strict := runHost(t, append(refusal.settings, "SESSCACHE_STRICT=1")...)
			require.Equal(t, 78, strict.status)
			require.Empty(t, strict.stdout)
			line, last, _ := strings.Cut(strict.stderr, "\n")
			require.Equal(t, got.stderr, line+"\n")
			requireLine(t, last, "SESSCACHE_STRICT=1: ")
		})
	}
}

// TestLibrary_RefusedAll: the operator sees all mistakes at once.
func TestLibrary_RefusedAll(t *testing.T) {
	got := runHost(t, "SESSCACHE_STRICT=1", "SESSCACHE_MODE=x", "SESSCACHE_SHARED_SIZE=x",
		"SESSCACHE_STORE=x", "SESSCACHE_STORE_TIMEOUT=x", "SESSCACHE_KEY_FILE=x")
	require.Equal(t, 78, got.status)
	lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
	require.Len(t, lines, 6)
	for i, name := range []string{"MODE=x", "SHARED_SIZE=x", "STORE=x", "STORE_TIMEOUT=x", "KEY_FILE=x", "STRICT=1"} {
		require.True(t, strings.HasPrefix(lines[i], "sesscache: SESSCACHE_"+name+": "), lines[i])
	}
}

// TestLibrary_Silent: without settings, and with good ones, there is nothing to say.
func TestLibrary_Silent(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	for _, settings := range [][]string{
		nil,
		{"SESSCACHE_STRICT=1", "SESSCACHE_SHARED_SIZE=1M", "SESSCACHE_NAMESPACE=n"},
		{"SESSCACHE_STRICT=1", "SESSCACHE_KEY_FILE=" + keys, "SESSCACHE_SHARED_FILE=" + dir + "/region"},
	} {
		require.Equal(t, result{stdout: "well\n"}, runHost(t, settings...))
	}
	require.FileExists(t, dir+"/region", "the library has not mapped the region at the first context")
}

// TestConfig_KeyRefused: SESSCACHE_INSECURE=1 is for a lab without keys, not
// for a key file that cannot be used.
func TestConfig_KeyRefused(t *testing.T) {
	s := start(t, "SESSCACHE_INSECURE=1", "SESSCACHE_KEY_FILE=/no/file", "SESSCACHE_STORE=redis://h", "SESSCACHE_SHARED_FILE=/r")
	require.Equal(t, with("insecure=1"), s.do("config"))
	_, stderr := s.end()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	require.Len(t, lines, 3)
	for i, text := range []string{"SESSCACHE_KEY_FILE=/no/file: ", "SESSCACHE_STORE=redis://h: there is no key", "SESSCACHE_SHARED_FILE=/r: there is no key"} {
		require.Contains(t, lines[i], text)
	}
}
