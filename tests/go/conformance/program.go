// Package conformance runs the programs of tests/c on stock libssl and with
// the library in front, on the system's libssl and on a copy of it that binds
// its inner calls to itself, and compares what they print.
package conformance

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// libraryOnly is how the names of programs begin that have no stock run.
const libraryOnly = "lib_"

// Program is one conformance program: tests/c/test_<Name>.c and what its first
// comment lines ask of the runner.
type Program struct {
	// Name is the subject; library-only programs begin with lib_.
	Name string
	// Source is the path of the C file.
	Source string
	// Env is what "// env: NAME=value" lines add to the environment.
	Env []string
	// Stderr holds the texts of "// stderr: text" lines: with the library in
	// front, the standard error has exactly so many lines, and each contains its text.
	Stderr []string
	// Leaks is true if a "// leaks: reason" line says that the program leaks by design.
	Leaks bool
	// Unsanitized is why the program cannot run with sanitizers, from an
	// "// unsanitized: reason" line, or "".
	Unsanitized string
}

// LibraryOnly says whether the program is checked against an expected text.
func (p Program) LibraryOnly() bool {
	return strings.HasPrefix(p.Name, libraryOnly)
}

// Expected is the path of the expected output of a library-only program.
func (p Program) Expected() string {
	return filepath.Join(filepath.Dir(p.Source), "expected", p.Name+".txt")
}

// Programs lists the conformance programs of a directory, by name.
func Programs(dir string) ([]Program, error) {
	sources, err := filepath.Glob(filepath.Join(dir, "test_*.c"))
	if err != nil {
		return nil, err
	}
	sort.Strings(sources)
	programs := make([]Program, 0, len(sources))
	for _, source := range sources {
		program, err := readProgram(source)
		if err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

// readProgram reads the directives, which stand before everything else in the file.
func readProgram(source string) (Program, error) {
	base := strings.TrimSuffix(filepath.Base(source), ".c")
	program := Program{Name: strings.TrimPrefix(base, "test_"), Source: source}
	file, err := os.Open(source)
	if err != nil {
		return program, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		directive, isComment := strings.CutPrefix(lines.Text(), "// ")
		if !isComment {
			break
		}
		name, value, ok := strings.Cut(directive, ": ")
		if !ok {
			return program, fmt.Errorf("%s: %q is no directive", source, directive)
		}
		switch name {
		case "env":
			program.Env = append(program.Env, value)
		case "stderr":
			program.Stderr = append(program.Stderr, value)
		case "leaks":
			program.Leaks = true
		case "unsanitized":
			program.Unsanitized = value
		default:
			return program, fmt.Errorf("%s: unknown directive %q", source, name)
		}
	}
	return program, lines.Err()
}
