package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// side is one of the rivals: how a program is told to be it.
type side struct {
	name      string
	library   bool
	arguments []string
}

// configuration is a C program that runs on several sides in turn.
type configuration struct {
	program string
	rounds  int
	sides   []side
}

// both is a configuration that differs in the library only.
func both(program string, rounds int, arguments ...string) configuration {
	return configuration{program, rounds, []side{
		{measure.Stock, false, arguments}, {measure.Library, true, arguments},
	}}
}

// name is what -only is matched against.
func (c configuration) name() string {
	return c.program + " " + strings.Join(c.sides[0].arguments, " ")
}

// parameters are the fields in the output of each program that say what was
// run, and not what came of it.
var parameters = map[string][]string{
	"ops":       {"op", "threads", "sessions", "timeouts"},
	"flush":     {"sessions", "expired", "memory"},
	"handshake": {"protocol", "cache", "threads", "sessions"},
	"memory":    {"sessions", "timeouts"},
}

// runner runs programs. A test has its own execute and now.
type runner struct {
	options
	execute  func(ctx context.Context, program string, arguments, environment []string) (string, error)
	now      func() time.Time
	progress io.Writer
}

// longest is how long a program may run; none comes near it.
const longest = 4 * time.Minute

// execute runs a program to its end and returns its standard output. A message
// on standard error is a fault: the loader's that there is no such library, or
// the library's that it cannot work.
func execute(ctx context.Context, program string, arguments, environment []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, arguments...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, environment
	err := cmd.Run()
	if err == nil && stderr.Len() > 0 {
		err = fmt.Errorf("it ended well, but with a message")
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// environment is that of this process without what changes the library or the
// loader, and with the library in front if that is wanted.
func environment(library string) []string {
	entries := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "SESSCACHE_") || strings.HasPrefix(entry, "LD_")
	})
	if library != "" {
		entries = append(entries, "LD_PRELOAD="+library)
	}
	return entries
}

// once runs a program on one side.
func (r runner) once(ctx context.Context, c configuration, s side, round int) ([]measure.Measurement, error) {
	library := ""
	if s.library {
		library = r.library
	}
	output, err := r.execute(ctx, filepath.Join(r.programs, c.program), s.arguments, environment(library))
	if err != nil {
		return nil, err
	}
	var measurements []measure.Measurement
	for line := range strings.Lines(output) {
		m, err := measure.FromLine([]byte(strings.TrimSuffix(line, "\n")), parameters[c.program]...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(), err)
		}
		// That of the server's cache is told by the side.
		delete(m.Params, "cache")
		m.Side, m.Round = s.name, round
		measurements = append(measurements, m)
	}
	if len(measurements) == 0 {
		return nil, fmt.Errorf("%s printed nothing", c.name())
	}
	return measurements, nil
}

// turns runs configurations in rounds. In each round a configuration has all
// its sides, one after the other, and every second round in reverse order, so
// that none of them is always the first. No round is begun that would not end
// in time if it took what the round before did, but for the first.
func (r runner) turns(ctx context.Context, within time.Duration, configurations []configuration) ([]measure.Measurement, error) {
	wanted := slices.DeleteFunc(slices.Clone(configurations), func(c configuration) bool {
		return !r.wants(c.name())
	})
	var all []measure.Measurement
	lasted := map[string]time.Duration{} // each configuration in the round before
	begun := r.now()
	for round := 0; ; round++ {
		due := slices.DeleteFunc(slices.Clone(wanted), func(c configuration) bool { return round >= c.rounds })
		expected := r.now().Sub(begun)
		for _, c := range due {
			expected += lasted[c.name()]
		}
		if len(due) == 0 || round > 0 && expected > within {
			return all, nil
		}
		for i, c := range due {
			fmt.Fprintf(r.progress, "round %d, %d of %d: %s\n", round+1, i+1, len(due), c.name())
			configurationBegun := r.now()
			measurements, err := r.turn(ctx, c, round)
			all = append(all, measurements...)
			if err != nil {
				return all, err
			}
			lasted[c.name()] = r.now().Sub(configurationBegun)
		}
	}
}

// turn runs one round of a configuration.
func (r runner) turn(ctx context.Context, c configuration, round int) ([]measure.Measurement, error) {
	sides := slices.Clone(c.sides)
	if round%2 == 1 {
		slices.Reverse(sides)
	}
	var all []measure.Measurement
	for _, s := range sides {
		measurements, err := r.once(ctx, c, s, round)
		if err != nil {
			return all, err
		}
		all = append(all, measurements...)
	}
	return all, nil
}
