package region

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
)

// share maps memory that processes can share, and the file to hand to them. The
// race detector does not look at it, which is right: other processes change it
// in the same way.
func share(t testing.TB, size int) ([]byte, *os.File) {
	t.Helper()
	fd, err := unix.MemfdCreate("region", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	file := os.NewFile(uintptr(fd), "region")
	t.Cleanup(func() { _ = file.Close() })
	require.NoError(t, file.Truncate(int64(size)))
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem, file
}

// scaled is a number of steps, or less where they take long: the race detector makes
// them ten times as long, and does not look at the memory that processes share.
func scaled(n int) int {
	if racetest.Enabled || testing.Short() {
		return n / 8
	}
	return n
}

// open makes a region of so many bytes.
func open(t testing.TB, size int) *Region {
	t.Helper()
	mem, _ := share(t, size)
	r, err := Open(mem, nil)
	require.NoError(t, err)
	return r
}

// numbered is the n-th of many keys.
func numbered(n uint64) Key {
	random := rand.NewPCG(n, 0x5e551005)
	return Key{Hi: random.Uint64(), Lo: random.Uint64()}
}

// content is a record that tells of which key it is: bytes that only it has,
// n of them, which differ between versions.
func content(k Key, version uint64, n int) []byte {
	data := make([]byte, n+16)
	binary.NativeEndian.PutUint64(data, version)
	binary.NativeEndian.PutUint64(data[8:], uint64(n))
	random := rand.NewPCG(k.Hi^version, k.Lo)
	for i := 16; i < len(data); i += 8 {
		var piece [8]byte
		binary.NativeEndian.PutUint64(piece[:], random.Uint64())
		copy(data[i:], piece[:])
	}
	return data
}

// whose is whether a record is a content of the key.
func whose(k Key, data []byte) bool {
	if len(data) < 16 {
		return false
	}
	n := binary.NativeEndian.Uint64(data[8:])
	return n == uint64(len(data)-16) &&
		string(content(k, binary.NativeEndian.Uint64(data), int(n))) == string(data)
}

func put(t testing.TB, r *Region, k Key, expiry int64, data []byte) {
	t.Helper()
	if result := r.Put(k, 0, expiry, 0, data); result != Stored {
		require.Equal(t, Stored, result)
	}
}

// get is the record of a key, nil if it is absent.
func get(t testing.TB, r *Region, k Key, now int64) []byte {
	t.Helper()
	dst := make([]byte, MaxRecord)
	n, _, v := r.Get(k, now, dst)
	if v == Absent {
		return nil
	}
	require.Equal(t, Found, v)
	return dst[:n]
}

// neighbours are keys that may be in the same two buckets as key k.
func neighbours(r *Region, k Key, n int) []Key {
	i, j := r.choices(&k)
	var keys []Key
	for c := uint64(1 << 32); len(keys) < n; c++ {
		other := numbered(c)
		if x, y := r.choices(&other); min(x, y) == min(i, j) && max(x, y) == max(i, j) {
			keys = append(keys, other)
		}
	}
	return keys
}
