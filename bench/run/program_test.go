package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded is a runner whose programs only note each turn that they had, "library"
// or "stock" and the arguments: how many seconds they take, and, if they do, how
// often they pass the turn on.
func recorded(only string, ran *[]string) runner {
	now := time.Unix(0, 0)
	r := runner{options: options{library: "/lib.so", programs: "/programs"}, progress: io.Discard}
	r.now = func() time.Time { return now }
	if only != "" {
		r.only = regexp.MustCompile(only)
	}
	r.start = func(_ context.Context, program string, arguments, environment []string) (running, error) {
		p := &recording{ran: ran, name: measure.Stock + " " + strings.Join(arguments, " "), sessions: arguments[0]}
		if slices.Contains(environment, "LD_PRELOAD=/lib.so") {
			p.name = measure.Library + " " + strings.Join(arguments, " ")
		}
		if len(arguments) > 1 {
			p.passes = len(arguments[1])
		}
		seconds, err := strconv.Atoi(arguments[0])
		now = now.Add(time.Duration(seconds) * time.Second)
		return p, err
	}
	return r
}

type recording struct {
	ran            *[]string
	name, sessions string
	passes         int
	fails          error
}

func (p *recording) step() (string, bool, error) {
	if p.fails != nil {
		return "", true, p.fails
	}
	*p.ran = append(*p.ran, p.name)
	if p.passes > 0 {
		p.passes--
		return "", false, nil
	}
	return fmt.Sprintf(`{"bench":"memory","sessions":%s,"timeouts":"equal","session_bytes":%d}`+"\n",
		p.sessions, len(*p.ran)), true, nil
}

func (p *recording) stop() {}

// Those that pass the turn on run by turns, until each has ended.
func TestRunner_turnsPassed(t *testing.T) {
	var ran []string
	measurements, err := recorded("", &ran).turns(t.Context(), time.Hour, []configuration{{"memory", 1, []side{
		{measure.Stock, false, []string{"1", "xx"}}, {measure.Library, true, []string{"2", "x"}},
	}}})
	require.NoError(t, err)
	assert.Equal(t, []string{"stock 1 xx", "library 2 x", "stock 1 xx", "library 2 x", "stock 1 xx"}, ran)
	require.Len(t, measurements, 2)
	assert.Equal(t, measure.Library, measurements[0].Side)
	assert.Equal(t, measure.Stock, measurements[1].Side)
}

func TestRunner_turns(t *testing.T) {
	var ran []string
	measurements, err := recorded("", &ran).turns(t.Context(), time.Hour,
		[]configuration{both("memory", 3, "1"), both("memory", 2, "2")})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"stock 1", "library 1", "stock 2", "library 2",
		"library 1", "stock 1", "library 2", "stock 2",
		"stock 1", "library 1",
	}, ran)
	require.Len(t, measurements, len(ran))
	last := measurements[len(measurements)-1]
	assert.Equal(t, measure.Measurement{
		Bench: "memory", Params: map[string]any{"sessions": 1.0, "timeouts": "equal"},
		Side: measure.Library, Round: 2, Values: map[string]float64{"session_bytes": 10},
	}, last)
}

// The first round is always whole; another one is not begun without time for it.
func TestRunner_turnsWithin(t *testing.T) {
	slow, quick := both("memory", 1, "100"), both("memory", 9, "5")
	for within, runs := range map[time.Duration]int{0: 4, 219 * time.Second: 4, 220 * time.Second: 6, 239 * time.Second: 8} {
		var ran []string
		_, err := recorded("", &ran).turns(t.Context(), within, []configuration{slow, quick})
		require.NoError(t, err)
		assert.Len(t, ran, runs, "within %v", within)
	}
}

func TestRunner_turnsOnly(t *testing.T) {
	var ran []string
	_, err := recorded("^memory 2$", &ran).turns(t.Context(), time.Hour,
		[]configuration{both("memory", 1, "1"), both("memory", 1, "2")})
	require.NoError(t, err)
	assert.Equal(t, []string{"stock 2", "library 2"}, ran)
}

// What was measured before a fault is kept.
func TestRunner_turnsFault(t *testing.T) {
	var ran []string
	r := recorded("", &ran)
	start, fault := r.start, errors.New("fault")
	r.start = func(ctx context.Context, program string, arguments, environment []string) (running, error) {
		p, err := start(ctx, program, arguments, environment)
		if len(ran) == 2 && environment[len(environment)-1] != "LD_PRELOAD=/lib.so" {
			p.(*recording).fails = fault
		}
		return p, err
	}
	measurements, err := r.turns(t.Context(), time.Hour, []configuration{both("memory", 2, "1")})
	require.ErrorIs(t, err, fault)
	assert.Len(t, measurements, 3)
}

func TestInOrder(t *testing.T) {
	m := func(sessions int, side string, round int) measure.Measurement {
		return measure.Measurement{Bench: "x", Params: map[string]any{"sessions": sessions}, Side: side, Round: round}
	}
	assert.Equal(t, []measure.Measurement{m(2, "library", 0), m(2, "stock", 0), m(2, "stock", 1), m(1, "stock", 0)},
		inOrder([]measure.Measurement{m(2, "stock", 1), m(1, "stock", 0), m(2, "stock", 0), m(2, "library", 0)}))
}
