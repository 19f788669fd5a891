package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// running is a program that runs by turns with others: bench_pass in bench/c.
type running interface {
	// step lets it run until it passes the turn on, or to its end, and returns
	// what it has printed meanwhile. After its end or an error it must not be
	// called again.
	step() (output string, ended bool, err error)
	// stop ends it, wherever it is.
	stop()
}

// longest is how long a program may be under way, with the turns of others; none
// comes near it.
const longest = 8 * time.Minute

// What a program prints to pass the turn on, and which variable tells it to.
const (
	passed    = "pass"
	takeTurns = "BENCH_TURNS=1"
)

// process is a program under way.
type process struct {
	cmd    *exec.Cmd
	name   string
	cancel context.CancelFunc
	turn   io.WriteCloser // a line for each turn but the first
	lines  *bufio.Scanner // what it prints
	stderr bytes.Buffer
}

// start makes a process, which begins with its first turn.
func start(ctx context.Context, program string, arguments, environment []string) (running, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	p := &process{cmd: exec.CommandContext(ctx, program, arguments...), cancel: cancel}
	p.name = program + " " + strings.Join(arguments, " ")
	p.cmd.Stderr, p.cmd.Env = &p.stderr, append(slices.Clone(environment), takeTurns)
	var err error
	if p.turn, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(stdout)
	return p, nil
}

// step is an error if the program left a message on standard error: the loader's
// that there is no such library, or the library's that it cannot work.
func (p *process) step() (output string, ended bool, err error) {
	if p.cmd.Process == nil {
		err = p.cmd.Start()
	} else {
		_, err = io.WriteString(p.turn, "\n")
	}
	for err == nil && p.lines.Scan() {
		if p.lines.Text() == passed {
			return output, false, nil
		}
		output += p.lines.Text() + "\n"
	}
	if p.cmd.Process != nil {
		// Why a program could not be given its turn, its end tells better.
		if endErr := p.cmd.Wait(); endErr != nil || err == nil {
			err = endErr
		}
	}
	if err == nil {
		err = p.lines.Err()
	}
	if err == nil && p.stderr.Len() > 0 {
		err = fmt.Errorf("it ended well, but with a message")
	}
	if err != nil {
		return "", true, fmt.Errorf("%s: %w\n%s", p.name, err, p.stderr.String())
	}
	return output, true, nil
}

func (p *process) stop() {
	p.cancel()
	if p.cmd.Process != nil && p.cmd.ProcessState == nil {
		_ = p.cmd.Wait() // it was killed
	}
}

// execute runs a program to its end and returns what it printed.
func execute(ctx context.Context, program string, arguments, environment []string) (string, error) {
	p, err := start(ctx, program, arguments, environment)
	if err != nil {
		return "", err
	}
	defer p.stop()
	var all strings.Builder
	for {
		output, ended, err := p.step()
		all.WriteString(output)
		if ended || err != nil {
			return all.String(), err
		}
	}
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
