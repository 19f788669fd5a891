// Package main is the seam between the C shim and the Go core: the only place
// that imports "C". Each exported function converts its arguments, calls
// gocore, converts the result, and turns a panic into its failure value.
// cshim/sscore.h declares the same functions for C and says what they mean.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../cshim -std=c11
#include "sscore.h"
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/cache"
)

// process is the figures block of this process, in memory of the shim.
var process *C.sscore_process

// The core's counters are summed in C memory through cache.Counters; the two
// layouts must agree.
var _ [unsafe.Sizeof(cache.Counters{}) - unsafe.Sizeof(C.sscore_counters{})]struct{}
var _ [unsafe.Sizeof(C.sscore_counters{}) - unsafe.Sizeof(cache.Counters{})]struct{}

// processSize is the size of a process's figures; gocore/statfile reads as much.
const processSize = unsafe.Sizeof(C.sscore_process{})

//export sscore_init
func sscore_init(block *C.sscore_process) (ok C.int32_t) {
	defer recovered(func() { ok = 0 })
	if block == nil {
		return 0
	}
	process = block
	return 1
}

//export sscore_threads
func sscore_threads(threads C.uint32_t) {
	defer recovered(func() {})
	// Each change stops the world for a moment, so there are few of them.
	if want := 2 * int(threads); want > runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(min(want, maxProcs))
	}
}

// maxProcs bounds what sscore_threads asks of the scheduler. Beyond it threads
// wait for each other.
const maxProcs = 512

// recovered ends a panic of an exported function: it is counted, and the
// function returns the failure value that fail sets.
func recovered(fail func()) {
	if r := recover(); r != nil {
		if process != nil {
			atomic.AddUint64((*uint64)(&process.panics), 1)
		}
		fail()
	}
}

// main is never run: the core is a library. The c-archive build mode wants it.
func main() {}
