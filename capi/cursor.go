package main

/*
#include "sscore.h"
*/
import "C"

import (
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/engine"
	pointer "github.com/mattn/go-pointer"
)

//export sscore_flush
func sscore_flush(n C.sscore_table, tm C.int64_t, all C.int32_t, now C.int64_t, caches C.uint32_t) (cursor unsafe.Pointer) {
	defer recovered(func() { cursor = nil })
	t := tableOf(n)
	if t == nil {
		return nil
	}
	return pointer.Save(t.Flush(int64(tm), all != 0, int64(now), engine.Caches(caches)))
}

//export sscore_snapshot
func sscore_snapshot(n C.sscore_table) (cursor unsafe.Pointer) {
	defer recovered(func() { cursor = nil })
	t := tableOf(n)
	if t == nil {
		return nil
	}
	return pointer.Save(t.Snapshot())
}

//export sscore_next
func sscore_next(cursor unsafe.Pointer, refs *C.sscore_ref, length C.uint32_t) (n C.uint32_t) {
	defer recovered(func() { n = 0 })
	c, ok := pointer.Restore(cursor).(*cache.Cursor)
	if !ok || refs == nil {
		return 0
	}
	return C.uint32_t(c.Next(unsafe.Slice((*cache.Ref)(unsafe.Pointer(refs)), int(length))))
}

//export sscore_done
func sscore_done(cursor unsafe.Pointer) {
	defer recovered(func() {})
	pointer.Unref(cursor)
}
