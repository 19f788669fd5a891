package region

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ownedKey is in the buckets that an owner has locked.
var ownedKey = numbered(1)

// owner locks two buckets and keeps them.
func owner(w *worker) {
	if _, ok := w.region.acquirePair(&ownedKey); !ok {
		panic("no lock")
	}
	w.ready()
	for {
		time.Sleep(time.Hour)
	}
}

// pause stops the worker for a time.
func (p *process) pause(d time.Duration) error {
	if err := p.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return p.cmd.Process.Signal(unix.SIGCONT)
}

// zombie kills the worker and waits until it is dead, but does not reap it.
func (p *process) zombie(t *testing.T) {
	require.NoError(t, p.kill())
	pid := p.cmd.Process.Pid
	require.NoError(t, unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	require.NoError(t, unix.Kill(pid, 0), "it still has its number")
}

// Whatever an owner does, a Put gets its lock.
func TestRegion_LockTakenOver(t *testing.T) {
	for name, fate := range map[string]func(t *testing.T, p *process){
		"runs on": func(*testing.T, *process) {},
		"stopped": func(t *testing.T, p *process) {
			require.NoError(t, p.cmd.Process.Signal(unix.SIGSTOP))
		},
		"zombie": func(t *testing.T, p *process) { p.zombie(t) },
		"dead": func(t *testing.T, p *process) {
			require.NoError(t, p.kill())
			p.reap()
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, MinSize)
			p := h.launch("owner")
			for _, b := range h.region.candidates(&ownedKey) {
				require.NotZero(t, atomic.LoadUint64(&b.lock))
			}
			fate(t, p)
			put(t, h.region, ownedKey, Never, []byte("session"))
			require.Equal(t, []byte("session"), get(t, h.region, ownedKey, 0))
			require.Equal(t, uint64(2), h.counters.Overtaken)
			h.requireAllWritable()
		})
	}
}

// The lock of a dead owner is taken over before it is old.
func TestLock_DeadOwner(t *testing.T) {
	require.True(t, dead(0))
	require.True(t, dead(1<<63), "no process has a negative number")
	self := uint64(unix.Getpid()) << 32
	require.False(t, dead(self))
	h := newHost(t, MinSize)
	p := h.launch("owner")
	require.False(t, dead(uint64(p.cmd.Process.Pid)<<32))
	p.zombie(t)
	require.False(t, dead(uint64(p.cmd.Process.Pid)<<32))
	p.reap()
	require.True(t, dead(uint64(p.cmd.Process.Pid)<<32))
}

// What a process takes for the time is what the kernel says, to a millisecond.
func TestLock_Clock(t *testing.T) {
	kernel := func() uint32 {
		var ts unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
		return uint32(ts.Nano() / 1e6)
	}
	for range 1000 {
		before := kernel()
		now := clock()
		require.GreaterOrEqual(t, int32(now-before), int32(-1))
		require.GreaterOrEqual(t, int32(kernel()-now), int32(-1))
	}
}

func TestLock_Overdue(t *testing.T) {
	for _, c := range []struct {
		taken, now uint32
		overdue    bool
	}{
		{100, 100, false},
		{100, 109, false},
		{100, 110, true},
		{100, 1 << 30, true},
		{101, 100, false}, // the clock of another process
		{109, 100, false},
		{110, 100, true}, // of the time before a restart of the host
		{1 << 30, 100, true},
		{1<<32 - 5, 4, false}, // the clock begins anew every 49 days
		{1<<32 - 5, 5, true},
	} {
		require.Equal(t, c.overdue, overdue(77<<32|uint64(c.taken), c.now), c)
	}
}

// keep makes the locks of a key look as if a process had just taken them, until
// the end of the test. Once it is seen that somebody else has, it is over, unless
// the keeper is stubborn.
func keep(t *testing.T, r *Region, k Key, pid uint64, stubborn bool) {
	p, ok := r.acquirePair(&k)
	require.True(t, ok)
	var stop atomic.Bool
	var running sync.WaitGroup
	for i, b := range p.bucket {
		began := make(chan struct{})
		running.Go(func() {
			last := p.mine[i]
			for first := true; !stop.Load(); first = false {
				next := pid<<32 | uint64(clock())
				if !atomic.CompareAndSwapUint64(&b.lock, last, next) {
					if !stubborn {
						return
					}
					atomic.StoreUint64(&b.lock, next)
				}
				last = next
				if first {
					close(began)
				}
				runtime.Gosched()
			}
		})
		<-began
	}
	t.Cleanup(func() {
		stop.Store(true)
		running.Wait()
	})
}

// The lock of a dead owner is taken over even though it is not old.
func TestRegion_LockOfDeadOwner(t *testing.T) {
	h := newHost(t, MinSize)
	p := h.launch("owner")
	require.NoError(t, p.kill())
	p.reap()
	put(t, h.region, ownedKey, Never, nil) // frees the locks
	keep(t, h.region, ownedKey, uint64(p.cmd.Process.Pid), false)
	put(t, h.region, ownedKey, Never, []byte("session"))
	require.Equal(t, uint64(4), h.counters.Overtaken)
}

// kept runs a test while the locks of a key are kept, and once more if the keeper
// was late, so that a lock was taken over.
func kept(t *testing.T, r *Region, k Key, test func(t *testing.T)) {
	for late := true; late; {
		put(t, r, k, Never, []byte("session"))
		overtaken := r.totals.Overtaken
		passed := t.Run("kept", func(t *testing.T) {
			keep(t, r, k, uint64(unix.Getpid()), true)
			test(t)
		})
		late = passed && r.totals.Overtaken != overtaken
	}
}

// Only Put and tombstones need the lock, and give up when they do not get it.
func TestRegion_LockNotHad(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	kept(t, r, k, func(t *testing.T) {
		before := *r.totals
		stored := r.Put(k, 0, Never, 0, []byte("another"))
		found := get(t, r, k, 0)
		removed := r.Remove(k, 0, 0, 10)
		_, _, v := r.Get(k, 0, nil)
		flushed := r.Flush(0, 0, true, 0)
		if before.Overtaken == r.totals.Overtaken {
			require.Equal(t, Busy, stored)
			require.Equal(t, []byte("session"), found)
			require.True(t, removed)
			require.Equal(t, Absent, v)
			require.Zero(t, flushed)
			require.Equal(t, before.Busy+2, r.totals.Busy)
		}
	})
}

// The stamp changes before a record is out, for those who store what they got
// earlier, and again after it, for those who note the stamp just then.
func TestRegion_StampAroundRemoval(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	kept(t, r, k, func(t *testing.T) {
		before, overtaken := r.Stamp(k, 0), r.totals.Overtaken
		var running sync.WaitGroup
		var ended atomic.Bool
		running.Go(func() {
			r.Remove(k, 0, 0, 10) // waits for the lock, to leave a tombstone
			ended.Store(true)
		})
		dst := make([]byte, 100)
		for v := Found; v == Found; _, _, v = r.Get(k, 0, dst) {
			runtime.Gosched()
		}
		between := r.Stamp(k, 0)
		waited := !ended.Load()
		running.Wait()
		if waited && overtaken == r.totals.Overtaken {
			require.NotEqual(t, before, between)
			require.NotEqual(t, between, r.Stamp(k, 0))
		}
	})
}
