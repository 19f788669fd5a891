package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// library describes the one build that all lines run.
type library struct {
	Path  string // below the working tree
	Built string // where
	Glibc string // the newest version that it asks of glibc
}

// oldestGlibc is that of Debian 11, which the library has to run on.
const oldestGlibc = "2.31"

// buildTests compiles the test programs in Go, without cgo, so that they run in any root.
func buildTests(tree string) error {
	for _, name := range []string{"conformance", "servers"} {
		cmd := exec.Command("go", "test", "-c", "-o",
			filepath.Join(tree, "build", "matrix", name+".test"), "./tests/go/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building the tests of %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// buildLibrary builds the library in the first place there is: the oldest.
func buildLibrary(tree string, lines []line) (library, error) {
	const directory = "build/matrix/library"
	for _, l := range lines {
		if l.missing != "" {
			continue
		}
		log, err := l.logged("library.log", nil,
			"make", "-C", l.inside(), "-j2", "all", "BUILD="+directory)
		if err != nil {
			return library{}, fmt.Errorf("building the library on %s: %w; see %s", l.suite, err, log)
		}
		built := library{
			Path:  filepath.Join(directory, "libsesscache.so"),
			Built: fmt.Sprintf("Debian %s, glibc %s", l.suite, l.glibc()),
		}
		built.Glibc, err = newestGlibc(filepath.Join(tree, built.Path))
		if err == nil && later(built.Glibc, oldestGlibc) {
			err = fmt.Errorf("it asks for glibc %s, later than %s", built.Glibc, oldestGlibc)
		}
		return built, err
	}
	return library{}, fmt.Errorf("there is no place to build the library in")
}

// newestGlibc is the highest version of glibc's symbols that a library uses.
func newestGlibc(path string) (string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols()
	if err != nil {
		return "", err
	}
	newest := ""
	for _, symbol := range symbols {
		version, ok := strings.CutPrefix(symbol.Version, "GLIBC_")
		if ok && later(version, newest) {
			newest = version
		}
	}
	return newest, nil
}

// later says whether version a comes after b, number by number.
func later(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			_, _ = fmt.Sscanf(as[i], "%d", &x)
		}
		if i < len(bs) {
			_, _ = fmt.Sscanf(bs[i], "%d", &y)
		}
		if x != y {
			return x > y
		}
	}
	return false
}

// buildPrograms builds tests/c and the load generator with the headers of this line.
func (l line) buildPrograms(programs []string) error {
	directory := "build/matrix/" + l.name
	args := []string{"make", "-C", l.inside(), "-j2", "tools", "BUILD=" + directory}
	for _, program := range programs {
		args = append(args, directory+"/tests/c/"+program)
	}
	if log, err := l.logged("build.log", nil, args...); err != nil {
		return fmt.Errorf("the programs do not build: %w; see %s", err, log)
	}
	return nil
}
