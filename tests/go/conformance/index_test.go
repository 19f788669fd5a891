package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/cache"
)

// indexProgram compiles a program of tests/c/index, which has cshim/index.c in it.
func indexProgram(t *testing.T, name string, more ...string) string {
	t.Helper()
	const root = "../../.."
	options, err := os.ReadFile(filepath.Join(root, "scripts/compile.opts"))
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), name)
	args := append(append(strings.Fields(string(options)), more...), "-O2", "-g", "-I"+root+"/include", "-I"+root+"/cshim",
		"-o", program, filepath.Join(root, "tests/c/index", name+".c"))
	out, err := exec.Command("gcc", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// TestIndex_Steps has a table change at every moment of a lookup, also of one as it is
// on processors without SSE2.
func TestIndex_Steps(t *testing.T) {
	for name, options := range map[string][]string{"here": nil, "elsewhere": {"-U__SSE2__"}} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command(indexProgram(t, "steps", options...)).CombinedOutput()
			require.NoError(t, err, "%s", out)
			t.Logf("%s", out)
		})
	}
}

// TestIndex_Random has the shim leave notes for a core that takes them now and then.
func TestIndex_Random(t *testing.T) {
	out, err := exec.Command(indexProgram(t, "random")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// The answers of ssc_index_find.
const (
	absent = iota
	found
	unsure
)

// answer is what the shim says of a key.
type answer struct {
	Hash, Spread uint32
	Answer       int
	Ref          cache.Ref
	Number       uint32
}

// ask asks the shim, in a process of its own that has a copy of the table.
func ask(t *testing.T, program string, table *cache.Table, keys []cache.Key) []answer {
	t.Helper()
	head := table.Head()
	var dump bytes.Buffer
	write := func(p unsafe.Pointer, size uintptr) { dump.Write(unsafe.Slice((*byte)(p), size)) }
	write(unsafe.Pointer(head), unsafe.Sizeof(*head))
	chunks := func(all []unsafe.Pointer, item uintptr) {
		for i, p := range all {
			if p != nil {
				write(p, item*(16<<max(i-1, 0)))
			}
		}
	}
	chunks(head.LineChunks[:], unsafe.Sizeof(cache.Line{}))
	chunks(head.OverflowChunks[:], unsafe.Sizeof(cache.Line{}))
	chunks(head.EntryChunks[:], unsafe.Sizeof(cache.Entry{}))
	if head.Notes != nil {
		write(unsafe.Pointer(head.Notes), unsafe.Sizeof(*head.Notes))
	}
	file := filepath.Join(t.TempDir(), "table")
	require.NoError(t, os.WriteFile(file, dump.Bytes(), 0o600))

	var in bytes.Buffer
	require.NoError(t, binary.Write(&in, binary.LittleEndian, keys))
	cmd := exec.Command(program, file)
	cmd.Stdin = &in
	out, err := cmd.Output()
	require.NoError(t, err)
	answers := make([]answer, len(keys))
	reader := bytes.NewReader(out)
	for i := range answers {
		a := &answers[i]
		_, err := fmt.Fscanln(reader, &a.Hash, &a.Spread, &a.Answer, &a.Ref, &a.Number)
		require.NoError(t, err)
		require.Equal(t, keys[i].Spread(), a.Spread, "the spread of a key")
	}
	return answers
}

// randomKey makes IDs of all lengths and versions.
func randomKey(r *rand.Rand) cache.Key {
	id := make([]byte, cache.MaxIDLen)
	if r.IntN(4) == 0 {
		id = id[:r.IntN(cache.MaxIDLen+1)]
	}
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	k, _ := cache.MakeKey(id, 0x0301+int32(r.IntN(4)))
	return k
}

func item[T any](chunks []unsafe.Pointer, i uint32) *T {
	chunk, start := 0, uint32(0)
	for next := uint32(16); i >= next; next *= 2 {
		chunk++
		start = next
	}
	var one T
	return (*T)(unsafe.Add(chunks[chunk], uintptr(i-start)*unsafe.Sizeof(one)))
}

// words are the items of all lines.
func words(head *cache.Head) map[uint64]*uint64 {
	all := map[uint64]*uint64{}
	for n := range head.Lines {
		for l := item[cache.Line](head.LineChunks[:], n); ; l = item[cache.Line](head.OverflowChunks[:], uint32(l.More)) {
			for i := range l.Word {
				if l.Word[i] != 0 {
					all[l.Word[i]] = &l.Word[i]
				}
			}
			if l.More == 0 {
				break
			}
		}
	}
	return all
}

// TestIndex has the shim look for keys in tables of the core, some full of holes
// and of entries that were used again.
func TestIndex(t *testing.T) {
	program := indexProgram(t, "snapshot")
	for _, n := range []int{1, 7, 15, 16, 40, 1000, 60_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(n), 0))
			table := cache.New(cache.Options{})
			require.NotNil(t, table)
			defer table.Close()
			stored := map[cache.Key]cache.Ref{}
			var asked []cache.Key
			for i := range 2 * n {
				k := randomKey(r)
				result, _, _, _ := table.Add(k, cache.Ref(i+1), cache.Object(i+1), int64(i), nil)
				if result == cache.Added {
					asked = append(asked, k, randomKey(r))
				}
				stored[k] = cache.Ref(i + 1)
				if i%2 == 1 {
					gone := asked[2*r.IntN(len(asked)/2)]
					table.Remove(gone, 0, 0)
					delete(stored, gone)
				}
			}
			all := words(table.Head())
			require.Len(t, all, len(stored))
			for i, a := range ask(t, program, table, asked) {
				ref, ok := stored[asked[i]]
				if !ok {
					require.Equal(t, absent, a.Answer)
					continue
				}
				require.Equal(t, found, a.Answer)
				require.Equal(t, ref, a.Ref)
				require.NotNil(t, all[uint64(a.Hash)<<32|uint64(a.Number)], "the hash of a key")
				require.Equal(t, asked[i], item[cache.Entry](table.Head().EntryChunks[:], a.Number).Key)
			}
		})
	}
}

