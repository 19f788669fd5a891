package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const conformance = "../../../docs/CONFORMANCE.md"

// statement is one numbered line of docs/CONFORMANCE.md.
type statement struct {
	id, text, page string
	programs       []string
}

var statementRow = regexp.MustCompile(`^\| (C[0-9]+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$`)

func statements(t *testing.T) []statement {
	t.Helper()
	data, err := os.ReadFile(conformance)
	if err != nil {
		t.Fatal(err)
	}
	var all []statement
	for _, line := range lines(string(data)) {
		row := statementRow.FindStringSubmatch(line)
		if row == nil {
			if strings.HasPrefix(line, "| C") {
				t.Errorf("not a row of four cells: %s", line)
			}
			continue
		}
		all = append(all, statement{row[1], strings.TrimSpace(row[2]), strings.TrimSpace(row[3]),
			strings.FieldsFunc(row[4], func(r rune) bool { return r == ',' || r == ' ' })})
	}
	return all
}

// tags returns the C<n> marks in the comments of a C file.
func tags(t *testing.T, source string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	comment := regexp.MustCompile(`(?s)/\*.*?\*/`)
	tag := regexp.MustCompile(`\bC[0-9]+\b`)
	for _, text := range comment.FindAllString(string(data), -1) {
		for _, name := range tag.FindAllString(text, -1) {
			found[name] = true
		}
	}
	return found
}

// TestConformanceLines checks that each statement has its number, its page and
// a program that carries its mark, and that no mark stands alone.
func TestConformanceLines(t *testing.T) {
	programs, err := Programs(sources)
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]map[string]bool{}
	for _, program := range programs {
		marks[program.Name] = tags(t, program.Source)
	}
	all := statements(t)
	if len(all) < 60 {
		t.Errorf("only %d statements", len(all))
	}
	shown := map[string]bool{}
	for i, s := range all {
		shown[s.id] = true
		if want := fmt.Sprintf("C%d", i+1); s.id != want {
			t.Errorf("%s stands where %s is due", s.id, want)
		}
		if len(strings.Fields(s.text)) < 3 || !strings.HasPrefix(s.page, "SSL_") {
			t.Errorf("%s: no statement, or no manual page: %q, %q", s.id, s.text, s.page)
		}
		if len(s.programs) == 0 {
			t.Errorf("%s has no test", s.id)
		}
		for _, name := range s.programs {
			if marks[name] == nil {
				t.Errorf("%s: there is no program %q", s.id, name)
			} else if !marks[name][s.id] {
				t.Errorf("%s: no mark in test_%s.c", s.id, name)
			}
		}
	}
	for name, found := range marks {
		for mark := range found {
			if !shown[mark] {
				t.Errorf("test_%s.c: the mark %s is not in CONFORMANCE.md", name, mark)
			}
		}
	}
}

// goTestExists says whether this package has a test of that name.
func goTestExists(t *testing.T, name string) bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}

// TestDivergencesDocument checks that each section has a reason and a program that exists.
func TestDivergencesDocument(t *testing.T) {
	sections, err := ReadDivergences(divergences)
	if err != nil {
		t.Fatal(err)
	}
	for i, section := range sections {
		if want := fmt.Sprintf("D%d", i+1); section.ID != want {
			t.Errorf("%s stands where %s is due", section.ID, want)
		}
		if len(strings.Fields(section.Reason)) < 10 {
			t.Errorf("%s has no reason", section.ID)
		}
		if len(section.Programs)+len(section.Tests) == 0 {
			t.Errorf("%s has no test", section.ID)
		}
		for _, name := range section.Tests {
			if !goTestExists(t, name) {
				t.Errorf("%s: there is no test %s", section.ID, name)
			}
		}
		for _, name := range section.Programs {
			if name == EveryProgram {
				continue
			}
			if _, err := os.Stat(filepath.Join(sources, "test_"+name+".c")); err != nil {
				t.Errorf("%s: %v", section.ID, err)
			}
		}
	}
}
