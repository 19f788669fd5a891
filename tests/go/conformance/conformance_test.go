package conformance

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	sources     = "../../c"
	divergences = "../../../docs/DIVERGENCES.md"
)

var (
	update = flag.Bool("update", false, "write the expected outputs of library-only programs")
	record = flag.String("record", "", "write what the library prints into this directory")
	known  = flag.String("reference", "", "directory with what it prints on OpenSSL "+reference)
)

// bench is what the tests share: it is made once.
type bench struct {
	Settings
	programs []Program
	line     string // of OpenSSL
	listed   Listed // of that line
	variants []string
	symbolic string // directory with the copy of libssl, or "" if the system's is so itself
	results  sync.Map
}

var theBench = sync.OnceValues(func() (*bench, error) {
	settings, err := SettingsFromEnv()
	if err != nil {
		return nil, err
	}
	b := &bench{Settings: settings}
	if b.programs, err = Programs(sources); err != nil {
		return nil, err
	}
	sections, err := ReadDivergences(divergences)
	if err != nil {
		return nil, err
	}
	binary := b.Binary(b.programs[0])
	libcrypto, err := FindLibrary(binary, "libcrypto.so")
	if err != nil {
		return nil, err
	}
	if b.line, err = LibraryLine(libcrypto); err != nil {
		return nil, err
	}
	b.listed = On(b.line, sections)
	libssl, err := FindLibrary(binary, "libssl.so")
	if err != nil {
		return nil, err
	}
	if itself, err := BindsItself(libssl); err != nil || itself {
		b.variants = []string{symbolic}
		return b, err
	}
	b.variants = []string{plain, symbolic}
	if b.symbolic, err = os.MkdirTemp("", "sesscache-symbolic-"); err != nil {
		return nil, err
	}
	_, err = CopySymbolic(libssl, b.symbolic)
	return b, err
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if b, err := theBench(); err == nil && b.symbolic != "" {
		os.RemoveAll(b.symbolic)
	}
	os.Exit(code)
}

// The builds of libssl that each program runs on: inner calls pass through the
// loader, or are bound inside. A libssl that is symbolic itself has no plain one.
const (
	plain    = "plain"
	symbolic = "symbolic"
)

func getBench(t *testing.T) *bench {
	t.Helper()
	b, err := theBench()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{b.Library, b.Binaries} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("%v: build it with make, make tests-c", err)
		}
	}
	return b
}

// run runs a program once for each set of arguments and remembers the result.
func (b *bench) run(p Program, preload bool, variant string, env ...string) Result {
	libraries := ""
	if variant == symbolic {
		libraries = b.symbolic
	}
	type key struct {
		name, variant, env string
		preload            bool
	}
	once := sync.OnceValue(func() Result { return b.Run(p, preload, libraries, env...) })
	found, _ := b.results.LoadOrStore(key{p.Name, variant, strings.Join(env, " "), preload}, once)
	return found.(func() Result)()
}

// TestC/<subject>/<plain|symbolic> compares a program on stock libssl and with
// the library in front, or a library-only one with its expected text.
func TestC(t *testing.T) {
	b := getBench(t)
	for _, program := range b.programs {
		t.Run(program.Name, func(t *testing.T) {
			for _, variant := range b.variants {
				t.Run(variant, func(t *testing.T) {
					if b.Sanitize && program.Unsanitized != "" {
						t.Skip(program.Unsanitized)
					}
					t.Parallel()
					if program.LibraryOnly() {
						b.checkExpected(t, program, variant)
					} else {
						b.checkAgainstStock(t, program, variant)
					}
				})
			}
		})
	}
}

