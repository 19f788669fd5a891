package record

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/sslsession"
)

// sample is a session of OpenSSL, with the ID and the version that it has.
func sample(t testing.TB, name string) ([]byte, *Identity) {
	t.Helper()
	der, err := os.ReadFile("../sslsession/testdata/" + name + ".der")
	require.NoError(t, err)
	session, err := sslsession.Parse(der)
	require.NoError(t, err)
	return der, &Identity{Namespace: [16]byte{1, 2, 3}, Version: session.Version, ID: session.ID}
}

// keyring has a key for each byte, which is repeated.
func keyring(keys ...byte) *seal.Keyring {
	k := seal.NewKeyring(false)
	set(k, keys...)
	return k
}

func set(k *seal.Keyring, keys ...byte) {
	var all [][seal.KeySize]byte
	for _, b := range keys {
		all = append(all, [seal.KeySize]byte(bytes.Repeat([]byte{b}, seal.KeySize)))
	}
	k.Set(all)
}

func mustSeal(t testing.TB, k *seal.Keyring, id *Identity, r *Record) []byte {
	t.Helper()
	sealed, err := Seal(k, nil, id, r)
	require.NoError(t, err)
	return sealed
}

// Each test of a fault runs on keyrings that seal and on those that only check.
func kinds() map[string]*seal.Keyring {
	return map[string]*seal.Keyring{"sealed": keyring(1), "insecure": seal.NewKeyring(true)}
}

func TestRecord_OpensAsItWasSealed(t *testing.T) {
	for kind, k := range kinds() {
		for _, name := range []string{"3.0-tls12-server", "3.0-tls13-server-client-cert",
			"3.0-dtls12-server", "4.0-tls13-server-raw-key"} {
			der, id := sample(t, name)
			// Whether it has expired is not judged: the first has, the second never will.
			for _, want := range []Record{{1, 2, der}, {math.MaxInt64, math.MinInt64, der},
				{-1, 0, der}} {
				sealed, err := Seal(k, []byte("before"), id, &want)
				require.NoError(t, err)
				require.Equal(t, "before", string(sealed[:6]))
				require.LessOrEqual(t, len(sealed), 6+len(der)+Overhead)
				if kind == "sealed" {
					require.Len(t, sealed, 6+len(der)+Overhead)
					require.False(t, bytes.Contains(sealed, id.ID))
				}
				got, err := Open(k, []byte("already"), sealed[6:], id)
				require.NoError(t, err, "%s, %s", kind, name)
				require.Equal(t, want, got)
			}
		}
	}
}

func TestOpen_InTheMemoryGiven(t *testing.T) {
	der, id := sample(t, "3.0-tls13-server")
	k := keyring(1)
	sealed := mustSeal(t, k, id, &Record{DER: der})
	buf := append(make([]byte, 0, 1000), "already"...)
	r, err := Open(k, buf, sealed, id)
	require.NoError(t, err)
	require.Equal(t, "already", string(buf))
	require.Same(t, &buf[:1000][7+timesSize], &r.DER[0])
	require.Equal(t, len(r.DER), cap(r.DER), "an append does not write behind it")
}

func TestOpen_EachBit(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	for kind, k := range kinds() {
		sealed := mustSeal(t, k, id, &Record{Expiry: 1, DER: der})
		for bit := range len(sealed) * 8 {
			altered := bytes.Clone(sealed)
			altered[bit/8] ^= 1 << (bit % 8)
			r, err := Open(k, nil, altered, id)
			require.Zero(t, r)
			switch want := seal.ErrSeal; {
			case bit < 8:
				require.ErrorIs(t, err, ErrFormat, "%s, bit %d", kind, bit)
				require.ErrorIs(t, err, seal.ErrFormat, "%s, bit %d", kind, bit)
			case bit < 40 && kind == "sealed":
				want = seal.ErrKey
				fallthrough
			default:
				require.ErrorIs(t, err, want, "%s, bit %d", kind, bit)
			}
		}
	}
}

func TestOpen_EachTruncation(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	for kind, k := range kinds() {
		sealed := mustSeal(t, k, id, &Record{Expiry: 1, DER: der})
		for n := range sealed {
			want := seal.ErrSeal
			if n == 0 {
				want = ErrFormat
			}
			_, err := Open(k, nil, sealed[:n], id)
			require.ErrorIs(t, err, want, "%s, %d bytes", kind, n)
		}
		_, err := Open(k, nil, append(sealed, 0), id)
		require.ErrorIs(t, err, seal.ErrSeal, kind)
	}
}

