package cache

import "unsafe"

// prefetch has the line of memory at p come into the processor's caches, while the
// program goes on: reads would hold it up after some of them.
//
//go:noescape
func prefetch(p unsafe.Pointer)
