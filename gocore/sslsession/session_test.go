package sslsession

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The sessions that testdata/make.c wrote, by the name of their file.
func written(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.der")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	sessions := map[string][]byte{}
	for _, path := range paths {
		der, err := os.ReadFile(path)
		require.NoError(t, err)
		sessions[strings.TrimSuffix(filepath.Base(path), ".der")] = der
	}
	return sessions
}

// What testdata/make.c gives every session.
var (
	madeID      = bytesFrom(0xa0, 32)
	madeContext = []byte("context")
)

const (
	madeTime    = 1700000000
	madeTimeout = 7200

	selfSigned = 18 // X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
	rawKey     = 95 // X509_V_ERR_RPK_UNTRUSTED
)

// bytesFrom is n bytes that count up from first.
func bytesFrom(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func TestParse_WhatOpenSSLWrites(t *testing.T) {
	server12 := Session{Version: 0x0303, Cipher: 0xc02c, ID: madeID, IDContext: madeContext,
		Time: madeTime, Timeout: madeTimeout}
	server13 := server12
	server13.Version, server13.Cipher = 0x0304, 0x1302
	client12, client13 := server12, server13
	client12.IDContext, client13.IDContext = []byte{}, []byte{}
	client12.VerifyResult, client13.VerifyResult = selfSigned, selfSigned
	client12.HasPeer, client13.HasPeer = true, true
	with := func(s Session, change func(*Session)) Session {
		change(&s)
		return s
	}
	verified := func(s *Session) { s.HasPeer, s.VerifyResult = true, selfSigned }
	kinds := map[string]Session{
		"tls12-server":             server12,
		"tls12-server-sni-alpn":    server12,
		"tls12-server-client-cert": with(server12, verified),
		"tls12-server-fragment":    server12,
		"tls12-client-psk": with(client12, func(s *Session) {
			s.Cipher, s.HasPeer, s.VerifyResult = 0xc037, false, 0
		}),
		"tls12-client-ticket":      with(client12, func(s *Session) { s.HasTicket = true }),
		"tls13-server":             server13,
		"tls13-server-client-cert": with(server13, verified),
		"tls13-server-early-alpn":  with(server13, func(s *Session) { s.MaxEarlyData = 16384 }),
		"tls13-client-ticket": with(client13, func(s *Session) {
			s.HasTicket, s.MaxEarlyData = true, 4096
		}),
		"dtls12-server": with(server12, func(s *Session) { s.Version = 0xfefd }),
		"tls13-server-raw-key": with(server13, func(s *Session) {
			s.HasPeer, s.VerifyResult = true, rawKey
		}),
	}
	seen := map[string]bool{}
	for name, der := range written(t) {
		_, kind, _ := strings.Cut(name, "-")
		want, ok := kinds[kind]
		require.True(t, ok, name)
		seen[kind] = true
		got, err := Parse(der)
		require.NoError(t, err, name)
		if want.HasTicket { // libssl made the ID
			require.Len(t, got.ID, MaxIDLen, name)
			want.ID = got.ID
		}
		require.Equal(t, want, got, name)
		check(t, der, got)
	}
	require.Len(t, seen, len(kinds))
}

// check requires what holds for whatever Parse accepts.
func check(t *testing.T, der []byte, s Session) {
	t.Helper()
	require.True(t, isProtocol(int64(s.Version)))
	require.LessOrEqual(t, len(s.ID), MaxIDLen)
	require.LessOrEqual(t, len(s.IDContext), MaxIDContextLen)
	require.GreaterOrEqual(t, s.Time, int64(0))
	require.GreaterOrEqual(t, s.Timeout, int64(0))
	require.Equal(t, len(s.ID), cap(s.ID))
	require.Equal(t, len(s.IDContext), cap(s.IDContext))
	require.True(t, bytes.Contains(der, s.ID))

	again, err := Parse(bytes.Clone(der))
	require.NoError(t, err)
	require.Equal(t, s, again)

	_, err = Parse(append(bytes.Clone(der), 0))
	require.ErrorIs(t, err, ErrFormat)
	_, err = Parse(der[:len(der)-1])
	require.ErrorIs(t, err, ErrFormat)
}

func TestParse_Truncated(t *testing.T) {
	for name, der := range written(t) {
		for n := range der {
			s, err := Parse(der[:n])
			require.ErrorIs(t, err, ErrFormat, "%s cut to %d", name, n)
			require.Zero(t, s, name)
		}
	}
}

// Neither the result nor an error depends on the secret, so neither tells it.
func TestParse_TellsNothingOfTheSecret(t *testing.T) {
	for name, der := range written(t) {
		session, err := Parse(der)
		require.NoError(t, err, name)
		other := bytes.Clone(der)
		// After the ID come the tag of the secret and its length.
		at := bytes.Index(der, session.ID) + len(session.ID)
		require.Equal(t, byte(0x04), der[at], name)
		secret := der[at+2:][:der[at+1]]
		require.GreaterOrEqual(t, len(secret), 32, name)
		for i := range secret {
			other[at+2+i] ^= 0xff
		}
		changed, err := Parse(other)
		require.NoError(t, err, name)
		require.Equal(t, session, changed, name)

		for n := range der {
			_, err := Parse(der[:n])
			_, otherErr := Parse(other[:n])
			require.Equal(t, err, otherErr, name)
			require.NotContains(t, err.Error(), string(secret[:4]), name)
			require.NotContains(t, err.Error(), hex.EncodeToString(secret[:4]), name)
		}
	}
}

func TestParse_DoesNotAllocate(t *testing.T) {
	der := written(t)["3.0-tls13-server-client-cert"]
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := Parse(der); err != nil {
			panic(err)
		}
	}))
}

