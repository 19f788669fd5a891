// Command run is the benchmark behind `make bench`: it runs the same programs
// and servers by turns on stock libssl and with libsesscache in front, prints
// tables with both beside each other, and writes results, plots and the tables
// of docs/PERFORMANCE.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// options is the command line.
type options struct {
	quick    bool
	library  string
	programs string
	tlsload  string
	only     *regexp.Regexp
}

func main() {
	var o options
	var only string
	flag.BoolVar(&o.quick, "quick", false, "two minutes instead of fifteen; results go to build/bench")
	flag.StringVar(&o.library, "library", "build/libsesscache.so", "the library to preload")
	flag.StringVar(&o.programs, "programs", "build/bench", "directory of the C programs")
	flag.StringVar(&o.tlsload, "tlsload", "build/tools/tlsload", "the load generator for servers")
	flag.StringVar(&only, "only", "", "run what matches this `regexp`, such as 'ops 1 20000'; results go to build/bench")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.check(only)
	if err == nil {
		err = bench(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// check looks whether what the benchmark needs is there.
func (o *options) check(only string) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no option; see %s -help", flag.Arg(0), filepath.Base(os.Args[0]))
	}
	if only != "" {
		var err error
		if o.only, err = regexp.Compile(only); err != nil {
			return err
		}
	}
	for _, file := range []*string{&o.library, &o.programs, &o.tlsload} {
		var err error
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
		if _, err := os.Stat(*file); err != nil {
			return fmt.Errorf("%s is missing: run `make bench`", *file)
		}
	}
	return nil
}

// partial tells whether this run is no whole one, whose results would be kept.
func (o options) partial() bool { return o.quick || o.only != nil }

// wants tells whether -only lets a configuration through.
func (o options) wants(name string) bool { return o.only == nil || o.only.MatchString(name) }

// bench runs all suites. What one of them gave is written even if a later one fails.
func bench(ctx context.Context, o options, out io.Writer) error {
	begun := time.Now()
	m, err := describeMachine()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, m.table().text())
	w, err := newWriter(o.partial(), m)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range suites {
		if ctx.Err() != nil {
			break
		}
		suiteBegun := time.Now()
		measurements, err := s.run(ctx, runner{options: o, start: start, now: time.Now, progress: os.Stderr})
		failed = errors.Join(failed, err)
		if len(measurements) == 0 {
			continue
		}
		comparisons := s.compare(measurements)
		for _, t := range s.tables(comparisons) {
			fmt.Fprintf(out, "%s\n%s\n", t.title, t.text())
		}
		if err := w.add(s, measurements, comparisons); err != nil {
			return errors.Join(failed, err)
		}
		fmt.Fprintf(out, "%s took %.0f s.\n\n", s.name, time.Since(suiteBegun).Seconds())
	}
	fmt.Fprintf(out, "%s\n%s\n", "Targets", targetTable(w.all).text())
	if failed = errors.Join(failed, ctx.Err()); failed != nil {
		return failed
	}
	if err := w.finish(); err != nil {
		return err
	}
	fmt.Fprintf(out, "The benchmark took %.0f s. Written: %s\n", time.Since(begun).Seconds(),
		strings.Join(w.written, ", "))
	return nil
}
