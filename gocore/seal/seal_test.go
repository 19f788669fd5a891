package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
)

// numbered is a key for tests.
func numbered(n uint32) (key [KeySize]byte) {
	binary.BigEndian.PutUint32(key[:], n)
	return key
}

// ringOf is a keyring with numbered keys.
func ringOf(numbers ...uint32) *Keyring {
	k := NewKeyring(false)
	set(k, numbers...)
	return k
}

func set(k *Keyring, numbers ...uint32) {
	var keys [][KeySize]byte
	for _, n := range numbers {
		keys = append(keys, numbered(n))
	}
	k.Set(keys)
}

func mustSeal(t testing.TB, k *Keyring, plain, associated string) []byte {
	t.Helper()
	sealed, err := k.Seal(nil, []byte(plain), []byte(associated))
	require.NoError(t, err)
	return sealed
}

// Each test of a fault runs on what seals and on what only checks.
func kinds() map[string]*Keyring {
	return map[string]*Keyring{"sealed": ringOf(1, 2), "plain": NewKeyring(true)}
}

func TestKeyring_OpensWhatItSealed(t *testing.T) {
	for name, k := range kinds() {
		for _, size := range []int{0, 1, 15, 16, 17, 255, 256, 1000, 100_000} {
			plain := bytes.Repeat([]byte("x"), size)
			for _, associated := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte("a"), 500)} {
				sealed, err := k.Seal([]byte("before"), plain, associated)
				require.NoError(t, err)
				require.LessOrEqual(t, len(sealed), len("before")+size+Overhead)
				require.Equal(t, "before", string(sealed[:6]))

				opened, err := k.Open([]byte("already"), sealed[6:], associated)
				require.NoError(t, err, "%s, %d bytes", name, size)
				require.Equal(t, "already"+string(plain), string(opened))
			}
		}
	}
}

func TestKeyring_SealedHidesTheData(t *testing.T) {
	sealed := mustSeal(t, ringOf(1), "a secret of many bytes", "something")
	require.Len(t, sealed, len("a secret of many bytes")+Overhead)
	require.NotContains(t, string(sealed), "secret")
	key := numbered(1)
	require.NotContains(t, string(sealed), string(key[:4]))
}

func TestKeyring_EachBit(t *testing.T) {
	for name, k := range kinds() {
		sealed := mustSeal(t, k, "some data to protect", "what it is of")
		for bit := range len(sealed) * 8 {
			altered := bytes.Clone(sealed)
			altered[bit/8] ^= 1 << (bit % 8)
			opened, err := k.Open(nil, altered, []byte("what it is of"))
			require.Nil(t, opened)
			want := ErrSeal
			switch {
			case bit < 8: // the version
				want = ErrFormat
			case bit < 8*boundSize && name == "sealed": // the key id
				want = ErrKey
			}
			require.ErrorIs(t, err, want, "%s, bit %d", name, bit)
		}
	}
}

func TestKeyring_EachTruncation(t *testing.T) {
	for name, k := range kinds() {
		sealed := mustSeal(t, k, "some data to protect", "what it is of")
		for n := range sealed {
			want := ErrSeal
			if n == 0 {
				want = ErrFormat
			}
			_, err := k.Open(nil, sealed[:n], []byte("what it is of"))
			require.ErrorIs(t, err, want, "%s, %d bytes", name, n)
		}
		_, err := k.Open(nil, append(sealed, 0), []byte("what it is of"))
		require.ErrorIs(t, err, ErrSeal, name)
	}
}

func TestKeyring_OtherAssociatedData(t *testing.T) {
	for name, k := range kinds() {
		sealed := mustSeal(t, k, "data", "what it is of")
		for _, other := range []string{"", "what it is o", "what it is of ", "What it is of"} {
			_, err := k.Open(nil, sealed, []byte(other))
			require.ErrorIs(t, err, ErrSeal, name)
		}
		// Nor does it matter only what the two have together.
		_, err := k.Open(nil, mustSeal(t, k, "fdata", "what it is o"), []byte("what it is of"))
		require.ErrorIs(t, err, ErrSeal, name)
	}
}