// others are identities that each differ in one thing from id.
func others(id *Identity) map[string]*Identity {
	namespace, binding, version, other, shorter := *id, *id, *id, *id, *id
	namespace.Namespace[15] ^= 1
	binding.Binding[15] ^= 1
	version.Version++
	other.ID = bytes.Clone(id.ID)
	other.ID[31] ^= 1
	shorter.ID = id.ID[:31]
	return map[string]*Identity{"namespace": &namespace, "binding": &binding,
		"version": &version, "ID": &other, "shorter ID": &shorter}
}

func TestOpen_OfAnotherIdentity(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	for kind, k := range kinds() {
		sealed := mustSeal(t, k, id, &Record{DER: der})
		for name, other := range others(id) {
			_, err := Open(k, nil, sealed, other)
			require.ErrorIs(t, err, seal.ErrSeal, "%s, another %s", kind, name)
		}
	}
}

func TestOpen_SwappedRecords(t *testing.T) {
	der12, id12 := sample(t, "3.0-tls12-client-ticket")
	der13, id13 := sample(t, "3.0-tls13-client-ticket")
	for kind, k := range kinds() {
		_, err := Open(k, nil, mustSeal(t, k, id12, &Record{DER: der12}), id13)
		require.ErrorIs(t, err, seal.ErrSeal, kind)
		_, err = Open(k, nil, mustSeal(t, k, id13, &Record{DER: der13}), id12)
		require.ErrorIs(t, err, seal.ErrSeal, kind)
	}
}

// A writer that seals one session under the identity of another does not make
// it resumable there.
func TestOpen_SealedUnderAnotherIdentity(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	for kind, k := range kinds() {
		for name, other := range others(id) {
			sealed := mustSeal(t, k, other, &Record{DER: der})
			r, err := Open(k, nil, sealed, other)
			// These two the session itself does not tell.
			if name == "namespace" || name == "binding" {
				require.NoError(t, err, kind)
				continue
			}
			require.ErrorIs(t, err, ErrFormat, "%s, another %s", kind, name)
			require.Zero(t, r)
		}
	}
}

func TestOpen_NotASession(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	for kind, k := range kinds() {
		for name, content := range map[string][]byte{
			"nothing": nil, "text": []byte("text"), "cut": der[:len(der)-1],
			"longer": append(bytes.Clone(der), 0),
		} {
			_, err := Open(k, nil, mustSeal(t, k, id, &Record{DER: content}), id)
			require.ErrorIs(t, err, ErrFormat, "%s, %s", kind, name)
			require.ErrorIs(t, err, sslsession.ErrFormat, "%s, %s", kind, name)
		}
		// Shorter than the times alone.
		sealed, err := k.Seal(nil, make([]byte, timesSize-1), id.bound(nil, sealDomain))
		require.NoError(t, err)
		_, err = Open(k, nil, sealed, id)
		require.ErrorIs(t, err, ErrFormat, kind)
	}
}

func TestRecord_KeyRotation(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	k := keyring(1)
	old := mustSeal(t, k, id, &Record{DER: der})

	set(k, 2, 1)
	_, err := Open(k, nil, old, id)
	require.NoError(t, err)
	recent := mustSeal(t, k, id, &Record{DER: der})
	_, err = Open(keyring(1), nil, recent, id)
	require.ErrorIs(t, err, seal.ErrKey)

	set(k, 2)
	_, err = Open(k, nil, old, id)
	require.ErrorIs(t, err, seal.ErrKey)
	_, err = Open(k, nil, recent, id)
	require.NoError(t, err)
}

func TestOpen_PlainRecordNeedsALaboratory(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	plain := mustSeal(t, seal.NewKeyring(true), id, &Record{DER: der})
	keyed := seal.NewKeyring(true)
	set(keyed, 1)
	for name, k := range map[string]*seal.Keyring{"secure": keyring(1),
		"no key": seal.NewKeyring(false), "insecure with a key": keyed} {
		_, err := Open(k, nil, plain, id)
		require.ErrorIs(t, err, ErrFormat, name)
	}
}

func TestRecord_ImpossibleIdentity(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	k := keyring(1)
	sealed := mustSeal(t, k, id, &Record{DER: der})
	for _, n := range []int{0, 33, 1000} {
		impossible := &Identity{Version: id.Version, ID: make([]byte, n)}
		_, err := Seal(k, nil, impossible, &Record{DER: der})
		require.ErrorIs(t, err, ErrFormat)
		_, err = Open(k, nil, sealed, impossible)
		require.ErrorIs(t, err, ErrFormat)
	}
}