func TestParse_ViewsOfTheInput(t *testing.T) {
	der := bytes.Clone(written(t)["3.0-tls13-server"])
	s, err := Parse(der)
	require.NoError(t, err)
	der[bytes.Index(der, madeID)] = 0xff
	der[bytes.Index(der, madeContext)] = 'C'
	require.Equal(t, byte(0xff), s.ID[0])
	require.Equal(t, "Context", string(s.IDContext))
}

// Each case differs in one field from a session that is accepted.
func TestParse_Bounds(t *testing.T) {
	long := func(n int) []byte { return octets(bytesFrom(1, n)) }
	text := func(n int) []byte { return octets(bytes.Repeat([]byte("x"), n)) }
	certificate := sequence(sequence(), sequence(), bitString())
	publicKey := sequence(sequence(), bitString())
	for _, c := range []struct {
		name     string
		accepted draft
		refused  []draft
	}{
		{"nothing optional", valid(), []draft{
			valid().structure(0), valid().structure(2), valid().structure(-1),
			valid().raw(0, octets([]byte{1}))}},
		{"TLS 1.2", valid().version(0x0303), []draft{
			valid().version(0x0200), valid().version(0x0400), valid().version(0),
			valid().version(-1), valid().version(0x0101), valid().version(0x1_0000_0303)}},
		{"SSL 3", valid().version(0x0300), nil},
		{"DTLS 1.0", valid().version(0xfeff), []draft{valid().version(0xff00)}},
		{"DTLS before its standard", valid().version(0x0100), nil},
		{"cipher", valid().raw(2, long(2)), []draft{
			valid().raw(2, long(0)), valid().raw(2, long(1)), valid().raw(2, long(3))}},
		{"ID of 32", valid().raw(3, long(32)), []draft{valid().raw(3, long(33))}},
		{"no ID", valid().raw(3, long(0)), []draft{valid().raw(3, integer(5))}},
		{"secret of 1", valid().raw(4, long(1)), []draft{valid().raw(4, long(0))}},
		{"secret of 512", valid().raw(4, long(512)), []draft{valid().raw(4, long(513))}},
		{"time", valid().with(1, integer(math.MaxInt64)), []draft{
			valid().with(1, integer(-1)), valid().with(1, octets([]byte{1})),
			valid().with(1, element(0x02, make([]byte, 0))),    // no content
			valid().with(1, element(0x02, []byte{0, 1})),       // not minimal
			valid().with(1, element(0x02, bytesFrom(1, 9))),    // over 64 bits
			valid().with(1, append(integer(1), integer(1)...)), // two
			valid().with(1, nil),                               // none
			valid().tagged(0x81, integer(1)),                   // not constructed
			valid().tagged(0x61, integer(1)),                   // of another class
			valid().tagged(0x02, integer(1)[2:]),               // not tagged
			valid().with(1, integer(1)).with(1, integer(1)),    // twice
			valid().with(2, integer(1)).with(1, integer(1)),    // out of order
			valid().tagged(0xa0, octets(nil)),                  // SSL 2's
			valid().tagged(0x80, []byte{1}),                    // likewise
			valid().with(1, integer(1)).tagged(0xa0, octets(nil))}},
		{"timeout", valid().with(2, integer(0)), []draft{valid().with(2, integer(-1))}},
		{"peer", valid().with(3, certificate), []draft{
			valid().with(3, sequence(sequence(), sequence())),
			valid().with(3, sequence(sequence(), sequence(), bitString(), bitString())),
			valid().with(3, sequence(octets(nil), sequence(), bitString())),
			valid().with(3, append(bytes.Clone(certificate), certificate...)),
			valid().with(3, octets(certificate)), valid().with(3, nil)}},
		{"context of 32", valid().with(4, long(32)), []draft{valid().with(4, long(33))}},
		{"context of 0", valid().with(4, long(0)), []draft{valid().with(4, integer(1))}},
		{"verify result", valid().with(5, integer(math.MinInt32)), []draft{
			valid().with(5, integer(math.MinInt32-1)), valid().with(5, integer(math.MaxInt32+1))}},
		{"name", valid().with(6, text(255)), []draft{
			valid().with(6, text(256)),
			valid().with(6, octets([]byte("www.example.org\x00.evil.org")))}},
		{"PSK hint", valid().with(7, text(256)), []draft{
			valid().with(7, text(257)), valid().with(7, octets([]byte("a\x00")))}},
		{"PSK identity", valid().with(8, text(256)), []draft{valid().with(8, text(257))}},
		{"hint of ticket", valid().with(9, integer(math.MaxUint32)), []draft{
			valid().with(9, integer(math.MaxUint32+1)), valid().with(9, integer(-1))}},
		{"ticket", valid().with(10, long(65535)), []draft{valid().with(10, long(65536))}},
		{"compression", valid().with(11, long(1)), []draft{
			valid().with(11, long(0)), valid().with(11, long(2))}},
		{"SRP", valid().with(12, text(255)), []draft{valid().with(12, text(256))}},
		{"flags", valid().with(13, integer(1)), []draft{valid().with(13, integer(-1))}},
		{"age", valid().with(14, integer(math.MaxUint32)), []draft{
			valid().with(14, integer(math.MaxUint32+1))}},
		{"early data", valid().with(15, integer(math.MaxUint32)), []draft{
			valid().with(15, integer(math.MaxUint32+1)), valid().with(15, integer(-1))}},
		{"ALPN", valid().with(16, long(255)), []draft{valid().with(16, long(256))}},
		{"fragment", valid().with(17, integer(255)), []draft{valid().with(17, integer(256))}},
		{"data", valid().with(18, long(70000)), []draft{valid().with(18, integer(1))}},
		{"group", valid().with(19, integer(0)), []draft{valid().with(19, integer(-1))}},
		{"raw key", valid().with(20, octets(publicKey)), []draft{
			valid().with(20, publicKey), valid().with(20, octets(nil)),
			valid().with(20, octets(append(bytes.Clone(publicKey), 0))),
			valid().with(20, octets(sequence(sequence()))),
			valid().with(20, octets(sequence(sequence(), bitString(), octets(nil))))}},
		{"field of the future", valid().with(21, sequence()).with(30, integer(1)), []draft{
			valid().with(21, nil), valid().with(21, []byte{0x04, 0x02, 0x00}),
			valid().with(21, append(integer(1), integer(2)...)),
			valid().with(22, integer(1)).with(21, integer(1)),
			valid().tagged(0xbf, []byte{0x1f}), valid().tagged(0x95, integer(1))}},
	} {
		s, err := Parse(c.accepted.der())
		require.NoError(t, err, c.name)
		check(t, c.accepted.der(), s)
		for i, d := range c.refused {
			s, err := Parse(d.der())
			require.ErrorIs(t, err, ErrFormat, "%s, %d", c.name, i)
			require.Zero(t, s, c.name)
		}
	}
}

// What DER forbids and BER does not.
func TestParse_OnlyDER(t *testing.T) {
	body := valid().body()
	n := byte(len(body))
	require.Less(t, n, byte(128))
	after := func(head ...byte) []byte { return append(head, body...) }
	_, err := Parse(after(0x30, n))
	require.NoError(t, err)
	for name, der := range map[string][]byte{
		"length with a byte more than it needs": after(0x30, 0x81, n),
		"length in five bytes":                  after(0x30, 0x85, 0, 0, 0, 0, n),
		"no length":                             append(after(0x30, 0x80), 0, 0),
		"a set":                                 after(0x31, n),
		"an OCTET STRING in parts":              valid().raw(3, element(0x24, octets(nil))).der(),
		"nothing":                               nil,
		"an empty sequence":                     {0x30, 0},
	} {
		_, err := Parse(der)
		require.ErrorIs(t, err, ErrFormat, name)
	}
}

func FuzzParse(f *testing.F) {
	for _, der := range written(f) {
		f.Add(der)
	}
	f.Add(valid().with(21, sequence()).with(30, integer(1)).der())
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := Parse(der)
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			require.Zero(t, s)
			return
		}
		check(t, der, s)
	})
}
