package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libsesscache/libsesscache/bench/rig"
)

// patience bounds the start and the stop of nginx.
const patience = 10 * time.Second

// site is a directory with the certificate that all runs share.
type site struct {
	dir string
}

func newSite() (*site, error) {
	dir, err := os.MkdirTemp("", "sessdemo-")
	if err != nil {
		return nil, err
	}
	s := &site{dir}
	// The workers run as another user and have to pass through.
	if err = os.Chmod(dir, 0o755); err == nil {
		err = rig.WriteCertificate(s.file("server.pem"))
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *site) remove() {
	_ = os.RemoveAll(s.dir)
}

func (s *site) file(name string) string {
	return filepath.Join(s.dir, name)
}

// writeConfig writes nginx's configuration, the same for both kinds of run but
// for the port.
func (s *site) writeConfig(port, workers int) error {
	user := ""
	if os.Geteuid() == 0 {
		user = "user www-data;"
	}
	paths := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("    %s_temp_path %s;\n", kind, s.file(kind))
	}
	config := fmt.Sprintf(`%s
daemon off;
worker_processes %d;
pid %s;
error_log %s warn;
events { worker_connections 1024; }
http {
    access_log off;
%s
    server {
        listen 127.0.0.1:%d ssl;
        ssl_certificate %[7]s;
        ssl_certificate_key %[7]s;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets off;
        ssl_session_cache builtin:20480;
        ssl_session_timeout 1h;
        return 200 "reused=$ssl_session_reused;";
    }
}
`, user, workers, s.file("nginx.pid"), s.file("error.log"), paths, port, s.file("server.pem"))
	return os.WriteFile(s.file("nginx.conf"), []byte(config), 0o644)
}

// server is a running nginx.
type server struct {
	cmd     *exec.Cmd
	output  *bytes.Buffer
	ended   chan struct{}
	address string
}

// start starts nginx with more environment variables and waits until it answers.
func (s *site) start(ctx context.Context, nginx string, workers int, environment ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := s.writeConfig(port, workers); err != nil {
		return nil, err
	}
	v := &server{
		cmd:     exec.Command(nginx, "-p", s.dir, "-c", s.file("nginx.conf"), "-e", s.file("error.log")),
		output:  &bytes.Buffer{},
		ended:   make(chan struct{}),
		address: fmt.Sprintf("127.0.0.1:%d", port),
	}
	v.cmd.Env = append(os.Environ(), environment...)
	v.cmd.Stdout, v.cmd.Stderr = v.output, v.output
	// Ctrl-C reaches the whole foreground group; nginx is stopped by us instead.
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = v.cmd.Wait()
		close(v.ended)
	}()
	if err := v.waitUntilUp(ctx, workers); err != nil {
		_ = v.stop()
		return nil, err
	}
	return v, nil
}

// waitUntilUp waits until every worker runs and the port is open.
func (v *server) waitUntilUp(ctx context.Context, workers int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if len(v.processes()) > workers {
			if connection, err := net.Dial("tcp", v.address); err == nil {
				return connection.Close()
			}
		}
		select {
		case <-v.ended:
			return fmt.Errorf("nginx ended at its start: %s", strings.TrimSpace(v.output.String()))
		case <-ctx.Done():
			return fmt.Errorf("nginx did not start: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// stop ends nginx in an orderly way.
func (v *server) stop() error {
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-v.ended:
	case <-time.After(patience):
		_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL)
		<-v.ended
		return errors.New("nginx did not stop when told to, and was killed")
	}
	if state := v.cmd.ProcessState; !state.Success() {
		return fmt.Errorf("nginx ended with %v", state)
	}
	return nil
}

// said is what nginx, or the dynamic loader, wrote to standard error before it
// ended; nil if that is nothing.
func (v *server) said() error {
	if text := strings.TrimSpace(v.output.String()); text != "" {
		return fmt.Errorf("nginx said: %s", text)
	}
	return nil
}

// processes is the master and its workers.
func (v *server) processes() []int {
	return rig.Processes(v.cmd.Process.Pid)
}

// cpu is the processor time that all processes of nginx have used.
func (v *server) cpu() (time.Duration, error) {
	// The kernel counts in hundredths of a second here, whatever its own tick is.
	const tick = 10 * time.Millisecond
	var sum time.Duration
	for _, pid := range v.processes() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The name in parentheses may hold anything; the 12th and 13th fields after it count.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
		}
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ticks) * tick
		}
	}
	return sum, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
