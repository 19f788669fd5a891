// Package sslsession reads sessions in the encoding of OpenSSL's
// i2d_SSL_SESSION, which 1.1.1 and all later versions share.
//
// It is stricter than libssl, because what it reads may come from elsewhere: it
// takes what libssl writes and nothing else. It gives what tells a session from
// others and how long it lasts; the master secret it passes over.
package sslsession

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The longest a session's ID and its session id context can be, in bytes.
const (
	MaxIDLen        = 32 // SSL_MAX_SSL_SESSION_ID_LENGTH
	MaxIDContextLen = 32 // SSL_MAX_SID_CTX_LENGTH
)

// ErrFormat says that something is not a session as libssl writes it. Errors
// that wrap it name the field and tell nothing of its content.
var ErrFormat = errors.New("not a session in DER")

// Session is what Parse tells of a session.
type Session struct {
	Version      int32  // of the protocol: 0x0303 is TLS 1.2, 0x0304 TLS 1.3
	Cipher       uint16 // number of the cipher suite
	ID           []byte // view into the DER; empty if the session has none
	IDContext    []byte // likewise
	Time         int64  // seconds since the epoch; if 0, libssl takes the time at which it reads
	Timeout      int64  // seconds from Time; if 0, libssl takes 3
	VerifyResult int32  // of the peer's certificate: 0 (X509_V_OK) or an X509_V_ERR
	HasPeer      bool   // the peer showed a certificate or a raw public key
	HasTicket    bool   // a client's session with a ticket
	MaxEarlyData uint32 // bytes; 0 if there can be no early data
}

// Bounds of what is read and not told.
const (
	maxSecretLen   = 512 // TLS13_MAX_RESUMPTION_PSK_LENGTH
	maxHostnameLen = 255 // TLSEXT_MAXLEN_host_name
	maxIdentityLen = 256 // PSK_MAX_IDENTITY_LEN
	maxUsernameLen = 255 // of SRP, by the length of its field
	maxTicketLen   = math.MaxUint16
	maxALPNLen     = math.MaxUint8
)

// Numbers of the optional fields. 0 was for SSL 2; no supported libssl writes it.
const (
	fieldTime          = 1
	fieldTimeout       = 2
	fieldPeer          = 3
	fieldIDContext     = 4
	fieldVerifyResult  = 5
	fieldHostname      = 6
	fieldPSKHint       = 7
	fieldPSKIdentity   = 8
	fieldTicketHint    = 9
	fieldTicket        = 10
	fieldCompression   = 11
	fieldSRPUsername   = 12
	fieldFlags         = 13
	fieldTicketAgeAdd  = 14
	fieldMaxEarlyData  = 15
	fieldALPN          = 16
	fieldFragment      = 17
	fieldTicketAppData = 18
	fieldGroup         = 19
	fieldPeerRawKey    = 20 // since 3.2
)

// Parse reads one session, which has to be all of der. ID and IDContext of the
// result are views into der; nothing is copied or kept. Fields that later
// versions of OpenSSL may add are passed over if they are well-formed.
//
// The certificate of a peer is looked at no deeper than that it has the three
// parts of one. A session without a secret is refused: whoever knows the ID
// could resume it. The error wraps ErrFormat.
func Parse(der []byte) (Session, error) {
	var s Session
	var body cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() {
		return Session{}, malformed("its outermost sequence")
	}
	if err := s.readRequired(&body); err != nil {
		return Session{}, err
	}
	for last := 0; !body.Empty(); {
		var tag asn1.Tag
		var content cryptobyte.String
		if !body.ReadAnyASN1(&content, &tag) {
			return Session{}, malformed("an optional field")
		}
		number := int(tag & 0x1f)
		if tag != asn1.Tag(number).ContextSpecific().Constructed() || number <= last {
			return Session{}, malformed("the tags of its optional fields")
		}
		if !s.readOptional(number, &content) || !content.Empty() {
			return Session{}, malformed(fmt.Sprintf("its optional field %d", number))
		}
		last = number
	}
	return s, nil
}

func malformed(what string) error {
	return fmt.Errorf("%w: %s", ErrFormat, what)
}

// readRequired reads the fields that each session has.
func (s *Session) readRequired(body *cryptobyte.String) error {
	var structure, version int64
	var cipher, secret []byte
	switch {
	case !readInteger(body, &structure, 1, 1):
		return malformed("the version of its structure")
	case !readInteger(body, &version, 0, math.MaxInt32) || !isProtocol(version):
		return malformed("its protocol version")
	case !readOctets(body, &cipher, 2, 2):
		return malformed("its cipher suite")
	case !readOctets(body, &s.ID, 0, MaxIDLen):
		return malformed("its ID")
	case !readOctets(body, &secret, 1, maxSecretLen):
		return malformed("its secret")
	}
	s.Version = int32(version)
	s.Cipher = uint16(cipher[0])<<8 | uint16(cipher[1])
	return nil
}

