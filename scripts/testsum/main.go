// Command testsum runs the test commands of `make test` one by one, keeps their
// results in a file, and sums them up.
//
//	testsum -results FILE run NAME COMMAND...    COMMAND is a `go test -json`
//	testsum -results FILE check NAME COMMAND...  COMMAND is one test by itself
//	testsum -results FILE total                  the last line and the exit status
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// record is the result of one run, a line of the results file.
type record struct {
	Name     string
	Passed   int
	Failed   int
	Skipped  int
	Failures []string
}

func main() {
	os.Exit(mainStatus(os.Args[1:], os.Stdout))
}

// mainStatus is main with its arguments, its output and its exit status.
func mainStatus(arguments []string, out io.Writer) int {
	flags := flag.NewFlagSet("testsum", flag.ContinueOnError)
	results := flags.String("results", "", "the file that collects the results")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	rest := flags.Args()
	var rec record
	var err error
	switch {
	case *results == "" || len(rest) == 0:
		err = errors.New("usage: testsum -results FILE run|check|total [NAME COMMAND...]")
	case rest[0] == "total" && len(rest) == 1:
		return total(*results, out)
	case rest[0] == "run" && len(rest) > 2:
		rec, err = run(rest[1], rest[2:], out)
	case rest[0] == "check" && len(rest) > 2:
		rec = check(rest[1], rest[2:], out)
	default:
		err = fmt.Errorf("testsum: %q is not a command, or lacks arguments", rest[0])
	}
	if err == nil {
		err = appendRecord(*results, rec)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if rec.Failed > 0 {
		return 1
	}
	return 0
}

// check runs a command that is one test: it passes when its status is 0. Its
// output is shown when it fails.
func check(name string, command []string, out io.Writer) record {
	began := time.Now()
	output, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	rec := record{Name: name}
	verdict := "ok"
	if err != nil {
		rec.Failed, rec.Failures, verdict = 1, []string{name}, "FAIL"
		fmt.Fprintf(out, "--- FAIL: %s: %v\n%s\n", name, err, output)
	} else {
		rec.Passed = 1
	}
	fmt.Fprintf(out, "%-5s %-60s %6.1fs\n", verdict, name, time.Since(began).Seconds())
	return rec
}

// run runs a `go test -json` command, prints the output of the tests that fail
// and a line per package.
func run(name string, command []string, out io.Writer) (record, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = out
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return record{}, err
	}
	if err := cmd.Start(); err != nil {
		return record{}, err
	}
	rec := summarise(name, stdout, out)
	if err := cmd.Wait(); err != nil && rec.Failed == 0 {
		fmt.Fprintf(out, "--- FAIL: %s: %v\n", name, err)
		rec.Failed++
		rec.Failures = append(rec.Failures, name+": "+err.Error())
	}
	return rec, nil
}

func appendRecord(path string, rec record) error {
	line, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// total prints the names of what failed and, as the last line, the sum of all
// runs; it returns the exit status.
func total(path string, out io.Writer) int {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer file.Close()
	var sum record
	for decoder := json.NewDecoder(file); ; {
		var rec record
		if err := decoder.Decode(&rec); err == io.EOF {
			break
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		sum.Passed += rec.Passed
		sum.Failed += rec.Failed
		sum.Skipped += rec.Skipped
		sum.Failures = append(sum.Failures, rec.Failures...)
	}
	for _, failure := range sum.Failures {
		fmt.Fprintln(out, "failed:", failure)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", sum.Passed, sum.Failed, sum.Skipped)
	if sum.Failed > 0 || sum.Passed == 0 {
		return 1
	}
	return 0
}
