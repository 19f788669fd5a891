package cache

import (
	"sync"
	"sync/atomic"
)

// spins is how often a lock that is taken is looked at before its thread sleeps:
// some times as long as an operation holds it. To be put to sleep and woken costs
// a thread of C more than that, and wakes threads of the scheduler too.
const spins = 4000

// lock is a mutex for short sections. Who looks at it must not take the memory
// from under who holds it, so it has a line for itself.
type lock struct {
	_       [56]byte
	mu      sync.Mutex
	waiting atomic.Int32
	_       [52]byte
}

func (l *lock) Lock() {
	if l.mu.TryLock() {
		return
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	for range spins {
		if l.mu.TryLock() {
			return
		}
	}
	l.mu.Lock()
}

func (l *lock) Unlock() {
	l.mu.Unlock()
}

// giveWay lets another thread have the lock that the caller has just given up
// and wants again at once.
func (l *lock) giveWay() {
	for range spins {
		if l.waiting.Load() == 0 {
			return
		}
	}
}
