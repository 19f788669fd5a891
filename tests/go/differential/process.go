// Package differential gives random sequences of calls to the program
// build/tests/fuzz/drive, on stock libssl and with the library in front, and
// compares what it prints. tests/fuzz/drive.c says what an input is.
package differential

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/libsesscache/libsesscache/tests/go/conformance"
)

// limit ends a process that does not answer; its own alarm should come first.
const limit = time.Minute

// tail is the end of what a process said on stderr.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the last bytes.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - 4096; extra > 0 {
		t.text = t.text[extra:]
	}
	return len(p), nil
}

// String returns them.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// Side is one of the ways to run the driver: stock, or with the library.
type Side struct {
	Name string
	// Env is the environment of its processes.
	Env []string

	program string
	process *process
}

type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

// NewSide makes a side without a process; Run starts one when it needs one.
func NewSide(name, program string, env ...string) *Side {
	return &Side{Name: name, Env: append(conformance.PlainEnvironment(), env...), program: program}
}

func (s *Side) start() error {
	cmd := exec.Command(s.program)
	cmd.Env = s.Env
	stderr := &tail{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.process = &process{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<16), stderr: stderr}
	return nil
}

// Run returns the transcript of an input. If the process ends or does not
// answer, the transcript ends with a line that says so, and the next Run starts
// another process.
func (s *Side) Run(input []byte) ([]string, error) {
	if s.process == nil {
		if err := s.start(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.program, err)
		}
	}
	p := s.process
	timer := time.AfterFunc(limit, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	lines, err := p.exchange(input)
	if err != nil {
		lines = append(lines, s.end(err))
	}
	return lines, nil
}

// exchange sends an input after its length and reads its transcript.
func (p *process) exchange(input []byte) ([]string, error) {
	message := binary.LittleEndian.AppendUint32(nil, uint32(len(input)))
	// That the process has ended is seen by the reader below.
	go p.in.Write(append(message, input...))
	var lines []string
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return lines, err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "== end" {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// end says how a process ended in the middle of a transcript.
func (s *Side) end(cause error) string {
	p := s.process
	s.process = nil
	p.in.Close()
	err := p.cmd.Wait()
	if err == nil && !errors.Is(cause, io.EOF) {
		err = cause
	}
	return fmt.Sprintf("the process ended: %v\n%s", err, p.stderr)
}

// Close ends the side's process.
func (s *Side) Close() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	p.in.Close()
	return p.cmd.Wait()
}
