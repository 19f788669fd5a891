package conformance

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseDivergences(t *testing.T) {
	text := strings.Join([]string{
		"# Title", "", "Before the first section.", "",
		"## D1 One", "", "A reason", "of two lines.", "", "Program: alpha", "",
		"```", "stock: a = 1", "here: a = 2", "stock: log: x", "here: log: -", "```", "",
		"## D2 Two", "", "Another.", "", "Program: lib_beta", "",
	}, "\n")
	got, err := parseDivergences(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID != "D1" || got[1].Title != "Two" {
		t.Fatalf("sections: %+v", got)
	}
	want := []Pair{{"alpha", "a = 1", "a = 2", ""}, {"alpha", "log: x", "log: -", ""}}
	if len(got[0].Pairs) != 2 || got[0].Pairs[0] != want[0] || got[0].Pairs[1] != want[1] {
		t.Errorf("pairs: %+v", got[0].Pairs)
	}
	if got[0].Reason != "A reason\nof two lines." {
		t.Errorf("reason: %q", got[0].Reason)
	}
	for _, bad := range []string{
		"## D1 x\nProgram: p\n```\nstock: a\n```",
		"## D1 x\nProgram: p\n```\nhere: a\n```",
		"## D1 x\nProgram: p\n```\nsomething\n```",
		"## D1 x\n```\nstock: a\nhere: b\n```",
		"## D1 x\nProgram: p\n```\nstock: a\nhere: b",
	} {
		if _, err := parseDivergences(bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}

func TestCompare(t *testing.T) {
	listed := []Pair{{"p", "n=9", "n=10", ""}}
	used, difference := Compare("p", []string{"a", "n=9"}, []string{"a", "n=10"}, listed)
	if difference != "" || len(used) != 1 {
		t.Errorf("listed pair: %v, %q", used, difference)
	}
	for _, here := range [][]string{{"a"}, {"a", "n=11"}, {"a", "n=9", "more"}, {"b", "n=9"}} {
		if _, difference := Compare("p", []string{"a", "n=9"}, here, listed); difference == "" {
			t.Errorf("accepted: %q", here)
		}
	}
	if _, difference := Compare("q", []string{"n=9"}, []string{"n=10"}, listed); difference == "" {
		t.Error("a pair of another program was accepted")
	}
}

func TestReadProgram_directives(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test_lib_x.c")
	text := "// env: A=b c\n// stderr: some text\n// leaks: why\n// unsanitized: so\n\n// env: NOT=this\nint main;\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := readProgram(file)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "lib_x" || !p.LibraryOnly() || len(p.Env) != 1 || p.Env[0] != "A=b c" ||
		len(p.Stderr) != 1 || p.Stderr[0] != "some text" || !p.Leaks ||
		p.Unsanitized != "so" {
		t.Errorf("%+v", p)
	}
	if err := os.WriteFile(file, []byte("// unknown: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readProgram(file); err == nil {
		t.Error("an unknown directive was accepted")
	}
}

func TestCopySymbolic_flag(t *testing.T) {
	b := getBench(t)
	libssl, err := FindLibrary(b.Binary(b.programs[0]), "libssl.so")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := CopySymbolic(libssl, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	flags, err := file.DynValue(elf.DT_FLAGS)
	if err != nil || len(flags) != 1 || flags[0]&uint64(elf.DF_SYMBOLIC) == 0 {
		t.Errorf("flags of the copy: %v, %v", flags, err)
	}
}

func TestParseDivergences_lines(t *testing.T) {
	text := strings.Join([]string{
		"## D1 One", "", "A reason.", "", "Program: alpha", "On: 1.1.1, 3.5-4.0", "",
		"```", "stock: a", "here: b", "```", "", "Program: *", "Rule: removals in any order", "",
		"Program: beta", "On: 1.1.1", "Rule: stock fails", "Rule: as on 3.0", "",
	}, "\n")
	got, err := parseDivergences(text)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{"1.1.1": 1, "3.0": 0, "3.4": 0, "3.6": 1, "4.0": 1, "4.1": 0} {
		listed := On(line, got)
		if len(listed.Of("alpha")) != want {
			t.Errorf("OpenSSL %s: %+v", line, listed.Pairs)
		}
		if !listed.Rule("any", AnyOrder) || listed.Rule("alpha", AsReference) ||
			listed.Rule("beta", AsReference) != (line == "1.1.1") {
			t.Errorf("OpenSSL %s: %+v", line, listed.rules)
		}
	}
	for _, bad := range []string{
		"## D1 x\nOn: 3.0", "## D1 x\nProgram: p\nOn: three", "## D1 x\nProgram: p\nOn: 3.5-3.0",
		"## D1 x\nRule: as on 3.0", "## D1 x\nProgram: p\nRule: as it comes",
	} {
		if _, err := parseDivergences(bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}

func TestListed_Compare_anyOrder(t *testing.T) {
	listed := On("3.6", []Divergence{{
		Pairs: []Pair{{"p", "log: remove(B) remove(A)", "log: remove(C) remove(A)", ""}},
		Rules: []Rule{{EveryProgram, AnyOrder, "3.6"}},
	}})
	stock := []string{"log: new(S1) remove(S3) remove(S2) get(S1)", "log: remove(A) remove(B)", "n"}
	here := []string{"log: new(S1) remove(S2) remove(S3) get(S1)", "log: remove(A) remove(C)", "n"}
	if used, difference := listed.Compare("p", stock, here); difference != "" || len(used) != 1 {
		t.Errorf("%v, %q", used, difference)
	}
	for _, line := range []string{
		"log: remove(S2) new(S1) remove(S3) get(S1)", "log: new(S1) remove(S2) remove(S4) get(S1)",
	} {
		if _, difference := listed.Compare("p", stock[:1], []string{line}); difference == "" {
			t.Errorf("accepted: %s", line)
		}
	}
}
