package cache

import "sync"

// spins is how often a lock that is taken is looked at before its thread sleeps:
// about as long as the table is held by an operation. To be put to sleep and
// woken costs a thread ten times that.
const spins = 100

// lock is a mutex for short sections.
type lock struct {
	mu sync.Mutex
}

func (l *lock) Lock() {
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
