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

// recorded is a runner whose programs only note that they ran, "library" or
// "stock" and the argument, which is how many seconds they take.
func recorded(only string, ran *[]string) runner {
	now := time.Unix(0, 0)
	r := runner{options: options{library: "/lib.so", programs: "/programs"}, progress: io.Discard}
	r.now = func() time.Time { return now }
	if only != "" {
		r.only = regexp.MustCompile(only)
	}
	r.execute = func(_ context.Context, program string, arguments, environment []string) (string, error) {
		side := measure.Stock
		if slices.Contains(environment, "LD_PRELOAD=/lib.so") {
			side = measure.Library
		}
		*ran = append(*ran, side+" "+strings.Join(arguments, " "))
		seconds, err := strconv.Atoi(arguments[0])
		now = now.Add(time.Duration(seconds) * time.Second)
		return fmt.Sprintf(`{"bench":"memory","sessions":%s,"timeouts":"equal","session_bytes":%d}`+"\n",
			arguments[0], len(*ran)), err
	}
	return r
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
	execute, fault := r.execute, errors.New("fault")
	r.execute = func(ctx context.Context, program string, arguments, environment []string) (string, error) {
		if len(ran) == 3 {
			return "", fault
		}
		return execute(ctx, program, arguments, environment)
	}
	measurements, err := r.turns(t.Context(), time.Hour, []configuration{both("memory", 2, "1")})
	require.ErrorIs(t, err, fault)
	assert.Len(t, measurements, 3)
}

// A program of the library's side that complains may have run without the library.
func TestExecute(t *testing.T) {
	output, err := execute(t.Context(), "/bin/sh", []string{"-c", "echo $A"}, []string{"A=b"})
	require.NoError(t, err)
	assert.Equal(t, "b\n", output)
	_, err = execute(t.Context(), "/bin/sh", []string{"-c", "echo a message >&2"}, nil)
	assert.ErrorContains(t, err, "a message")
	_, err = execute(t.Context(), "/bin/sh", []string{"-c", "exit 1"}, nil)
	assert.Error(t, err)
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SESSCACHE_MODE", "takeover")
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("BENCH_TEST", "kept")
	for _, entry := range environment("") {
		assert.NotRegexp(t, "^(SESSCACHE_|LD_)", entry)
	}
	assert.Contains(t, environment("/lib.so"), "LD_PRELOAD=/lib.so")
	assert.Contains(t, environment("/lib.so"), "BENCH_TEST=kept")
}

func TestInOrder(t *testing.T) {
	m := func(sessions int, side string, round int) measure.Measurement {
		return measure.Measurement{Bench: "x", Params: map[string]any{"sessions": sessions}, Side: side, Round: round}
	}
	assert.Equal(t, []measure.Measurement{m(2, "library", 0), m(2, "stock", 0), m(2, "stock", 1), m(1, "stock", 0)},
		inOrder([]measure.Measurement{m(2, "stock", 1), m(1, "stock", 0), m(2, "stock", 0), m(2, "library", 0)}))
}
