package region

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// defaultSize is the size of a region if nothing else is configured.
const defaultSize = 16 << 20

// filling is what became of a region into which sessions were put until they
// would take a part of its memory.
type filling struct {
	put, found int
	perSession float64 // bytes of the region, head and all, for each one found
}

// fill puts sessions with this DER into a region of so many bytes. The part of
// its memory is what the sessions would take, with their entries, if all
// were stored.
func fill(t *testing.T, size int, part float64, der []byte) filling {
	t.Helper()
	r := open(t, size)
	each := (entryUnits + recordUnits(len(der))) * unitSize
	f := filling{put: int(part * float64(size) / float64(each))}
	for n := range uint64(f.put) {
		put(t, r, numbered(n), Never, der)
	}
	dst := make([]byte, len(der))
	for n := range uint64(f.put) {
		if _, _, v := r.Get(numbered(n), 0, dst); v == Found {
			f.found++
		}
	}
	require.Equal(t, f.put-f.found, int(r.totals.Evicted))
	require.Equal(t, f.found, r.Usage(0).Records)
	require.Equal(t, f.found*each, r.Usage(0).Bytes)
	f.perSession = float64(size) / float64(f.found)
	return f
}

// allowed is how much of the region a session may take.
func allowed(der int) float64 { return 1.25*float64(der) + 64 }

// Filled to 90 %, the region has nearly all of the sessions, and each takes no
// more than allowed.
func TestRegion_MemoryOfSessions(t *testing.T) {
	files, err := filepath.Glob("testdata/*.der")
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			der, err := os.ReadFile(file)
			require.NoError(t, err)
			f := fill(t, scaled(defaultSize), 0.9, der)
			t.Logf("DER %d: %d of %d found, %.1f bytes each, %.1f allowed",
				len(der), f.found, f.put, f.perSession, allowed(len(der)))
			require.LessOrEqual(t, f.perSession, allowed(len(der)))
			require.GreaterOrEqual(t, float64(f.found), 0.99*float64(f.put))
		})
	}
}

// The same bound holds for any length up to 4,000 bytes. Long sessions cannot
// fill the region to 90 % if all have the same length, as no part of one more
// fits into a bucket; some are evicted then.
func TestRegion_MemoryOfAnyLength(t *testing.T) {
	lengths := []int{100, 101, 4000}
	for n := 150; n < 4000; n += 175 {
		lengths = append(lengths, n)
	}
	for k := 7; k < 16; k++ { // so long that k fit into a bucket, but not k+1
		lengths = append(lengths, areaSize/(k+1)-entryUnits*unitSize-sumSize+unitSize)
	}
	for _, n := range lengths {
		if n > 4000 {
			continue
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			f := fill(t, defaultSize/4, 0.9, make([]byte, n))
			t.Logf("%d of %d found, %.1f bytes each, %.1f allowed",
				f.found, f.put, f.perSession, allowed(n))
			require.LessOrEqual(t, f.perSession, allowed(n))
		})
	}
}
