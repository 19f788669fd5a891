package region

import (
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// roleVariable makes the test binary play a worker of a server instead of
// running tests.
const roleVariable = "REGION_TEST_ROLE"

// roles are what workers do with the memory that they share with the test.
var roles = map[string]func(w *worker){
	"storm": storm,
	"racer": racer,
	"owner": owner,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		roles[role](newWorker())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// board is what test and workers tell each other, in the memory that they share
// in front of the region. Its fields are accessed atomically.
type board struct {
	counters Counters // of all workers
	foreign  uint64   // records found that were not of their key
	races    [races]race
}

const boardSize = (int(unsafe.Sizeof(board{})) + pageSize - 1) &^ (pageSize - 1)

// worker is a process that has the region: one that was started, or the test.
type worker struct {
	*board
	region *Region
}

func newWorker() *worker {
	const file = 3 // the first one that was handed over
	var stat unix.Stat_t
	must(unix.Fstat(file, &stat))
	mem, err := unix.Mmap(file, 0, int(stat.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(err)
	w, err := workerOn(mem)
	must(err)
	return w
}

func workerOn(mem []byte) (*worker, error) {
	w := &worker{board: (*board)(unsafe.Pointer(&mem[0]))}
	var err error
	w.region, err = Open(mem[boardSize:], &w.counters)
	return w, err
}

// ready tells the test that the worker begins.
func (w *worker) ready() {
	_, err := os.Stdout.Write([]byte{1})
	must(err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// host is a test that starts workers.
type host struct {
	*worker
	t    *testing.T
	file *os.File
}

func newHost(t *testing.T, size int) *host {
	mem, file := share(t, boardSize+size)
	w, err := workerOn(mem)
	require.NoError(t, err)
	return &host{w, t, file}
}

// process is a worker that was started.
type process struct {
	cmd *exec.Cmd
	out io.Reader
}

// start starts a worker.
func (h *host) start(role string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.ExtraFiles = []*os.File{h.file}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, out}, cmd.Start()
}

// begun waits until the worker is ready.
func (p *process) begun() error {
	_, err := io.ReadFull(p.out, make([]byte, 1))
	return err
}

// kill kills the worker, which stays a zombie until reap.
func (p *process) kill() error { return p.cmd.Process.Kill() }

func (p *process) reap() { _ = p.cmd.Wait() }

// launch is start for tests that need the worker only until their end.
func (h *host) launch(role string) *process {
	h.t.Helper()
	p, err := h.start(role)
	require.NoError(h.t, err)
	h.t.Cleanup(func() {
		_ = p.kill()
		p.reap()
	})
	require.NoError(h.t, p.begun())
	return p
}

// requireAllWritable is whether no lock is left that nobody gives up.
func (h *host) requireAllWritable() {
	h.t.Helper()
	r := h.region
	written := map[*bucket]bool{}
	for n := uint64(1 << 40); len(written) < int(r.buckets); n++ {
		k := numbered(n)
		require.Equal(h.t, Stored, r.Put(k, 0, Never, 0, nil))
		for _, b := range r.candidates(&k) {
			require.Zero(h.t, atomic.LoadUint64(&b.lock))
			written[b] = true
		}
	}
}
