//go:build !amd64 || race

package cache

import "sync/atomic"

// publish64 and publish32 store a word that C reads, after all that was stored
// before.
func publish64(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
func publish32(p *uint32, v uint32) { atomic.StoreUint32(p, v) }