// isProtocol is whether libssl takes the version: SSL 3 and TLS, DTLS, and the
// DTLS that came before its standard.
func isProtocol(version int64) bool {
	return version>>8 == 0x03 || version>>8 == 0xfe || version == 0x0100
}

// readOptional reads the content of one optional field. A time or a timeout
// below 0, which some versions of libssl would read as a very late one, is
// refused.
func (s *Session) readOptional(number int, c *cryptobyte.String) (ok bool) {
	var n int64
	var text []byte
	switch number {
	case fieldTime:
		return readInteger(c, &s.Time, 0, math.MaxInt64)
	case fieldTimeout:
		return readInteger(c, &s.Timeout, 0, math.MaxInt64)
	case fieldPeer:
		s.HasPeer = true
		return readCertificate(c)
	case fieldIDContext:
		return readOctets(c, &s.IDContext, 0, MaxIDContextLen)
	case fieldVerifyResult:
		ok = readInteger(c, &n, math.MinInt32, math.MaxInt32)
		s.VerifyResult = int32(n)
		return ok
	case fieldHostname:
		return readText(c, maxHostnameLen)
	case fieldPSKHint, fieldPSKIdentity:
		return readText(c, maxIdentityLen)
	case fieldSRPUsername:
		return readText(c, maxUsernameLen)
	case fieldTicket:
		s.HasTicket = true
		return readOctets(c, &text, 0, maxTicketLen)
	case fieldCompression:
		return readOctets(c, &text, 1, 1)
	case fieldMaxEarlyData:
		ok = readInteger(c, &n, 0, math.MaxUint32)
		s.MaxEarlyData = uint32(n)
		return ok
	case fieldTicketHint, fieldFlags, fieldTicketAgeAdd, fieldGroup:
		return readInteger(c, &n, 0, math.MaxUint32)
	case fieldFragment:
		return readInteger(c, &n, 0, math.MaxUint8)
	case fieldALPN:
		return readOctets(c, &text, 0, maxALPNLen)
	case fieldTicketAppData:
		return readOctets(c, &text, 0, math.MaxInt)
	case fieldPeerRawKey:
		s.HasPeer = true
		return readOctets(c, &text, 0, math.MaxInt) && isPublicKey(text)
	default:
		return number > fieldPeerRawKey && readAny(c)
	}
}

// readInteger reads an INTEGER from low to high.
func readInteger(s *cryptobyte.String, out *int64, low, high int64) bool {
	return s.ReadASN1Int64WithTag(out, asn1.INTEGER) && *out >= low && *out <= high
}

// readOctets reads an OCTET STRING of low to high bytes. The view has no
// capacity beyond its end, so that an append to it leaves the DER as it is.
func readOctets(s *cryptobyte.String, out *[]byte, low, high int) bool {
	if !s.ReadASN1Bytes(out, asn1.OCTET_STRING) || len(*out) < low || len(*out) > high {
		return false
	}
	*out = slices.Clip(*out)
	return true
}

// readText reads an OCTET STRING that libssl takes as a C string, to whose end
// it therefore has to reach.
func readText(s *cryptobyte.String, high int) bool {
	var text []byte
	return readOctets(s, &text, 0, high) && !slices.Contains(text, 0)
}

// readCertificate reads the three parts of a Certificate.
func readCertificate(s *cryptobyte.String) bool {
	var certificate cryptobyte.String
	return s.ReadASN1(&certificate, asn1.SEQUENCE) &&
		certificate.SkipASN1(asn1.SEQUENCE) && // what is signed
		certificate.SkipASN1(asn1.SEQUENCE) && // algorithm
		certificate.SkipASN1(asn1.BIT_STRING) && // signature
		certificate.Empty()
}

// isPublicKey is whether all of der is a SubjectPublicKeyInfo of two parts.
func isPublicKey(der []byte) bool {
	var key cryptobyte.String
	s := cryptobyte.String(der)
	return s.ReadASN1(&key, asn1.SEQUENCE) && s.Empty() &&
		key.SkipASN1(asn1.SEQUENCE) && // algorithm
		key.SkipASN1(asn1.BIT_STRING) &&
		key.Empty()
}

// readAny reads one element of any type.
func readAny(s *cryptobyte.String) bool {
	var content cryptobyte.String
	var tag asn1.Tag
	return s.ReadAnyASN1(&content, &tag)
}
