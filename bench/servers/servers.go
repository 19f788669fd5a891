// Package servers measures whole servers, unmodified nginx and haproxy, with
// the session caches they bring along and with libsesscache, under load on
// loopback; and what a server of several processes needs of memory for the
// sessions it caches.
//
// The load comes from tools/tlsload. A closed loop, whose clients begin a
// connection when the last has ended, gives the capacity: resumed handshakes a
// second. An open loop, whose arrivals are fixed in advance at the same rate
// for all sides, gives the latency that clients see. Client and server share
// the processors of one machine, so both are noisy where there are few; the
// processor time that the server itself spends on a handshake is the least so.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// Options say what is measured, with what, and for how long.
type Options struct {
	Quick    bool   // less of everything: half a minute in place of five
	Library  string // libsesscache.so
	Tlsload  string // the load generator
	Programs string // directory with the programs of bench/c
	// Rounds of each side; 0: 2, or 1 if Quick.
	Rounds int
	// Turns of each side in a round; 0: 6, or 1 if Quick.
	Turns int
	// Seconds of each load; 0: 0.6, or 0.5 if Quick.
	Seconds float64
	// Used is how many sessions a server has given out before it is measured, at least;
	// 0: 10,000, or 500 if Quick.
	Used int
	// Sessions whose memory is measured; 0: a million, or 20,000 if Quick.
	Sessions int
	// Only are the names of the parts to run, out of Parts; empty: all.
	Only []string
	// Log is told what begins; nil: nobody is.
	Log func(format string, args ...any)
}

// memoryPart is the name of the part about memory; the other parts are configurations.
const memoryPart = "memory"

// Parts are the names of what Run measures, in this order.
func Parts() []string {
	var names []string
	for _, c := range configurations() {
		names = append(names, c.name)
	}
	return append(names, memoryPart)
}

// complete fills in what is zero, and finds the programs.
func (o *Options) complete() error {
	rounds, turns, seconds, used, sessions := 2, 6, 0.6, 10_000, 1_000_000
	if o.Quick {
		rounds, turns, seconds, used, sessions = 1, 1, 0.5, 500, 20_000
	}
	if o.Rounds == 0 {
		o.Rounds = rounds
	}
	if o.Turns == 0 {
		o.Turns = turns
	}
	if o.Seconds == 0 {
		o.Seconds = seconds
	}
	if o.Used == 0 {
		o.Used = used
	}
	if o.Sessions == 0 {
		o.Sessions = sessions
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	for _, name := range o.Only {
		if !slices.Contains(Parts(), name) {
			return fmt.Errorf("no part %q; there are %q", name, Parts())
		}
	}
	files := []*string{&o.Library, &o.Tlsload}
	if o.wants(memoryPart) {
		files = append(files, &o.Programs)
	}
	for _, file := range files {
		absolute, err := filepath.Abs(*file)
		if err != nil {
			return err
		}
		if _, err := os.Stat(absolute); err != nil {
			return fmt.Errorf("missing: %w", err)
		}
		*file = absolute
	}
	return nil
}

// wants says whether a part is to run.
func (o *Options) wants(part string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, part)
}

// Run measures all parts, one after the other. It returns what it has together
// with the error that ended it. A failed handshake is an error, and so is a
// side that does not do what its name says.
func Run(ctx context.Context, o Options) ([]measure.Measurement, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	site, err := newSite()
	if err != nil {
		return nil, err
	}
	defer site.remove()

	var all []measure.Measurement
	for _, c := range configurations() {
		if !o.wants(c.name) {
			continue
		}
		some, err := c.run(ctx, &o, site)
		all = append(all, some...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if o.wants(memoryPart) {
		some, err := runMemory(ctx, &o, site)
		all = append(all, some...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", memoryPart, err)
		}
	}
	return all, nil
}

// find is the path of a server. Debian keeps them where the PATH of a user does
// not look.
func find(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH") + ":/usr/sbin:/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is missing: it comes with Debian's package of that name", name)
}

// errInterrupted is why a run ended whose context was cancelled.
var errInterrupted = errors.New("interrupted")