// The key id is authenticated: a record does not open under the id of another
// key, not even by its own key.
func TestKeyring_KeyIDIsBound(t *testing.T) {
	sealed := mustSeal(t, ringOf(1), "data", "")
	other := keyID(new(numbered(2)))
	copy(sealed[1:], other[:])
	liar := ringOf(1)
	liar.ring.Load().keys[0].id = other
	_, err := liar.Open(nil, sealed, nil)
	require.ErrorIs(t, err, ErrSeal)
}

func TestKeyring_Rotation(t *testing.T) {
	k := ringOf(1)
	old := mustSeal(t, k, "old", "")

	set(k, 2, 1)
	opened, err := k.Open(nil, old, nil)
	require.NoError(t, err, "an old key opens")
	require.Equal(t, "old", string(opened))
	recent := mustSeal(t, k, "recent", "")
	_, err = ringOf(1).Open(nil, recent, nil)
	require.ErrorIs(t, err, ErrKey, "the first key seals")
	_, err = ringOf(2).Open(nil, recent, nil)
	require.NoError(t, err)

	set(k, 2)
	_, err = k.Open(nil, old, nil)
	require.ErrorIs(t, err, ErrKey, "a key that is gone opens nothing")
	_, err = k.Open(nil, recent, nil)
	require.NoError(t, err)
}

func TestKeyring_SetCopiesTheKeys(t *testing.T) {
	keys := [][KeySize]byte{numbered(1)}
	k := NewKeyring(false)
	k.Set(keys)
	clear(keys[0][:])
	_, err := ringOf(1).Open(nil, mustSeal(t, k, "data", ""), nil)
	require.NoError(t, err)
}

func TestKeyring_TwoKeysOfOneID(t *testing.T) {
	const first, second = 5443, 21786 // the first two of the numbered keys
	require.Equal(t, keyID(new(numbered(first))), keyID(new(numbered(second))))
	k := ringOf(first, second)
	for _, n := range []uint32{first, second} {
		sealed := mustSeal(t, ringOf(n), "data", "")
		opened, err := k.Open([]byte("the "), sealed, nil)
		require.NoError(t, err)
		require.Equal(t, "the data", string(opened))
	}
	sealed := mustSeal(t, k, "data", "")
	sealed[Overhead]++
	_, err := k.Open(nil, sealed, nil)
	require.ErrorIs(t, err, ErrSeal)
}

func TestKeyring_WithoutKeys(t *testing.T) {
	k := NewKeyring(false)
	require.False(t, k.Ready())
	_, err := k.Seal(nil, []byte("data"), nil)
	require.ErrorIs(t, err, ErrKey)
	_, err = k.Open(nil, mustSeal(t, ringOf(1), "data", ""), nil)
	require.ErrorIs(t, err, ErrKey)
	_, err = k.Open(nil, mustSeal(t, NewKeyring(true), "data", ""), nil)
	require.ErrorIs(t, err, ErrFormat)

	set(k, 1)
	require.True(t, k.Ready())
	set(k)
	require.False(t, k.Ready())
}

func TestKeyring_Insecure(t *testing.T) {
	k := NewKeyring(true)
	require.True(t, k.Ready())
	plain := mustSeal(t, k, "data", "of something")
	require.Contains(t, string(plain), "data")
	_, err := k.Open(nil, mustSeal(t, ringOf(1), "data", ""), nil)
	require.ErrorIs(t, err, ErrKey)

	set(k, 1)
	require.True(t, k.Ready())
	require.NotContains(t, string(mustSeal(t, k, "data", "of something")), "data")
	_, err = k.Open(nil, plain, []byte("of something"))
	require.ErrorIs(t, err, ErrFormat, "with keys a plain record is nothing")

	set(k)
	_, err = k.Open(nil, plain, []byte("of something"))
	require.NoError(t, err)
}

func TestKeyring_SealsInPlace(t *testing.T) {
	for name, k := range kinds() {
		const data = "data that lies where the ciphertext is going to be"
		buf := make([]byte, 6, 6+len(data)+Overhead)
		copy(buf, "before")
		plain := buf[6+HeaderSize : 6+HeaderSize+len(data)]
		copy(plain, data)
		sealed, err := k.Seal(buf, plain, []byte("associated"))
		require.NoError(t, err)
		require.Same(t, &buf[0], &sealed[0], name)
		require.Equal(t, "before", string(sealed[:6]))
		opened, err := k.Open(nil, sealed[6:], []byte("associated"))
		require.NoError(t, err)
		require.Equal(t, data, string(opened))
	}
}

