package servers

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running server, with its children in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	dir    string
	log    string        // standard output and error
	exited chan struct{} // closed when the main process is gone
}

// start runs a program in the foreground. It is stopped, whatever happens, when the test ends.
func (l *launch) start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{
		cmd:    exec.Command(program, args...),
		dir:    l.dir,
		log:    filepath.Join(l.dir, "output.log"),
		exited: make(chan struct{}),
	}
	log, err := os.Create(p.log)
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	p.cmd.Env = l.environment(t)
	p.cmd.Dir = l.dir
	p.cmd.Stdout = log
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s, %s:\n%s", program, l.mode, p.logs())
		}
		// The group outlives its leader when a server leaves workers behind.
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
	})
	return p
}

// listening waits until the server takes connections at address.
func (p *process) listening(t *testing.T, address string) {
	t.Helper()
	eventually(t, func() bool {
		if p.gone() {
			require.FailNow(t, "the server ended at its start", "%s", p.status())
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	}, "the server listens at "+address)
}

// signal sends a signal to the main process.
func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
}

// stop sends the signal of an orderly stop and waits until the whole group is gone.
func (p *process) stop(t *testing.T, sig syscall.Signal) {
	t.Helper()
	p.signal(t, sig)
	p.ended(t)
}

// ended waits until the whole group is gone.
func (p *process) ended(t *testing.T) {
	t.Helper()
	eventually(t, p.gone, "the server ends")
	eventually(t, func() bool {
		return syscall.Kill(-p.cmd.Process.Pid, 0) == syscall.ESRCH
	}, "the server's children end")
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// status is how the main process ended: "exit status 0", "signal: terminated".
func (p *process) status() string {
	<-p.exited
	return p.cmd.ProcessState.String()
}

// children are the pids of the main process's children.
func (p *process) children(t *testing.T) []int {
	t.Helper()
	pid := p.cmd.Process.Pid
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	var pids []int
	for _, field := range strings.Fields(string(content)) {
		child, err := strconv.Atoi(field)
		require.NoError(t, err)
		pids = append(pids, child)
	}
	return pids
}

// logs is the text of all log files of the server.
func (p *process) logs() string {
	var all bytes.Buffer
	files, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// The end of a long log is what matters.
		if len(content) > 1<<20 {
			content = content[len(content)-1<<20:]
		}
		fmt.Fprintf(&all, "--- %s\n%s\n", filepath.Base(file), content)
	}
	return all.String()
}

// What a crash leaves in a log: of C, of Go, of the master that found its worker dead.
var crash = regexp.MustCompile(`(?i)segmentation fault|sigsegv|sigabrt|core dumped|panic|` +
	`fatal error:|goroutine \d+|exited on signal|exit signal|stack smashing|double free|` +
	`free\(\)|malloc\(\)|code 139|code 134`)

// Any line that the library itself prints.
var complaint = regexp.MustCompile(`(?m)^.*sesscache: .*$`)

// requireQuiet asserts that no log tells of a crash, and that the library had nothing to say.
func (p *process) requireQuiet(t *testing.T) {
	t.Helper()
	require.Empty(t, p.complaints(t), "the library complained")
}

// complaints are the lines that the library wrote. No log may tell of a crash.
func (p *process) complaints(t *testing.T) []string {
	t.Helper()
	logs := p.logs()
	require.Empty(t, crash.FindAllString(logs, -1), "the server's log tells of a crash")
	return complaint.FindAllString(logs, -1)
}
