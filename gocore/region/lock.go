package region

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The lock of a bucket is a word of who holds it, 0 if nobody does:
//
//	bits  0 to 31  milliseconds of the monotonic clock when it was taken
//	bits 32 to 63  process
//
// It keeps writers from spoiling each other's work; nothing that is read
// depends on it. It may therefore be taken over from an owner that is dead, or
// that has not given it up in time for whatever reason: it may be stopped, a
// zombie, or in another PID namespace, where its number means nothing. One that
// was only late may go on writing where somebody else does. That spoils records,
// which are then found out by their checksums and lost.
const (
	lockAge  = 10 // milliseconds after which a lock is taken over
	lockWait = 12 // milliseconds after which the wait is given up
	// A bucket is held for some microseconds, so looking again so many times is
	// enough unless the owner does not run.
	lockSpins = 50
	lockPause = 50 * time.Microsecond
)

// clock is the milliseconds of the monotonic clock, which is the same in all
// processes of the host; what they see differs by less than one. The kernel is
// asked once: a system call takes as long as the rest of what a lock is for.
func clock() uint32 {
	e := epoch()
	return uint32((e.ns + int64(time.Since(e.at))) / int64(time.Millisecond))
}

// moment is a time, and what the kernel's clock showed then.
type moment struct {
	at time.Time
	ns int64
}

// epoch is a moment that was measured in the shortest of some tries.
var epoch = sync.OnceValue(func() (e moment) {
	shortest := time.Duration(math.MaxInt64)
	for range 8 {
		var ts unix.Timespec
		before := time.Now()
		// The call fails only for a clock that does not exist.
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		if took := time.Since(before); took < shortest {
			shortest = took
			e = moment{before.Add(took / 2), ts.Nano()}
		}
	}
	return e
})

// tryLock takes the lock of a bucket if nobody has it. It returns the word to
// unlock with.
func (r *Region) tryLock(b *bucket) (mine uint64, ok bool) {
	if atomic.LoadUint64(&b.lock) != 0 {
		return 0, false
	}
	mine = r.lockWord(clock())
	return mine, atomic.CompareAndSwapUint64(&b.lock, 0, mine)
}

// acquire takes the lock of a bucket, with the word that is given if nobody has
// it. Else it waits until lockWait milliseconds have passed since began.
func (r *Region) acquire(b *bucket, word uint64, began uint32) (mine uint64, ok bool) {
	if atomic.CompareAndSwapUint64(&b.lock, 0, word) {
		return word, true
	}
	var alive uint64 // the word of an owner that was seen to live
	for try := 0; ; try++ {
		// The clock is read after the lock: a lock is never younger than this.
		held := atomic.LoadUint64(&b.lock)
		now := clock()
		take := held == 0 || overdue(held, now)
		if !take && try >= lockSpins && held != alive {
			take = dead(held)
			alive = held
		}
		mine = r.lockWord(now)
		if take && atomic.CompareAndSwapUint64(&b.lock, held, mine) {
			if held != 0 {
				r.count(&r.totals.Overtaken)
			}
			return mine, true
		}
		if now-began >= lockWait {
			return 0, false
		}
		if try < lockSpins {
			runtime.Gosched()
		} else {
			time.Sleep(lockPause)
		}
	}
}

// release gives the lock back, unless somebody has taken it over.
func (b *bucket) release(mine uint64) {
	atomic.CompareAndSwapUint64(&b.lock, mine, 0)
}

// heldBy is whether the lock has not been taken over.
func (b *bucket) heldBy(mine uint64) bool {
	return atomic.LoadUint64(&b.lock) == mine
}

func (r *Region) lockWord(now uint32) uint64 {
	return uint64(r.pid)<<32 | uint64(now)
}

// overdue is whether a lock is old. One of the future, by more than what clocks
// may differ, was taken before the host was started again, for the region may lie
// in a file.
func overdue(held uint64, now uint32) bool {
	age := int32(now - uint32(held))
	return age <= -lockAge || age >= lockAge
}

// dead is whether no process has the owner's number. A zombie has one.
func dead(held uint64) bool {
	pid := int32(held >> 32)
	return pid <= 0 || errors.Is(unix.Kill(int(pid), 0), unix.ESRCH)
}

// pair are the two buckets that a key may be in, and how they are locked.
type pair struct {
	bucket [2]*bucket
	mine   [2]uint64
}

// acquirePair takes the locks of both buckets, the one that is first in memory
// first, so that no two processes wait for each other.
func (r *Region) acquirePair(k *Key) (p pair, ok bool) {
	i, j := r.choices(k)
	p.bucket = [2]*bucket{r.bucket(min(i, j)), r.bucket(max(i, j))}
	began := clock()
	if p.mine[0], ok = r.acquire(p.bucket[0], r.lockWord(began), began); !ok {
		return p, false
	}
	if p.mine[1], ok = r.acquire(p.bucket[1], p.mine[0], began); !ok {
		p.bucket[0].release(p.mine[0])
		return p, false
	}
	return p, true
}

func (p *pair) release() {
	p.bucket[1].release(p.mine[1])
	p.bucket[0].release(p.mine[0])
}
