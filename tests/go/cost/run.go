package cost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

// Counted is one operation of a run of the program tests/c/cost/cost.c.
type Counted struct {
	Operation string
	Times     uint64
	*Profile
}

// Each is how much of n one operation has.
func (c *Counted) Each(n uint64) float64 {
	return float64(n) / float64(c.Times)
}

// limit ends a run that hangs; one takes some seconds.
const limit = 5 * time.Minute

// unoperation is what the program calls a part that only prepares one.
const unoperation = "-"

// Count runs the program under valgrind, with more in its environment, and
// returns what it did, by operation. It writes into directory.
func Count(valgrind, directory string, env []string, program string, args ...string) (map[string]*Counted, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, valgrind, append([]string{
		"-q", "--tool=callgrind", "--separate-threads=yes", "--dump-before=cost_mark",
		"--callgrind-out-file=" + filepath.Join(directory, "%p"), program}, args...)...)
	// valgrind says that there is rdtscp where the processor has none, and fails.
	cmd.Env = append(append(conformance.PlainEnvironment(), "GODEBUG=cpu.rdtscp=off"), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := errors.Join(cmd.Run(), ctx.Err()); err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	operations := map[string]*Counted{}
	for i, line := range strings.Split(strings.TrimSpace(stdout.String()), "\n") {
		name, times, _ := strings.Cut(line, " ")
		if name == unoperation {
			continue
		}
		n, err := strconv.ParseUint(times, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		profile, err := readPart(directory, i+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		operations[name] = &Counted{name, n, profile}
	}
	return operations, nil
}

// readPart reads what valgrind wrote of the n-th part of the one process that has
// parts. There is one file of each, of the thread that called cost_mark.
func readPart(directory string, n int) (*Profile, error) {
	pattern := filepath.Join(directory, fmt.Sprintf("*.%d-*", n))
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("%d files are called %s, not one", len(files), pattern)
	}
	file, err := os.Open(files[0])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	profile, err := ParseProfile(file)
	if err == nil && profile.Part != n {
		err = fmt.Errorf("%s is part %d", files[0], profile.Part)
	}
	return profile, err
}