func TestKeyring_FailedOpenLeavesNothing(t *testing.T) {
	for name, k := range kinds() {
		sealed := mustSeal(t, k, "data data data data", "")
		sealed[len(sealed)-1] ^= 1
		buf := make([]byte, 3, 100)
		_, err := k.Open(buf, sealed, nil)
		require.ErrorIs(t, err, ErrSeal)
		require.Equal(t, make([]byte, 100), buf[:100], name)
	}
}

// In 256 records each byte of the nonce has had more than one value.
func TestKeyring_NoncesAreRandom(t *testing.T) {
	k := ringOf(1)
	var differ [HeaderSize]byte
	first := mustSeal(t, k, "data", "")
	nonces := map[string]bool{}
	for range 256 {
		sealed := mustSeal(t, k, "data", "")
		nonces[string(sealed[boundSize:HeaderSize])] = true
		for i := range differ {
			differ[i] |= sealed[i] ^ first[i]
		}
	}
	require.Len(t, nonces, 256)
	require.Equal(t, make([]byte, boundSize), differ[:boundSize])
	require.NotContains(t, differ[boundSize:], byte(0))
}

// Records outlive the process that made them, so the format stays.
func TestKeyring_FormatStays(t *testing.T) {
	for name, c := range map[string]struct {
		k      *Keyring
		record string
	}{
		"sealed": {ringOf(1), "014b342529" +
			"4bdd61f5b06f2f109f519d0ee862cf71c11ef63168d0a685" +
			"dcbe65c919b50f67d2daaa65f8551fb96d1f0c8d"},
		"plain": {NewKeyring(true), "025e94a7c53ceee42f64617461"},
	} {
		record, err := hex.DecodeString(c.record)
		require.NoError(t, err)
		opened, err := c.k.Open(nil, record, []byte("associated"))
		require.NoError(t, err, "%s %x", name, mustSeal(t, c.k, "data", "associated"))
		require.Equal(t, "data", string(opened))
	}
}

func TestKeyring_Concurrent(t *testing.T) {
	k := ringOf(1, 2)
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			var buf, opened []byte
			for i := range 2000 {
				var err error
				if worker == 0 {
					set(k, uint32(1+i%2), uint32(2-i%2))
					continue
				}
				buf, err = k.Seal(buf[:0], []byte("data"), []byte("associated"))
				if err == nil {
					opened, err = k.Open(opened[:0], buf, []byte("associated"))
				}
				if err != nil || string(opened) != "data" {
					t.Errorf("%q, %v", opened, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// There is none, but where the cipher is not written in assembly.
func TestKeyring_Allocations(t *testing.T) {
	associated := []byte("what it is of")
	plain := bytes.Repeat([]byte("x"), 1000)
	sealing := 0.0
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		sealing++
	}
	for name, most := range map[string]float64{"sealed": sealing, "plain": 0} {
		if name == "sealed" && racetest.Enabled { // sync.Pool forgets at random then
			continue
		}
		k := kinds()[name]
		sealed := make([]byte, 0, len(plain)+Overhead)
		opened := make([]byte, 0, len(plain))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			sealed, _ = k.Seal(sealed[:0], plain, associated)
		}), most, "Seal, %s", name)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			opened, _ = k.Open(opened[:0], sealed, associated)
		}), most, "Open, %s", name)
		require.Equal(t, plain, opened)
	}
}

func FuzzOpen(f *testing.F) {
	sealed, insecure := ringOf(1), NewKeyring(true)
	f.Add(mustSeal(f, sealed, "data", "associated"))
	f.Add(mustSeal(f, insecure, "data", "associated"))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, k := range []*Keyring{sealed, insecure} {
			opened, err := k.Open([]byte("dst"), record, []byte("associated"))
			if err == nil {
				require.Equal(t, "dst", string(opened[:3]))
			} else {
				require.Nil(t, opened)
			}
		}
	})
}
