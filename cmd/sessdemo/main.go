// Command sessdemo shows what libsesscache does for an unmodified nginx: it
// puts the same load on nginx alone and on nginx with the library preloaded,
// by turns, and prints one table with both beside each other.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options is the command line.
type options struct {
	library     string
	tlsload     string
	nginx       string
	workers     int
	rounds      int
	connections int
	clients     int
	resume      int
}

func main() {
	var o options
	flag.StringVar(&o.library, "library", "build/libsesscache.so", "the library to preload")
	flag.StringVar(&o.tlsload, "tlsload", "build/tools/tlsload", "the load generator")
	flag.StringVar(&o.nginx, "nginx", "nginx", "the server")
	flag.IntVar(&o.workers, "workers", 4, "worker processes of nginx")
	flag.IntVar(&o.rounds, "rounds", 5, "runs of each kind")
	flag.IntVar(&o.connections, "connections", 8000, "connections of each run")
	flag.IntVar(&o.clients, "clients", 8, "clients at once")
	flag.IntVar(&o.resume, "resume", 90, "share of connections that offer a session, in per cent")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sessdemo:", err)
		stop()
		os.Exit(1)
	}
}

// check finds what the demonstration needs; its error names what is missing and
// what brings it.
func (o *options) check() error {
	if flag.NArg() > 0 || o.workers < 1 || o.rounds < 1 || o.connections < 1 || o.clients < 1 ||
		o.resume < 0 || o.resume > 100 {
		return fmt.Errorf("an argument makes no sense; see %s -help", filepath.Base(os.Args[0]))
	}
	// Debian keeps servers where the PATH of a user does not look.
	path := os.Getenv("PATH") + ":/usr/sbin:/usr/local/sbin"
	if err := os.Setenv("PATH", path); err != nil {
		return err
	}
	nginx, err := exec.LookPath(o.nginx)
	if err != nil {
		return fmt.Errorf("%s is missing: install Debian's package nginx", o.nginx)
	}
	o.nginx = nginx
	for file, target := range map[*string]string{&o.library: "all", &o.tlsload: "tools"} {
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
		if _, err := os.Stat(*file); err != nil {
			return fmt.Errorf("%s is missing: run `make %s`", *file, target)
		}
	}
	return nil
}

// demo runs the load by turns, so that whatever else the machine does meanwhile
// meets both kinds alike, and prints the table.
func demo(ctx context.Context, o options, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	site, err := newSite()
	if err != nil {
		return err
	}
	defer site.remove()

	fmt.Fprintf(out, "nginx with %d workers (ssl_session_cache builtin, no tickets), %d clients, "+
		"TLS 1.2 and 1.3,\n%d connections a run, of which %d%% offer a session; runs of each kind: %d\n\n",
		o.workers, o.clients, o.connections, o.resume, o.rounds)
	began := time.Now()
	var stock, preloaded []measurement
	for round := range o.rounds {
		for _, kind := range []string{stockName, libraryName} {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", 2*round+len(stock)-len(preloaded)+1, 2*o.rounds, kind)
			m, err := measure(ctx, o, site, kind)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			if err != nil {
				return err
			}
			if kind == stockName {
				stock = append(stock, m)
			} else {
				preloaded = append(preloaded, m)
			}
		}
	}
	fmt.Fprintln(out)
	writeTable(out, stock, preloaded)
	fmt.Fprintf(out, "\n%s\nThe demonstration took %.0f s.\n", verdict(stock, preloaded),
		time.Since(began).Seconds())
	return nil
}