// After an error no part of the session is in the memory that was given.
func TestRecord_ErrorsLeaveNoSecret(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	buf := make([]byte, 1000)
	clean := func(what string) {
		t.Helper()
		require.Equal(t, "kept", string(buf[:4]), what)
		require.Equal(t, make([]byte, len(buf)-4), buf[4:], what)
	}
	copy(buf, "kept")

	_, err := Seal(seal.NewKeyring(false), buf[:4], id, &Record{Expiry: -1, DER: der})
	require.ErrorIs(t, err, seal.ErrKey)
	clean("no key")

	for kind, k := range kinds() {
		sealed := mustSeal(t, k, id, &Record{Expiry: -1, DER: der})
		_, err = Open(k, buf[:4], sealed, others(id)["ID"])
		require.ErrorIs(t, err, seal.ErrSeal)
		clean(kind + ", of another session")

		altered := mustSeal(t, k, id, &Record{Expiry: -1, DER: append(bytes.Clone(der), 0)})
		_, err = Open(k, buf[:4], altered, id)
		require.ErrorIs(t, err, ErrFormat)
		clean(kind + ", not a session")

		other := others(id)["ID"]
		_, err = Open(k, buf[:4], mustSeal(t, k, other, &Record{Expiry: -1, DER: der}), other)
		require.ErrorIs(t, err, ErrFormat)
		clean(kind + ", another session inside")
	}
}

func TestStoreKey_TellsIdentitiesApart(t *testing.T) {
	_, id := sample(t, "3.0-tls12-server")
	seen := map[[32]byte]string{StoreKey(id): "itself"}
	for name, other := range others(id) {
		key := StoreKey(other)
		if name == "binding" { // it is found with any, and opens with the right one
			require.Equal(t, StoreKey(id), key)
			continue
		}
		require.NotContains(t, seen, key, name)
		seen[key] = name
	}
	same := *id
	same.ID = bytes.Clone(id.ID)
	require.Equal(t, StoreKey(id), StoreKey(&same))
	// It is not what the record is bound to, under another name.
	require.NotEqual(t, id.bound(nil, sealDomain), id.bound(nil, nameDomain))
}

// Hosts with different versions of the library share a store, so neither the
// name nor the record of a session changes without a new version of both.
func TestRecord_FormatStays(t *testing.T) {
	der, id := sample(t, "3.0-tls12-server")
	id.Binding = [16]byte{4, 5, 6}
	key := StoreKey(id)
	require.Equal(t, "51273a3b04ef8f34a80962d1e79855b93cdea1a6a90504430f1d550afdcc736a",
		hex.EncodeToString(key[:]))

	bound := id.bound(nil, sealDomain)
	require.Equal(t, "\x15libsesscache record 1"+
		"\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+
		string(id.Binding[:])+
		"\x00\x00\x03\x03"+"\x00\x00\x00\x20"+string(id.ID), string(bound))
	k := keyring(1)
	plain := "\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x00\x00\x00\x00\x00\x03\x04" + string(der)
	sealed, err := k.Seal(nil, []byte(plain), bound)
	require.NoError(t, err)
	r, err := Open(k, nil, sealed, id)
	require.NoError(t, err)
	require.Equal(t, Record{Expiry: 0x0102, Stored: 0x0304, DER: der}, r)
}

// There is none, but where the cipher is not written in assembly; so there is no
// copy of the DER but the one in the memory given.
func TestRecord_Allocations(t *testing.T) {
	der, id := sample(t, "3.0-tls13-server-client-cert")
	sealing := 0.0
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		sealing++
	}
	for kind, most := range map[string]float64{"sealed": sealing, "insecure": 0} {
		if kind == "sealed" && racetest.Enabled { // sync.Pool forgets at random then
			continue
		}
		k := kinds()[kind]
		record := Record{DER: der}
		sealed := make([]byte, 0, len(der)+Overhead)
		opened := make([]byte, 0, len(der)+Overhead)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			sealed, _ = Seal(k, sealed[:0], id, &record)
		}), most, "Seal, %s", kind)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			record, _ = Open(k, opened, sealed, id)
		}), most, "Open, %s", kind)
		require.Equal(t, Record{DER: der}, record)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { StoreKey(id) }))
}

// Whatever a store answers, and whatever was sealed, is a record or an error.
func FuzzOpen(f *testing.F) {
	der, id := sample(f, "3.0-tls12-server")
	sealing, insecure := keyring(1), seal.NewKeyring(true)
	f.Add(mustSeal(f, sealing, id, &Record{DER: der}))
	f.Add(mustSeal(f, insecure, id, &Record{DER: der}))
	f.Add(append(make([]byte, timesSize), der...))
	f.Fuzz(func(t *testing.T, data []byte) {
		under, err := insecure.Seal(nil, data, id.bound(nil, sealDomain))
		require.NoError(t, err)
		for _, sealed := range [][]byte{data, under} {
			for _, k := range []*seal.Keyring{sealing, insecure} {
				r, err := Open(k, nil, sealed, id)
				if err != nil {
					require.Zero(t, r)
					continue
				}
				session, err := sslsession.Parse(r.DER)
				require.NoError(t, err)
				require.Equal(t, id.ID, session.ID)
				require.Equal(t, id.Version, session.Version)
			}
		}
	})
}
