package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// task does an operation so often, in thread number i of a crew.
type task func(i, times int)

// chunk is how many operations lie between two looks at whether to stop.
const chunk = 256

// together runs a task in threads that begin at the same moment and do nothing
// else, and returns the nanoseconds that one operation takes in each of them.
func together(threads int, budget time.Duration, do task) float64 {
	return beside(threads, 0, budget, do, nil)
}

// beside is together, with other threads that run another task meanwhile and are
// not counted.
func beside(threads, others int, budget time.Duration, do, other task) float64 {
	var stop atomic.Bool
	var done atomic.Int64
	var ready, ended sync.WaitGroup
	start := make(chan struct{})
	ready.Add(threads + others)
	for i := range threads + others {
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-start
			if i >= threads {
				for !stop.Load() {
					other(i-threads, chunk)
				}
				return
			}
			n := int64(0)
			for ; !stop.Load(); n += chunk {
				do(i, chunk)
			}
			done.Add(n)
		})
	}
	ready.Wait()
	begun := time.Now()
	close(start)
	time.Sleep(budget)
	stop.Store(true)
	ended.Wait()
	return float64(time.Since(begun).Nanoseconds()) * float64(threads) / float64(done.Load())
}

// counts are 1, 2, 4 and so on up to most, and most.
func counts(most int) (n []int) {
	for k := 1; k < most; k *= 2 {
		n = append(n, k)
	}
	return append(n, most)
}
