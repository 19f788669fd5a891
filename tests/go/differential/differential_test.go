package differential

import (
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

var (
	duration = flag.Duration("for", 3*time.Second, "how long random inputs are tried")
	seed     = flag.Uint64("seed", 1, "seed of the random inputs; 0: the time")
	corpus   = flag.String("corpus", "", "directory for the inputs that led to much that was new")
	findings = flag.String("findings", "", "directory for inputs that fail; the search goes on after one")
)

func absolute(t testing.TB, env, otherwise string) string {
	t.Helper()
	path := os.Getenv(env)
	if path == "" {
		path = otherwise
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	require.FileExists(t, path, "build it with make all tests-c")
	return path
}

// sides are stock libssl, the library on it, and the library on a copy of
// libssl that binds its inner calls to itself.
func sides(t testing.TB) Sides {
	t.Helper()
	library := absolute(t, "SESSCACHE_LIBRARY", "../../../build/libsesscache.so")
	drive := absolute(t, "SESSCACHE_DRIVE", "../../../build/tests/fuzz/drive")
	libssl, err := conformance.FindLibrary(drive, "libssl.so")
	require.NoError(t, err)
	symbolic := t.TempDir()
	_, err = conformance.CopySymbolic(libssl, symbolic)
	require.NoError(t, err)
	preload := "LD_PRELOAD=" + library
	if first := os.Getenv("SESSCACHE_PRELOAD_FIRST"); first != "" { // a sanitizer's runtime
		preload = "LD_PRELOAD=" + first + ":" + library
	}
	all := Sides{
		NewSide("stock", drive),
		NewSide("here", drive, preload),
		NewSide("symbolic", drive, preload, "LD_LIBRARY_PATH="+symbolic),
	}
	t.Cleanup(all.Close)
	return all
}

// seeds are the inputs of testdata/seeds: hexadecimal, a record on each line,
// "#" begins a comment.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/seeds/*.hex")
	require.NoError(t, err)
	all := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var input []byte
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			part, err := hex.DecodeString(strings.TrimSpace(line))
			require.NoError(t, err, file)
			input = append(input, part...)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".hex")] = input
	}
	return all
}

func encode(input []byte, comment string) string {
	var text strings.Builder
	for line := range strings.Lines(comment) {
		fmt.Fprintf(&text, "# %s\n", strings.TrimSuffix(line, "\n"))
	}
	for at := 0; at < len(input); at += record {
		fmt.Fprintf(&text, "%x\n", input[at:min(at+record, len(input))])
	}
	return text.String()
}

// TestDifferential_Seeds runs the inputs that once showed a fault.
func TestDifferential_Seeds(t *testing.T) {
	all := sides(t)
	for name, input := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			_, difference, err := all.Run(input)
			require.NoError(t, err)
			if difference != nil {
				t.Error(difference)
			}
		})
	}
}

// TestDifferential_Random tries random inputs; flags say how long, and whether
// to stop at the first that fails.
func TestDifferential_Random(t *testing.T) {
	all := sides(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	g := newGenerator(*seed)
	inputs := seeds(t)
	for _, name := range slices.Sorted(maps.Keys(inputs)) { // a seed gives the same inputs again
		g.corpus = append(g.corpus, inputs[name])
	}
	known := map[string]int{}
	count := 0
	for end := time.Now().Add(*duration); time.Now().Before(end); count++ {
		input := g.next()
		transcript, difference, err := all.Run(input)
		require.NoError(t, err)
		if difference == nil {
			g.learn(input, transcript)
			continue
		}
		kind := difference.Kind()
		known[kind]++
		if known[kind] > 1 {
			continue
		}
		input, difference = shorten(all, input, difference)
		name := "stop"
		if *findings != "" {
			name = filepath.Join(*findings, fmt.Sprintf("%d-%d.hex", *seed, len(known)))
			require.NoError(t, os.WriteFile(name, []byte(encode(input, difference.Error())), 0o644))
		}
		t.Errorf("%s: %v\n%s", name, difference, encode(input, ""))
		if *findings == "" {
			break
		}
	}
	if *corpus != "" {
		writeCorpus(t, all, g.corpus)
	}
	t.Logf("%d inputs, seed %d, %d kinds of calls and results", count, *seed, len(g.seen))
	for kind, n := range known {
		t.Logf("%d times: %s", n, kind)
	}
}

// writeCorpus writes the inputs that, one after the other, still show much that is new.
func writeCorpus(t *testing.T, all Sides, inputs [][]byte) {
	const much = 12
	g := newGenerator(0)
	for i, input := range inputs {
		transcript, _, err := all.Run(input)
		require.NoError(t, err)
		if g.learn(input, transcript) >= much {
			name := filepath.Join(*corpus, fmt.Sprintf("corpus-%03d.hex", i))
			require.NoError(t, os.WriteFile(name, []byte(encode(input, "")), 0o644))
		}
	}
}

// shorten minimises an input as long as it shows a difference of the same kind.
func shorten(all Sides, input []byte, difference *Difference) ([]byte, *Difference) {
	kind := difference.Kind()
	input = minimise(input, 1500, func(candidate []byte) bool {
		_, d, err := all.Run(candidate)
		if err != nil || d == nil || d.Kind() != kind {
			return false
		}
		difference = d
		return true
	})
	return input, difference
}

// A difference is found, and an input shortened to what shows it, or the other
// tests could not fail: the third side runs in takeover mode, which differs.
func TestDifferential_FindsDifferences(t *testing.T) {
	all := sides(t)
	all[2].Env = append(all[2].Env, "SESSCACHE_MODE=takeover")
	g := newGenerator(7)
	for range 200 {
		input := g.next()
		_, difference, err := all.Run(input)
		require.NoError(t, err)
		if difference != nil && difference.Against == "symbolic" {
			short, difference := shorten(all, input, difference)
			require.NotNil(t, difference)
			require.Less(t, len(short), 12*record)
			return
		}
	}
	t.Fatal("takeover mode has shown no difference")
}
