package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

func TestProcess_turns(t *testing.T) {
	p, err := start(t.Context(), "/bin/sh", []string{"-c", "echo $BENCH_TURNS; echo pass; read x; echo b; echo c"}, nil)
	require.NoError(t, err)
	defer p.stop()
	output, ended, err := p.step()
	require.NoError(t, err)
	require.False(t, ended)
	require.Equal(t, "1\n", output)
	output, ended, err = p.step()
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, "b\nc\n", output)
}

// One that waits for its turn is ended with the others.
func TestProcess_stop(t *testing.T) {
	p, err := start(t.Context(), "/bin/sh", []string{"-c", "echo pass; read x"}, nil)
	require.NoError(t, err)
	_, ended, err := p.step()
	require.NoError(t, err)
	require.False(t, ended)
	p.stop()
	assert.NotNil(t, p.(*process).cmd.ProcessState)
}

// A program that dies between its turns tells why.
func TestProcess_dead(t *testing.T) {
	p, err := start(t.Context(), "/bin/sh", []string{"-c", "echo pass; echo the reason >&2; exit 3"}, nil)
	require.NoError(t, err)
	defer p.stop()
	_, _, err = p.step()
	require.NoError(t, err)
	_, _, err = p.step()
	require.ErrorContains(t, err, "the reason")
	require.ErrorContains(t, err, "exit status 3")
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
