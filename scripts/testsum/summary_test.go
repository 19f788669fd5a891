package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const mixed = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"output","Package":"p","Test":"TestA/two","Output":"    x_test.go:1: broken\n"}
{"Action":"fail","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    x_test.go:2: no such server\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestAlone"}
{"Action":"pass","Package":"p","Test":"TestAlone"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`

func TestSummarise_countsLeaves(t *testing.T) {
	var out strings.Builder
	rec := summarise("run", strings.NewReader(mixed), &out)
	if rec.Passed != 2 || rec.Failed != 1 || rec.Skipped != 1 {
		t.Errorf("got %+v", rec)
	}
	for _, want := range []string{"--- FAIL: run: p TestA/two", "x_test.go:1: broken", "no such server"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}

func TestSummarise_parentFailsAlone(t *testing.T) {
	events := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`
	rec := summarise("run", strings.NewReader(events), &strings.Builder{})
	if rec.Passed != 1 || rec.Failed != 1 {
		t.Errorf("got %+v", rec)
	}
}

func TestSummarise_unfinishedTestFails(t *testing.T) {
	events := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: timed out\n"}
{"Action":"fail","Package":"p"}
`
	rec := summarise("run", strings.NewReader(events), &strings.Builder{})
	if rec.Passed != 0 || rec.Failed != 1 {
		t.Errorf("got %+v", rec)
	}
}

func TestSummarise_brokenBuildFails(t *testing.T) {
	events := `{"ImportPath":"p [p.test]","Action":"build-output","Output":"./a.go:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}
`
	var out strings.Builder
	rec := summarise("run", strings.NewReader(events), &out)
	if rec.Failed != 1 || !strings.Contains(out.String(), "undefined: x") {
		t.Errorf("got %+v and\n%s", rec, out.String())
	}
}

func TestTotal_sumsRunsAndSetsStatus(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	var out strings.Builder
	arguments := func(words ...string) []string {
		return append([]string{"-results", results}, words...)
	}
	if status := mainStatus(arguments("check", "good", "true"), &out); status != 0 {
		t.Errorf("check true: status %d", status)
	}
	if status := mainStatus(arguments("total"), &out); status != 0 {
		t.Errorf("total: status %d", status)
	}
	if status := mainStatus(arguments("check", "bad", "false"), &out); status != 1 {
		t.Errorf("check false: status %d", status)
	}
	out.Reset()
	if status := mainStatus(arguments("total"), &out); status != 1 {
		t.Errorf("total: status %d", status)
	}
	if want := "failed: bad\n1 passed, 1 failed, 0 skipped\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
