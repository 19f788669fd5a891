package main

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// verdict is the result of a test: one of pass, fail, skip, or absent ("").
type verdict string

const (
	pass verdict = "PASS"
	fail verdict = "FAIL"
	skip verdict = "SKIP"
)

// column is what was found on one line of OpenSSL.
type column struct {
	Line     line
	OpenSSL  string // full version
	Glibc    string
	Symbolic bool // libssl binds its inner calls itself, so that there is no plain variant
	// Broken is why nothing could be run although the place is there, or "".
	Broken  string
	Results map[string]verdict // of all tests, by name
	Servers map[string]server  // by package
	// Exports are the functions that this line's libssl and libcrypto have.
	Exports map[string]bool
	// Uses are the functions that each program, shared source and server calls.
	Uses map[string]map[string]bool
	// Shared are the functions that each shared source of the programs defines.
	Shared map[string]map[string]bool
}

// server is a server of one place.
type server struct {
	Version string
	// Unfit is why it says nothing of this line, or "".
	Unfit string
}

// servers are the packages, their binaries and how the names of their tests begin.
var servers = []struct{ pack, binary, test string }{
	{"nginx", "/usr/sbin/nginx", "TestNginx"},
	{"haproxy", "/usr/sbin/haproxy", "TestHaproxy"},
	{"openssl", "/usr/bin/openssl", "TestSServer"},
}

// glibc is the version of glibc in the place of this line.
func (l line) glibc() string {
	text, _ := l.output("getconf", "GNU_LIBC_VERSION")
	return strings.TrimPrefix(text, "glibc ")
}

// measure builds and runs everything on one line.
func (l line) measure(library string, programs []string) column {
	c := column{Line: l, Results: map[string]verdict{}, Servers: map[string]server{}}
	if l.missing != "" {
		return c
	}
	if err := l.buildPrograms(programs); err != nil {
		c.Broken = err.Error()
		return c
	}
	if version, err := l.output("openssl", "version"); err == nil {
		c.OpenSSL = strings.Fields(version)[1]
	}
	c.Glibc = l.glibc()
	libssl, err := l.libraryOf(filepath.Join(l.tree, "build", "matrix", l.name, "tests", "c", "add"))
	if err != nil {
		c.Broken = err.Error()
		return c
	}
	c.Symbolic = bindsItself(libssl)
	c.Exports = exportsOf(libssl, filepath.Join(filepath.Dir(libssl),
		strings.Replace(filepath.Base(libssl), "libssl", "libcrypto", 1)))
	c.runPrograms(library)
	c.runServers(library, filepath.Base(libssl))
	return c
}

func (c *column) runPrograms(library string) {
	l := c.Line
	args := []string{l.inside("build", "matrix", "conformance.test"), "-test.v",
		"-test.run", "^(TestC|TestTakeover|TestDivergencesOccur)$"}
	records := []string{"build", "matrix", "reference"}
	if l.name == reference {
		if err := os.MkdirAll(filepath.Join(append([]string{l.tree}, records...)...), 0o755); err != nil {
			c.Broken = err.Error()
			return
		}
		args = append(args, "-record", l.inside(records...))
	} else {
		args = append(args, "-reference", l.inside(records...))
	}
	c.runTests("conformance", []string{
		"SESSCACHE_LIBRARY=" + l.inside(library),
		"SESSCACHE_TESTS_C=" + l.inside("build", "matrix", l.name, "tests", "c"),
	}, args)
}

