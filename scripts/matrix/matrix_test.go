package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const tree = "../.."

// TestDocument_covers checks that docs/MATRIX.md has a row for each exported
// function and each program, and a column for each line of OpenSSL.
func TestDocument_covers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(tree, document))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	functions, err := exportedFunctions(filepath.Join(tree, "cshim", "exports.list"))
	if err != nil {
		t.Fatal(err)
	}
	programs, err := programNames(filepath.Join(tree, "tests", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if len(functions) < 30 || len(programs) < 30 {
		t.Errorf("only %d functions and %d programs", len(functions), len(programs))
	}
	for _, function := range functions {
		if !strings.Contains(text, "\n| `"+function+"` | ") {
			t.Errorf("the function %s has no row: run make matrix", function)
		}
	}
	for _, program := range programs {
		if !strings.Contains(text, "\n| "+program+" | ") {
			t.Errorf("the program %s has no row: run make matrix", program)
		}
	}
	for _, o := range openssl {
		if !strings.Contains(text, "\n| "+o.name+" | ") {
			t.Errorf("OpenSSL %s has no row of versions: run make matrix", o.name)
		}
	}
}

func TestReadResults(t *testing.T) {
	log := "=== RUN   TestC\n--- FAIL: TestC (0.00s)\n    --- PASS: TestC/add (0.00s)\n" +
		"        --- PASS: TestC/add/plain (1.25s)\n        --- SKIP: TestC/random/plain (0.00s)\n" +
		"    x_test.go:1: --- PASS: no (0.00s)\nFAIL\n"
	found := readResults(strings.NewReader(log))
	want := map[string]verdict{"TestC": fail, "TestC/add": pass, "TestC/add/plain": pass,
		"TestC/random/plain": skip}
	if len(found) != len(want) {
		t.Errorf("got %v", found)
	}
	for name, v := range want {
		if found[name] != v {
			t.Errorf("%s: got %q", name, found[name])
		}
	}
}

func TestLater(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"2.17", "2.2.5", true}, {"2.2.5", "2.17", false}, {"2.31", "2.31", false},
		{"2.32", "2.31", true}, {"2", "", true}, {"2.31.1", "2.31", true},
	} {
		if got := later(c.a, c.b); got != c.want {
			t.Errorf("later(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// sample is a matrix of two lines, one of which could not be had.
func sample() *matrix {
	return &matrix{
		Library:   library{Built: "Debian bullseye, glibc 2.31", Glibc: "2.17"},
		Programs:  []string{"add", "flush", "lib_fork"},
		Functions: []string{"SSL_CTX_flush_sessions_ex", "SSL_CTX_new", "setrlimit", "signal"},
		Columns: []column{
			{
				Line:    line{name: "1.1.1", suite: "bullseye"},
				OpenSSL: "1.1.1w",
				Results: map[string]verdict{
					"TestC/add/plain": pass, "TestC/add/symbolic": pass, "TestTakeover/add": pass,
					"TestC/flush/plain": pass, "TestC/flush/symbolic": fail,
					"TestC/lib_fork/plain": pass, "TestC/lib_fork/symbolic": pass,
					"TestNginx_reload/shared:tls:16m/stock":      pass,
					"TestNginx_reload/shared:tls:16m/documented": fail,
				},
				Servers: map[string]server{
					"nginx":   {Version: "1.18"},
					"haproxy": {Version: "2.2", Unfit: "is built for libssl.so.3, not libssl.so.1.1"},
				},
				Exports: map[string]bool{"SSL_CTX_new": true},
				Uses: map[string]map[string]bool{
					"connect.c":       {"SSL_CTX_new": true},
					"add":             {"server_context": true},
					"flush":           {"SSL_CTX_flush_sessions_ex": true},
					"/usr/sbin/nginx": {"setrlimit": true},
				},
				Shared: map[string]map[string]bool{"connect.c": {"server_context": true}},
			},
			{Line: line{name: "4.0", suite: "experimental", missing: "no root"}},
		},
	}
}

func TestMarkdown(t *testing.T) {
	got := strings.Split(sample().markdown(), "\n")
	for _, want := range []string{
		"| 1.1.1 | 1.1.1w | bullseye |  | plain | 1.18 | 2.2 |",
		"- OpenSSL 4.0 was not run: no root.",
		"- haproxy was not run on OpenSSL 1.1.1: Debian's 2.2 is built for libssl.so.3, not libssl.so.1.1.",
		"| `SSL_CTX_flush_sessions_ex` | FAIL flush † | – |",
		"| `SSL_CTX_new` | ok 1 | – |",
		"| `setrlimit` | FAIL nginx | – |",
		"| `signal` | not called | – |",
		"| add | ok / ok / ok | – / – / – |",
		"| flush | ok / FAIL / – | – / – / – |",
		"| lib_fork | ok / ok | – / – |",
		"| nginx reload: shared:tls:16m | ok / FAIL / – | – / – / – |",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no such line: %s", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

func TestFailures(t *testing.T) {
	if got := sample().failures(); got != 2 {
		t.Errorf("got %d", got)
	}
}
