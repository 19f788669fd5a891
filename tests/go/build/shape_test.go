package build

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exportsList is what cshim/exports.list names, in its order.
func exportsList(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), "cshim", "exports.list"))
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(content)) {
		line, _, _ = strings.Cut(line, "#")
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// exported is what the library defines for others, sorted.
func exported(t *testing.T, file *elf.File) []string {
	t.Helper()
	symbols, err := file.DynamicSymbols()
	require.NoError(t, err)
	var names []string
	for _, symbol := range symbols {
		if symbol.Section != elf.SHN_UNDEF {
			names = append(names, symbol.Name)
		}
	}
	sort.Strings(names)
	return names
}

func open(t *testing.T, path string) *elf.File {
	t.Helper()
	file, err := elf.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestExportsList_isSorted(t *testing.T) {
	names := exportsList(t)
	require.NotEmpty(t, names)
	assert.True(t, sort.StringsAreSorted(names), "LC_ALL=C sort gives another order")
	assert.Equal(t, slices.Compact(slices.Clone(names)), names, "a name stands twice")
}

func TestLibrary_exportsTheList(t *testing.T) {
	assert.Equal(t, exportsList(t), exported(t, open(t, library(t))))
}

func TestLibrary_needsNoOpenSSL(t *testing.T) {
	needed, err := open(t, library(t)).ImportedLibraries()
	require.NoError(t, err)
	t.Logf("needs %v", needed)
	for _, name := range needed {
		assert.NotContains(t, name, "ssl")
		assert.NotContains(t, name, "crypto")
	}
}

func TestLibrary_isNeverUnloaded(t *testing.T) {
	flags, err := open(t, library(t)).DynValue(elf.DT_FLAGS_1)
	require.NoError(t, err)
	require.Len(t, flags, 1)
	assert.NotZero(t, elf.DynFlag1(flags[0])&elf.DF_1_NODELETE)
}

func TestLibrary_hasItsSoname(t *testing.T) {
	name, err := open(t, library(t)).DynString(elf.DT_SONAME)
	require.NoError(t, err)
	assert.Equal(t, []string{"libsesscache.so"}, name)
}

// A version of our own on a symbol would keep it from standing in for libssl's.
func TestLibrary_definesNoVersion(t *testing.T) {
	file := open(t, library(t))
	versions, err := file.DynamicVersions()
	require.NoError(t, err)
	assert.Empty(t, versions)
	assert.Nil(t, file.SectionByType(elf.SHT_GNU_VERDEF))
}

// The Go runtime starts at the first need: nothing of it runs at the load.
func TestLibrary_hasNoGoInitialiserAtLoad(t *testing.T) {
	file := open(t, library(t))
	symbols, err := file.Symbols()
	require.NoError(t, err)
	var start, stop uint64
	for _, symbol := range symbols {
		switch symbol.Name {
		case "__start_ssc_go_init":
			start = symbol.Value
		case "__stop_ssc_go_init":
			stop = symbol.Value
		}
	}
	require.NotZero(t, start, "the shim does not know Go's initialiser")
	assert.Equal(t, uint64(8), stop-start, "one initialiser")
	section := file.Section(".init_array")
	if section != nil {
		assert.False(t, section.Addr < stop && start < section.Addr+section.Size,
			"Go's initialiser is in .init_array")
	}
}

// What the library needs of the C library decides on which systems it loads:
// recorded in the test's output.
func TestLibrary_recordsWhatItNeedsOfGlibc(t *testing.T) {
	symbols, err := open(t, library(t)).ImportedSymbols()
	require.NoError(t, err)
	versions := map[string]bool{}
	for _, symbol := range symbols {
		if symbol.Version != "" {
			versions[symbol.Library+" "+symbol.Version] = true
		}
		assert.False(t, strings.HasPrefix(symbol.Version, "OPENSSL"), symbol.Name)
	}
	var names []string
	for name := range versions {
		names = append(names, name)
	}
	sort.Strings(names)
	t.Log(strings.Join(names, ", "))
	assert.NotEmpty(t, names)
}