// runServers runs the tests of those servers that use the libssl in question.
func (c *column) runServers(library, libssl string) {
	l := c.Line
	var names []string
	for _, s := range servers {
		version, err := l.output("dpkg-query", "-W", "-f", "${Version}", s.pack)
		if err != nil {
			c.Servers[s.pack] = server{Unfit: "not installed"}
			continue
		}
		found := server{Version: version}
		if used := neededLibssl(l.outside(s.binary)); used != libssl {
			found.Unfit = fmt.Sprintf("is built for %s, not %s", used, libssl)
		} else {
			names = append(names, s.test)
		}
		c.Servers[s.pack] = found
	}
	if len(names) == 0 {
		return
	}
	c.runTests("servers", []string{
		"SESSCACHE_LIBRARY=" + l.inside(library),
		"SESSCACHE_TLSLOAD=" + l.inside("build", "matrix", l.name, "tools", "tlsload"),
		"CI=true", // a server that is missing is a failure
	}, []string{l.inside("build", "matrix", "servers.test"), "-test.v",
		"-test.run", "^(" + strings.Join(names, "|") + ")"})
}

var testEnd = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)

// runTests runs a compiled test in its package's directory and reads the results from its log.
func (c *column) runTests(pack string, env, args []string) {
	l := c.Line
	log, err := l.logged(pack+".log", env,
		append([]string{"env", "-C", l.inside("tests", "go", pack), "nice"}, args...)...)
	file, openErr := os.Open(log)
	if openErr != nil {
		c.Broken = openErr.Error()
		return
	}
	defer file.Close()
	found := readResults(file)
	if len(found) == 0 || (err != nil && !contains(found, fail)) {
		c.Broken = fmt.Sprintf("the tests of %s did not come to their end: %v; see %s", pack, err, log)
	}
	for name, v := range found {
		c.Results[name] = v
	}
}

func readResults(log io.Reader) map[string]verdict {
	found := map[string]verdict{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if end := testEnd.FindStringSubmatch(lines.Text()); end != nil {
			found[end[2]] = verdict(end[1])
		}
	}
	return found
}

func contains(results map[string]verdict, v verdict) bool {
	for _, result := range results {
		if result == v {
			return true
		}
	}
	return false
}

// report prints what failed on the line.
func (c *column) report(out io.Writer) {
	if why := c.Line.missing + c.Broken; why != "" {
		fmt.Fprintf(out, "    %s\n", why)
	}
	var failed []string
	passed := 0
	for name, v := range c.Results {
		switch v {
		case fail:
			failed = append(failed, name)
		case pass:
			passed++
		}
	}
	sort.Strings(failed)
	fmt.Fprintf(out, "    %d passed, %d failed\n", passed, len(failed))
	for _, name := range failed {
		fmt.Fprintf(out, "    FAIL %s\n", name)
	}
}

// libraryOf is the file, outside, of the libssl that a program of this line uses.
func (l line) libraryOf(program string) (string, error) {
	name := neededLibssl(program)
	if name == "" {
		return "", fmt.Errorf("%s uses no libssl", program)
	}
	for _, directory := range []string{"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu"} {
		path := l.outside(filepath.Join(directory, name))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not where Debian has it", name)
}

// neededLibssl is the name of the libssl that a program is linked to, or "".
func neededLibssl(program string) string {
	file, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer file.Close()
	libraries, _ := file.ImportedLibraries()
	for _, name := range libraries {
		if strings.HasPrefix(name, "libssl.so") {
			return name
		}
	}
	return ""
}

func bindsItself(library string) bool {
	file, err := elf.Open(library)
	if err != nil {
		return false
	}
	defer file.Close()
	flags, _ := file.DynValue(elf.DT_FLAGS)
	return len(flags) == 1 && elf.DynFlag(flags[0])&elf.DF_SYMBOLIC != 0
}

// exportsOf is the set of functions that libraries define.
func exportsOf(libraries ...string) map[string]bool {
	set := map[string]bool{}
	for _, library := range libraries {
		file, err := elf.Open(library)
		if err != nil {
			continue
		}
		symbols, _ := file.DynamicSymbols()
		for _, symbol := range symbols {
			if symbol.Section != elf.SHN_UNDEF {
				set[symbol.Name] = true
			}
		}
		file.Close()
	}
	return set
}
