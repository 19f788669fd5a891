package main

import (
	"context"
	"fmt"
	"io"
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
	"start":     {"processes"},
}

// runner runs programs. A test has its own start and now.
type runner struct {
	options
	start    func(ctx context.Context, program string, arguments, environment []string) (running, error)
	now      func() time.Time
	progress io.Writer
}

// read reads what the configuration's program printed on one side.
func (c configuration) read(output string, s side, round int) ([]measure.Measurement, error) {
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
	return measurements, nil
}

// turns runs configurations in rounds. In each round a configuration has all
// its sides by turns, and every second round in reverse order, so that none of
// them is always the first. No round is begun that would not end in time if it
// took what the round before did, but for the first.
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

// under is a side's program under way.
type under struct {
	side
	program running
	printed bool
}

// turn runs one round of a configuration: its sides run by turns, each until it
// passes the turn on or to its end.
func (r runner) turn(ctx context.Context, c configuration, round int) (all []measure.Measurement, err error) {
	var way []*under
	for _, s := range c.sides {
		library := ""
		if s.library {
			library = r.library
		}
		program, err := r.start(ctx, filepath.Join(r.programs, c.program), s.arguments, environment(library))
		if err != nil {
			return nil, err
		}
		defer program.stop()
		way = append(way, &under{side: s, program: program})
	}
	if round%2 == 1 {
		slices.Reverse(way)
	}
	for len(way) > 0 {
		var left []*under
		for _, u := range way {
			output, ended, err := u.program.step()
			if err != nil {
				return all, err
			}
			measurements, err := c.read(output, u.side, round)
			if err != nil {
				return all, err
			}
			all = append(all, measurements...)
			u.printed = u.printed || len(measurements) > 0
			switch {
			case !ended:
				left = append(left, u)
			case !u.printed:
				return all, fmt.Errorf("%s printed nothing", c.name())
			}
		}
		way = left
	}
	return all, nil
}
