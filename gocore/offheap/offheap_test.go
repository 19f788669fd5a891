package offheap

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/libsesscache/libsesscache/gocore/internal/racetest"
)

// sizes are those around the bounds of every class, and mappings.
func sizes() []int {
	all := []int{1, 8, hugeSize - 1, hugeSize, hugeSize + 1, 5*hugeSize + 12345}
	for shift := minShift; shift <= spanShift; shift++ {
		all = append(all, 1<<shift-1, 1<<shift, 1<<shift+1)
	}
	return all
}

func content(p unsafe.Pointer, size int) []byte {
	return unsafe.Slice((*byte)(p), size)
}

func fill(p unsafe.Pointer, size int, with byte) {
	c := content(p, size)
	c[0] = with
	for n := 1; n < size; n *= 2 {
		copy(c[n:], c[:n])
	}
}

// holds is whether every byte is the same.
func holds(p unsafe.Pointer, size int, want byte) bool {
	return bytes.Count(content(p, size), []byte{want}) == size
}

// Blocks are zero, aligned, and none lies in another.
func TestAlloc_Blocks(t *testing.T) {
	const each = 5
	for _, size := range sizes() {
		before := Used()
		var blocks [each]unsafe.Pointer
		for i := range blocks {
			p := Alloc(size)
			require.NotNil(t, p, size)
			require.Zero(t, uintptr(p)%64, "%d bytes are not aligned", size)
			if size >= hugeSize {
				require.Zero(t, uintptr(p)%hugeSize, "%d bytes cannot have huge pages", size)
			}
			require.True(t, holds(p, size, 0), "%d bytes are not zero", size)
			fill(p, size, byte(i+1))
			blocks[i] = p
		}
		require.Equal(t, before+int64(each*size), Used())
		for i, p := range blocks {
			require.True(t, holds(p, size, byte(i+1)), "blocks of %d bytes overlap", size)
			Free(p, size)
		}
		require.Equal(t, before, Used())
	}
}

// What was freed is used again, and nothing of it is left.
func TestAlloc_AfterFree(t *testing.T) {
	for _, size := range sizes() {
		p := Alloc(size)
		require.NotNil(t, p)
		fill(p, size, 0xff)
		Free(p, size)
		again := Alloc(size)
		if size <= spanSize {
			require.Equal(t, p, again, "%d bytes were not used again", size)
		}
		require.True(t, holds(again, size, 0), "%d bytes are not zero", size)
		Free(again, size)
	}
}

// Only the link to the next free block is left in a free one.
func TestFree_Wipes(t *testing.T) {
	for _, size := range sizes() {
		if size > spanSize {
			continue
		}
		p := Alloc(size)
		require.NotNil(t, p)
		fill(p, size, 0xff)
		Free(p, size)
		link := int(unsafe.Sizeof(p))
		require.True(t, holds(unsafe.Add(p, link), max(size-link, 0), 0), "%d bytes", size)
	}
}

func TestAlloc_Absurd(t *testing.T) {
	before := Used()
	for _, size := range []int{1 << 50, 1 << 62, math.MaxInt - hugeSize, math.MaxInt} {
		require.Nil(t, Alloc(size), size)
	}
	require.Equal(t, before, Used())
}

func TestAlloc_Concurrent(t *testing.T) {
	before := Used()
	all := sizes()
	var running sync.WaitGroup
	for worker := range 4 {
		running.Go(func() {
			type block struct {
				p    unsafe.Pointer
				size int
			}
			r := rand.New(rand.NewPCG(uint64(worker), 0))
			mark := byte(worker + 1)
			var mine []block
			drop := func(i int) {
				b := mine[i]
				if !holds(b.p, b.size, mark) {
					t.Error("another worker wrote into a block")
				}
				Free(b.p, b.size)
				mine[i] = mine[len(mine)-1]
				mine = mine[:len(mine)-1]
			}
			for range 2000 {
				if len(mine) > 0 && r.IntN(5) < 2 {
					drop(r.IntN(len(mine)))
					continue
				}
				size := all[r.IntN(len(all))]
				if size > spanSize && r.IntN(20) > 0 {
					continue // few of those that take long to fill
				}
				p := Alloc(size)
				if p == nil || !holds(p, size, 0) {
					t.Error("a block is not zero")
					return
				}
				fill(p, size, mark)
				mine = append(mine, block{p, size})
			}
			for len(mine) > 0 {
				drop(0)
			}
		})
	}
	running.Wait()
	require.Equal(t, before, Used())
}

// minSize is that of the least block.
const minSize = 1 << minShift

const childVariable = "OFFHEAP_TEST_CHILD"

// In a child with little address space, memory comes to an end: that is told,
// and what is given back is there again.
func TestAlloc_OutOfMemory(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		outOfMemory(t)
		return
	}
	if racetest.Enabled {
		t.Skip("the race detector maps memory of its own under the limit")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAlloc_OutOfMemory$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS", "the child ran no test")
}

func outOfMemory(t *testing.T) {
	// More than twice what the Go runtime may map for itself at any moment.
	const room = 160 << 20
	// What small blocks are cut from is kept for others, so they come last.
	for _, size := range []int{3*hugeSize + 1, 300 << 10, spanSize, minSize} {
		before := Used()
		blocks := make([]unsafe.Pointer, 0, 2*room/size)
		// Nothing of the test itself may need memory under the limit.
		lift := limitAddressSpace(t, room)
		for p := Alloc(size); p != nil && len(blocks) < cap(blocks); p = Alloc(size) {
			blocks = append(blocks, p)
		}
		counted := Used()
		var again unsafe.Pointer
		last := len(blocks) - 1
		if last >= 0 {
			Free(blocks[last], size)
			again = Alloc(size)
		}
		lift()

		require.NotEmpty(t, blocks, size)
		require.Less(t, len(blocks), cap(blocks), "the limit is none")
		require.Equal(t, before+int64(len(blocks)*size), counted, "a failure counts nothing")
		require.NotNil(t, again, "%d bytes were there again", size)
		blocks[last] = again
		for _, p := range blocks {
			Free(p, size)
		}
		require.Equal(t, before, Used())
	}
}

// Mappings are given back whole, with what was mapped to align them.
func TestFree_Unmaps(t *testing.T) {
	const size = 2 * hugeSize
	before := mapped(t)
	for range 100 {
		p := Alloc(size)
		require.NotNil(t, p)
		Free(p, size)
	}
	require.Less(t, mapped(t), before+50*hugeSize)
}

// mapped is the address space that the process uses.
func mapped(t *testing.T) uint64 {
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	require.NoError(t, err)
	return pages * uint64(pageSize)
}

// limitAddressSpace leaves the process so many bytes beside what it has mapped,
// until lift is called.
func limitAddressSpace(t *testing.T, more uint64) (lift func()) {
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_AS, &before))
	limit := unix.Rlimit{Cur: mapped(t) + more, Max: before.Max}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_AS, &limit))
	return func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &before) }
}
