package statfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// figures writes a file as the shim lays it out.
func figures(t *testing.T, slots uint32, processes ...block) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, word := range []any{uint64(magic), uint32(binary.Size(block{})), slots} {
		require.NoError(t, binary.Write(&b, binary.LittleEndian, word))
	}
	b.Write(make([]byte, headerSize-b.Len()))
	for _, p := range processes {
		require.NoError(t, binary.Write(&b, binary.LittleEndian, p))
	}
	return b.Bytes()
}

func read(t *testing.T, data []byte) ([]Process, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "figures")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return Read(path)
}

func TestRead_Processes(t *testing.T) {
	one := Process{PID: 11, CoreState: CoreRunning, AppHits: 3, SlotsUsed: 2, Panics: 1}
	one.Core.Lookups, one.Core.Entries = 5, 2
	two := Process{PID: 12, CoreState: CoreNotStarted}
	got, err := read(t, figures(t, 4, block{Process: one}, block{}, block{Process: two}, block{}))
	require.NoError(t, err)
	require.Equal(t, []Process{one, two}, got)

	sum := Sum([]Process{one, one, two})
	require.Equal(t, uint64(6), sum.AppHits)
	require.Equal(t, uint64(10), sum.Core.Lookups)
	require.Equal(t, uint64(4), sum.Core.Entries)
	require.Equal(t, uint64(CoreRunning), sum.CoreState)
}

// What threads counted apart belongs to the figures of their process.
func TestRead_Lanes(t *testing.T) {
	b := block{Process: Process{PID: 11, SlotsUsed: 1}}
	b.Core.Adds, b.Core.Entries, b.Core.Lookups, b.Core.Hits = 9, 9, 4, 4
	b.Lanes[0] = lane{SlotsUsed: 8, Hits: 5, Misses: 3, Removed: 2, Expired: 1}
	b.Lanes[7] = lane{SlotsUsed: math.MaxUint64, Hits: 1}
	got, err := read(t, figures(t, 1, b))
	require.NoError(t, err)
	want := Process{PID: 11, SlotsUsed: 8}
	want.Core.Adds, want.Core.Entries, want.Core.Removed, want.Core.Expired = 9, 6, 2, 1
	want.Core.Lookups, want.Core.Hits, want.Core.Misses = 13, 10, 3
	require.Equal(t, []Process{want}, got)
}

func TestRead_NotFigures(t *testing.T) {
	whole := figures(t, 2, block{Process: Process{PID: 1}}, block{})
	other := bytes.Clone(whole)
	other[7]++ // another layout
	absurd := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(absurd[12:], 1<<31)
	for name, data := range map[string][]byte{
		"empty":            nil,
		"short header":     whole[:100],
		"another layout":   other,
		"absurd count":     absurd,
		"cut off":          whole[:len(whole)-1],
		"something else":   bytes.Repeat([]byte("text "), 2000),
		"header and magic": whole[:headerSize],
	} {
		_, err := read(t, data)
		require.ErrorIs(t, err, ErrNotFigures, name)
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("SSCSTAT\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = read(t, data)
	})
}
