package cache

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread of C that sleeps in a mutex of Go gives its place in the scheduler
// away, and is woken by way of other threads, at times milliseconds after the lock
// was given up. This one is held for some microseconds, if its holder is not kept
// from running. So it is looked at again and again: for some times as long as an
// operation holds it, then with the processor offered to the holder, then with
// naps. Only then does the thread sleep.
const (
	spins    = 40_000 // 60 us or so
	fewSpins = 4_000  // as long as an operation holds it
	yields   = 10
	naps     = 50
	nap      = 20_000 // ns, to which the kernel adds 50,000 or so
)

// oneProcessor is that the holder cannot run as long as another thread looks.
var oneProcessor = runtime.NumCPU() == 1

// lock is a mutex for short sections. Who looks at it must not take the memory
// from under who holds it, so it has a line for itself.
type lock struct {
	_       [56]byte
	mu      sync.Mutex
	waiting atomic.Int32
	_       [52]byte
}

func (l *lock) Lock() {
	if !l.mu.TryLock() && !l.wait() {
		l.mu.Lock()
	}
}

// TryLock is true if it has got the lock, which may be given up just now.
func (l *lock) TryLock() bool {
	return l.mu.TryLock() || l.spin(fewSpins)
}

func (l *lock) spin(times int) bool {
	for n := 0; n < times && !oneProcessor; n++ {
		if l.mu.TryLock() {
			return true
		}
	}
	return false
}

// wait is true if it has got the lock.
func (l *lock) wait() bool {
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	if l.spin(spins) {
		return true
	}
	for range yields {
		// Raw: the scheduler of Go need not know of so short a call.
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if l.mu.TryLock() {
			return true
		}
	}
	time := unix.Timespec{Nsec: nap}
	for range naps {
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&time)), 0, 0)
		if l.mu.TryLock() {
			return true
		}
	}
	return false
}

func (l *lock) Unlock() {
	l.mu.Unlock()
}

// giveWay lets another thread have the lock that the caller has just given up
// and wants again at once.
func (l *lock) giveWay() {
	for range fewSpins {
		if l.waiting.Load() == 0 {
			return
		}
	}
}
