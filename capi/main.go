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
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/engine"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// process is the figures block of this process, in memory of the shim.
var process *C.sscore_process

// core is what the contexts of this process have in common. Set once.
var core *engine.Engine

// The core counts in C memory; the layouts must agree.
var (
	_ [unsafe.Sizeof(cache.Counters{}) - unsafe.Sizeof(C.sscore_counters{})]struct{}
	_ [unsafe.Sizeof(C.sscore_counters{}) - unsafe.Sizeof(cache.Counters{})]struct{}
	_ [unsafe.Sizeof(region.Counters{}) - unsafe.Sizeof(C.sscore_region_counters{})]struct{}
	_ [unsafe.Sizeof(C.sscore_region_counters{}) - unsafe.Sizeof(region.Counters{})]struct{}
	_ [unsafe.Sizeof(store.Counters{}) - unsafe.Sizeof(C.sscore_store_counters{})]struct{}
	_ [unsafe.Sizeof(C.sscore_store_counters{}) - unsafe.Sizeof(store.Counters{})]struct{}
)

// processSize is the size of a process's figures; gocore/statfile reads as much.
const processSize = unsafe.Sizeof(C.sscore_process{})

//export sscore_init
func sscore_init(setup *C.sscore_setup) (ok C.int32_t) {
	defer recovered(func() { ok = 0 })
	if setup == nil || setup.process == nil {
		return 0
	}
	process = setup.process
	settings := engine.Settings{
		RegionSealed: setup.region_sealed != 0,
		Insecure:     setup.insecure != 0,
		Name:         stringOf(setup.name),
		StoreURL:     stringOf(setup.store),
		StoreTimeout: time.Duration(setup.store_timeout_ms) * time.Millisecond,
		Keys:         keysOf(setup.keys, setup.keys_len),
		Totals: &engine.Totals{
			Cache:    (*cache.Counters)(unsafe.Pointer(&process.core)),
			Region:   (*region.Counters)(unsafe.Pointer(&process.region)),
			Store:    (*store.Counters)(unsafe.Pointer(&process.store)),
			Unsealed: (*uint64)(unsafe.Pointer(&process.unsealed)),
		},
	}
	defer clear(settings.Keys)
	if setup.region != nil {
		settings.Region = unsafe.Slice((*byte)(setup.region), int(setup.region_len))
	}
	if setup.store_ca != nil {
		settings.StoreCA = []byte(stringOf(setup.store_ca))
	}
	var err error
	if core, err = engine.New(settings); err != nil {
		room := unsafe.Slice((*byte)(unsafe.Pointer(&setup.refused)), len(setup.refused)-1)
		copy(room, err.Error())
	}
	return 1
}

func stringOf(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

func keysOf(keys *C.uint8_t, length C.uint32_t) [][seal.KeySize]byte {
	return slices.Clone(unsafe.Slice((*[seal.KeySize]byte)(unsafe.Pointer(keys)), int(length)))
}

//export sscore_set_keys
func sscore_set_keys(keys *C.uint8_t, length C.uint32_t) {
	defer recovered(func() {})
	k := keysOf(keys, length)
	defer clear(k)
	core.SetKeys(k)
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
