package region

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// here is how many pages of memory this process has been given.
func here(t *testing.T, mem []byte) (n int) {
	pagemap, err := os.Open("/proc/self/pagemap")
	require.NoError(t, err)
	defer func() { _ = pagemap.Close() }()
	words := make([]byte, len(mem)/pageSize*8)
	_, err = pagemap.ReadAt(words, int64(uintptr(unsafe.Pointer(&mem[0]))/pageSize*8))
	require.NoError(t, err)
	for ; len(words) > 0; words = words[8:] {
		n += int(binary.NativeEndian.Uint64(words) >> 63)
	}
	return n
}

// Who stores a record is given half a bucket at once, and no more memory than that:
// what nobody comes near does not exist.
func TestRegion_PagesComeTogether(t *testing.T) {
	const pages = half / pageSize
	probe, _ := share(t, half)
	if errors.Is(unix.Madvise(probe, unix.MADV_POPULATE_WRITE), unix.EINVAL) {
		t.Skip("the kernel gives pages one by one")
	}
	r := open(t, MinSize)
	k := numbered(1)
	require.Equal(t, Stored, r.Put(k, 0, 10, 5, content(k, 1, 100)))
	require.Equal(t, 2+pages, here(t, r.mem[r.first:]), "the directories of two buckets, and half a bucket")
}
