package backend

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Server is a running server of one process. The methods that take a TB are for
// the goroutine of the test.
type Server struct {
	addr string
	path string
	args []string
	dir  string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd is gone
}

// newServer starts a program that is to listen at a port of loopback.
func newServer(t TB, path string, port int, dir string, args ...string) *Server {
	t.Helper()
	s := &Server{addr: local(port), path: path, args: args, dir: dir}
	t.Cleanup(func() {
		if failed, ok := t.(interface{ Failed() bool }); ok && failed.Failed() {
			t.Logf("%s at %s:\n%s", filepath.Base(path), s.addr, s.log())
		}
		s.kill()
	})
	s.start(t)
	return s
}

// Addr is host:port of the server, which stays the same over Restart.
func (s *Server) Addr() string {
	return s.addr
}

// Pid is the process's number.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Stop halts the process (SIGSTOP): its connections stay, and nobody answers.
func (s *Server) Stop(t TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
}

// Continue ends a Stop.
func (s *Server) Continue(t TB) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}

// Kill ends the process (SIGKILL) and waits until it is gone.
func (s *Server) Kill(t TB) {
	t.Helper()
	s.kill()
}

// Restart starts the server anew, empty, at its old address; it is killed first
// if it runs.
func (s *Server) Restart(t TB) {
	t.Helper()
	s.kill()
	s.start(t)
}

func (s *Server) signal(t TB, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.Pid(), sig); err != nil {
		t.Fatalf("sending %v to %s: %v", sig, s.path, err)
	}
}

func (s *Server) start(t TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "output.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(s.path, s.args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C"}
	cmd.Stdout = log
	cmd.Stderr = log
	// A group of its own, so that a Ctrl-C is the test's alone; gone with it all the same.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", s.path, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.mu.Lock()
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
	Eventually(t, func() bool {
		select {
		case <-exited:
			t.Fatalf("%s ended at its start:\n%s", s.path, s.log())
		default:
		}
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	}, s.path+" listens at "+s.addr)
}

func (s *Server) kill() {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-exited
}

// log is what the server has written.
func (s *Server) log() string {
	content, err := os.ReadFile(filepath.Join(s.dir, "output.log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// MemcachedServer is a running memcached.
type MemcachedServer struct {
	*Server
}

// Memcached starts a memcached with further arguments.
func Memcached(t TB, args ...string) *MemcachedServer {
	t.Helper()
	path := program(t, "memcached", "memcached")
	port := freePort(t)
	args = append([]string{"-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0", "-t", "1"}, args...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root")
	}
	return &MemcachedServer{newServer(t, path, port, t.TempDir(), args...)}
}

// URL is the address for a store.
func (m *MemcachedServer) URL() string {
	return m.URLVia(m.addr)
}

// URLVia is URL with another address in front, such as that of a Proxy.
func (m *MemcachedServer) URLVia(addr string) string {
	return "memcached://" + addr
}

// TTL is how long memcached still keeps a key, as it says itself.
func (m *MemcachedServer) TTL(t TB, key string) time.Duration {
	t.Helper()
	conn, err := net.DialTimeout("tcp", m.addr, patience)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = conn.Close() }()
	var seconds int
	if _, err := fmt.Fprintf(conn, "mg %s t\r\n", key); err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := fmt.Fscanf(conn, "HD t%d\r\n", &seconds); err != nil {
		t.Fatalf("memcached's answer about %s: %v", key, err)
	}
	return time.Duration(seconds) * time.Second
}
