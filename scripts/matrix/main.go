// Command matrix runs the conformance programs and the tests of servers on every
// line of OpenSSL that can be had, and writes docs/MATRIX.md. It runs in the root
// of the working tree, as root: `make matrix`.
//
// The library is built once, where glibc is oldest; the programs are built with
// the headers of each line; the tests that run them are built once, without cgo.
// All of it lies in build/matrix, the Debian roots in build/roots.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

const document = "docs/MATRIX.md"

func main() {
	// The commands are children of this thread: they end with it.
	runtime.LockOSThread()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run() error {
	if os.Geteuid() != 0 {
		return errors.New("chroot and debootstrap need root")
	}
	tree, err := os.Getwd()
	if err != nil {
		return err
	}
	roots := exec.Command("scripts/matrix-roots.sh")
	roots.Stdout, roots.Stderr = os.Stderr, os.Stderr
	if err := roots.Run(); err != nil {
		return fmt.Errorf("making the roots: %w", err)
	}
	if err := buildTests(tree); err != nil {
		return err
	}
	lines := findLines(tree)
	library, err := buildLibrary(tree, lines)
	if err != nil {
		return err
	}
	m := matrix{Library: library, Columns: make([]column, len(lines))}
	if m.Programs, err = programNames(filepath.Join(tree, "tests", "c")); err != nil {
		return err
	}
	if m.Functions, err = exportedFunctions(filepath.Join(tree, "cshim", "exports.list")); err != nil {
		return err
	}
	// What the library prints on the reference line is compared with on the others.
	for _, first := range []bool{true, false} {
		for i, l := range lines {
			if (l.name == reference) == first {
				fmt.Fprintf(os.Stderr, "matrix: OpenSSL %s\n", l.name)
				m.Columns[i] = l.measure(library.Path, m.Programs)
				m.Columns[i].report(os.Stderr)
			}
		}
	}
	if err := m.findUses(tree); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, document), []byte(m.markdown()), 0o644); err != nil {
		return err
	}
	if failed := m.failures(); failed > 0 {
		return fmt.Errorf("%d failures; %s and the logs in build/matrix tell", failed, document)
	}
	return nil
}