// TestIndex_Unsure has the shim look into tables that change at the moment.
func TestIndex_Unsure(t *testing.T) {
	program := indexProgram(t, "snapshot")
	r := rand.New(rand.NewPCG(1, 1))
	table := cache.New(cache.Options{})
	require.NotNil(t, table)
	defer table.Close()
	here, other := randomKey(r), randomKey(r)
	table.Add(here, 10, 10, 5, nil)
	keys := []cache.Key{here, other}
	verdicts := func() (v [2]int) {
		for i, a := range ask(t, program, table, keys) {
			v[i] = a.Answer
		}
		return v
	}
	require.Equal(t, [2]int{found, absent}, verdicts())

	table.Head().Splits++
	require.Equal(t, [2]int{found, unsure}, verdicts(), "a split is under way")
	table.Head().Splits++

	entry := item[cache.Entry](table.Head().EntryChunks[:], 1)
	sequence := entry.Sequence
	entry.Sequence = 0
	require.Equal(t, [2]int{unsure, absent}, verdicts(), "the entry is changed")
	entry.Sequence = sequence

	// A key with the same hash: an entry is no answer unless it has the whole key.
	for _, change := range []func(k *cache.Key){
		func(k *cache.Key) { k.ID[0] ^= 1 },
		func(k *cache.Key) { k.ID[31] ^= 0x80 },
		func(k *cache.Key) { k.Len ^= 1 },
		func(k *cache.Key) { k.Version ^= 0x100 },
	} {
		change(&entry.Key)
		require.Equal(t, [2]int{absent, absent}, verdicts())
		entry.Key = here
	}
	require.Equal(t, [2]int{found, absent}, verdicts())
}