func (b *bench) checkAgainstStock(t *testing.T, program Program, variant string) {
	here := b.run(program, true, variant)
	checkEnd(t, "here", here, program.Stderr)
	if *record != "" && variant == b.variants[0] {
		text := strings.Join(here.Stdout, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(*record, program.Name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !b.listed.Rule(program.Name, StockFails) {
		stock := b.run(program, false, variant)
		checkEnd(t, "stock", stock, nil)
		if len(stock.Stdout) == 0 {
			t.Error("the program printed nothing")
		}
	}
	stock, ok := b.wanted(t, program, variant)
	if !ok {
		return
	}
	if _, difference := b.listed.Compare(program.Name, stock, here.Stdout); difference != "" {
		t.Errorf("the library differs from stock libssl:\n%s", difference)
	}
}

// wanted is what the output of the library is compared with: that of stock
// libssl, or what the library prints on the reference line. There is none for a
// program with which stock libssl fails and no more is said.
func (b *bench) wanted(t *testing.T, program Program, variant string) (output []string, ok bool) {
	t.Helper()
	if b.listed.Rule(program.Name, AsReference) {
		if *known == "" {
			t.Skipf("on OpenSSL %s it is compared with what it prints on %s; see make matrix", b.line, reference)
		}
		data, err := os.ReadFile(filepath.Join(*known, program.Name))
		if err != nil {
			t.Fatal(err)
		}
		return lines(string(data)), true
	}
	if b.listed.Rule(program.Name, StockFails) {
		return nil, false
	}
	return b.run(program, false, variant).Stdout, true
}

func (b *bench) checkExpected(t *testing.T, program Program, variant string) {
	here := b.run(program, true, variant)
	checkEnd(t, "here", here, program.Stderr)
	if *update && variant == b.variants[0] && here.Err == nil {
		text := strings.Join(here.Stdout, "\n") + "\n"
		if err := os.WriteFile(program.Expected(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(program.Expected())
	if err != nil {
		t.Fatal(err)
	}
	if _, difference := Compare(program.Name, lines(string(data)), here.Stdout, nil); difference != "" {
		t.Errorf("not as in %s (stock stands for expected):\n%s", program.Expected(), difference)
	}
}

// checkEnd checks exit status and standard error.
func checkEnd(t *testing.T, who string, result Result, wanted []string) {
	t.Helper()
	if result.Err != nil {
		t.Errorf("%s: %v; last lines:\n%s", who, result.Err, strings.Join(tail(result.Stdout, 5), "\n"))
	}
	asWanted := len(result.Stderr) == len(wanted)
	for i := 0; asWanted && i < len(wanted); i++ {
		asWanted = strings.Contains(result.Stderr[i], wanted[i])
	}
	if !asWanted {
		t.Errorf("%s: standard error, %d lines wanted:\n%s", who, len(wanted),
			strings.Join(tail(result.Stderr, 60), "\n"))
	}
}

func tail(lines []string, n int) []string {
	return lines[max(0, len(lines)-n):]
}

// TestDivergencesOccur fails for a listed pair that no run shows any more.
func TestDivergencesOccur(t *testing.T) {
	b := getBench(t)
	occurred := map[Pair]bool{}
	for _, program := range b.programs {
		if len(b.listed.Of(program.Name)) == 0 {
			continue
		}
		for _, variant := range b.variants {
			stock, ok := b.wanted(t, program, variant)
			if !ok {
				continue
			}
			used, _ := b.listed.Compare(program.Name, stock, b.run(program, true, variant).Stdout)
			for _, pair := range used {
				occurred[pair] = true
			}
		}
	}
	for _, pair := range b.listed.Pairs {
		if !occurred[pair] {
			t.Errorf("%s no longer shows this pair:\nstock: %s\nhere: %s", pair.Program, pair.Stock, pair.Here)
		}
	}
}

// TestTakeover runs the compared programs in takeover mode, in which their
// output differs on purpose: they must end well all the same.
func TestTakeover(t *testing.T) {
	b := getBench(t)
	for _, program := range b.programs {
		if program.LibraryOnly() {
			continue
		}
		t.Run(program.Name, func(t *testing.T) {
			t.Parallel()
			result := b.run(program, true, b.variants[0], "SESSCACHE_MODE=takeover")
			checkEnd(t, "takeover", result, program.Stderr)
			last := strings.Join(tail(result.Stdout, 1), "")
			if !program.Leaks && last != "sessions never freed: 0" {
				t.Errorf("takeover: the last line is %q", last)
			}
		})
	}
}

// TestSymbolicCopy proves that the copy binds its inner calls to itself, by a
// preloaded library that reports each call of SSL_CTX_flush_sessions it sees:
// the program ctx_free makes none, SSL_CTX_free inside libssl does.
func TestSymbolicCopy(t *testing.T) {
	b := getBench(t)
	witness := filepath.Join(t.TempDir(), "witness.so")
	out, err := exec.Command("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
		"testdata/witness.c", "-o", witness).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	settings := b.Settings
	settings.Library = witness
	program := Program{Name: "ctx_free"}
	seen := func(libraries string) int {
		result := settings.Run(program, true, libraries)
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		return len(result.Stderr)
	}
	if n := seen(b.symbolic); n != 0 {
		t.Errorf("%d inner calls of the symbolic copy reach a preloaded library", n)
	}
	if seen("") == 0 {
		t.Log("the system's libssl is built so itself: both variants are one")
	}
}
