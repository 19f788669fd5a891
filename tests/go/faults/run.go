// Package faults runs the programs of tests/c/stress and tests/c/faults: many
// threads, signals, children, and what a process may run out of.
package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

// Result is what a run left behind.
type Result struct {
	Stdout, Stderr string
	// Err is nil if the program ended with status 0 in time.
	Err error
}

// Run runs a program for at most limit, with more in the environment. The
// environment of the test is passed on without what would change the outcome.
func Run(limit time.Duration, more []string, program string, args ...string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(conformance.PlainEnvironment(), more...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A child that the program left behind may hold the pipes; do not wait for it.
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("still running after %v", limit))
	}
	return Result{stdout.String(), stderr.String(), err}
}
