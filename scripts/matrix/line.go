package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// reference is the line on which the library does what stock libssl does: the host's.
const reference = "3.0"

// openssl lists the lines of OpenSSL, oldest first, with the Debian suites that have them.
var openssl = []struct{ name, suite string }{
	{"1.1.1", "bullseye"},
	{reference, "bookworm"},
	{"3.5", "trixie"},
	{"3.6", "sid"},
	{"4.0", "experimental"},
}

// line is a line of OpenSSL and the place where it runs.
type line struct {
	name  string
	suite string
	tree  string // the working tree, outside
	root  string // Debian root, or "" for the host
	// missing is why there is no such place, or "".
	missing string
}

func findLines(tree string) []line {
	var lines []line
	for _, o := range openssl {
		l := line{name: o.name, suite: o.suite, tree: tree}
		if o.name == reference {
			l.missing = l.otherHost()
		} else {
			l.root = filepath.Join(tree, "build", "roots", o.name)
			if _, err := os.Stat(filepath.Join(l.root, "etc", "debian_version")); err != nil {
				l.missing = "its root could not be made"
				if why, err := os.ReadFile(l.root + ".failed"); err == nil {
					l.missing = strings.TrimSpace(string(why))
				}
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// otherHost is what is wrong with the host as the place of the reference line, or "".
func (l line) otherHost() string {
	version, err := l.output("openssl", "version")
	if err != nil || !strings.HasPrefix(version, "OpenSSL "+l.name+".") {
		return fmt.Sprintf("this host has %q", version)
	}
	return ""
}

// inside is the path of a file of the working tree for commands of this line.
func (l line) inside(path ...string) string {
	base := l.tree
	if l.root != "" {
		base = "/src"
	}
	return filepath.Join(append([]string{base}, path...)...)
}

// outside is the path of a system's file of this line for the present process.
func (l line) outside(path string) string {
	return filepath.Join(l.root, path)
}

// command is a command that runs in the place of this line, with more environment.
func (l line) command(env []string, args ...string) *exec.Cmd {
	if l.root == "" {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
	all := append([]string{l.root}, append(env, args...)...)
	return exec.Command(filepath.Join(l.tree, "scripts", "in-root.sh"), all...)
}

// output is what a command prints, without the space around it.
func (l line) output(args ...string) (string, error) {
	out, err := l.command(nil, args...).Output()
	return string(bytes.TrimSpace(out)), err
}

// logged runs a command with its output in a file of build/matrix/<line>.
func (l line) logged(log string, env []string, args ...string) (string, error) {
	path := filepath.Join(l.tree, "build", "matrix", l.name, log)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return path, err
	}
	file, err := os.Create(path)
	if err != nil {
		return path, err
	}
	defer file.Close()
	cmd := l.command(env, args...)
	cmd.Stdout, cmd.Stderr = file, file
	// What runs in a root ends with this process, whatever ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return path, cmd.Run()
}
