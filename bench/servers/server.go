package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libsesscache/libsesscache/bench/rig"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// patience bounds the start and the stop of a server.
const patience = 20 * time.Second

// launch is what a server is started with.
type launch struct {
	side        side
	dir         string
	address     string
	says        string // text in the answer on a resumed connection
	children    int    // processes that the first one forks
	environment []string
	redis       *redis // nil: none
}

// launch prepares the start of one side's server, with the Redis it wants.
func (s *site) launch(o *Options, v side) (*launch, error) {
	dir, err := s.next()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	l := &launch{side: v, dir: dir, address: address,
		environment: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}}
	if v.settings == nil {
		return l, nil
	}
	l.environment = append(l.environment, "LD_PRELOAD="+o.Library, "SESSCACHE_STRICT=1",
		"SESSCACHE_STATS_FILE="+l.figures())
	for variable, value := range v.settings {
		l.environment = append(l.environment, variable+"="+value)
	}
	if v.store {
		if l.redis, err = startRedis(dir); err != nil {
			return nil, err
		}
		l.environment = append(l.environment, "SESSCACHE_STORE="+l.redis.url,
			"SESSCACHE_KEY_FILE="+s.sealingKey())
	}
	return l, nil
}

func (l *launch) figures() string {
	return filepath.Join(l.dir, "figures")
}

// server is a running server.
type server struct {
	*launch
	cmd    *exec.Cmd
	output *bytes.Buffer // may be read when ended is closed
	ended  chan struct{}
}

// start starts the server and waits until it answers.
func (l *launch) start(program string, args ...string) (*server, error) {
	v := &server{launch: l, cmd: exec.Command(program, args...), output: &bytes.Buffer{},
		ended: make(chan struct{})}
	v.cmd.Env = l.environment
	v.cmd.Dir = l.dir
	v.cmd.Stdout, v.cmd.Stderr = v.output, v.output
	// Ctrl-C reaches the whole foreground group; the server is stopped by us instead.
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := v.cmd.Start(); err != nil {
		l.redis.stop()
		return nil, err
	}
	go func() {
		_ = v.cmd.Wait()
		close(v.ended)
	}()
	if err := v.waitUntilUp(); err != nil {
		return nil, errors.Join(err, v.stop())
	}
	return v, nil
}

// waitUntilUp waits until every process runs and the port is open.
func (v *server) waitUntilUp() error {
	late := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if len(v.processes()) > v.children {
			if connection, err := net.Dial("tcp", v.address); err == nil {
				return connection.Close()
			}
		}
		select {
		case <-v.ended:
			return fmt.Errorf("%s ended at its start", v.cmd.Path)
		case <-late:
			return fmt.Errorf("%s did not start", v.cmd.Path)
		case <-tick.C:
		}
	}
}

// stop ends the server. Its error has what the server, the library or the
// dynamic loader wrote.
func (v *server) stop() error {
	defer v.redis.stop()
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	var failure error
	select {
	case <-v.ended:
	case <-time.After(patience):
		failure = fmt.Errorf("%s did not stop when told to, and was killed", v.cmd.Path)
	}
	_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL)
	<-v.ended
	// haproxy ends by the signal and says so; its other words are for the one who reads them.
	if text := strings.TrimSpace(v.output.String()); strings.Contains(text, "sesscache:") ||
		(failure == nil && !v.orderly()) {
		failure = errors.Join(failure, fmt.Errorf("%s (%v) said: %s", v.cmd.Path, v.cmd.ProcessState, text))
	}
	return failure
}

// orderly says whether the server ended as one does that is told to.
func (v *server) orderly() bool {
	status, _ := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	return code == 0 || code == 128+int(syscall.SIGTERM) || status.Signal() == syscall.SIGTERM
}

// processes is the first process and its children.
func (v *server) processes() []int {
	return rig.Processes(v.cmd.Process.Pid)
}

// witness tells by the library's own figures whether the side did what it is for.
func (v *server) witness(ctx context.Context) error {
	if v.side.did == nil {
		return nil
	}
	// What goes to a store is written behind the connections' backs.
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		figures, err := statfile.Read(v.figures())
		if err != nil {
			return err
		}
		if err = v.side.did(statfile.Sum(slices.Clip(figures))); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-deadline:
			return err
		case <-tick.C:
		}
	}
}
