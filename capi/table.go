package main

/*
#include "sscore.h"
*/
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/engine"
)

// maxTables bounds the contexts of one process that can cache at once. A
// context beyond it is refused a table and stays with libssl's own cache.
const maxTables = 1 << 16

// tables maps the shim's table numbers (index + 1) to tables. The hot path
// reads one atomic pointer; only making and freeing a table takes the lock.
var tables struct {
	mu    sync.Mutex
	slots [maxTables]atomic.Pointer[engine.Context]
	used  int
	free  []int
}

// tableOf returns the table of a number the shim holds, or nil.
func tableOf(n C.sscore_table) *engine.Context {
	if n == 0 || n > maxTables {
		return nil
	}
	return tables.slots[n-1].Load()
}

// keyOf is a key in the shim's memory. It is false for an absurd length.
func keyOf(k *C.sscore_key) (*cache.Key, bool) {
	key := (*cache.Key)(unsafe.Pointer(k))
	return key, k != nil && key.Len <= cache.MaxIDLen
}

//export sscore_table_new
func sscore_table_new(capacity C.uint64_t) (n C.sscore_table) {
	defer recovered(func() { n = 0 })
	t := core.NewContext(uint64(capacity))
	if t == nil {
		return 0
	}
	tables.mu.Lock()
	defer tables.mu.Unlock()
	var i int
	switch {
	case len(tables.free) > 0:
		i = tables.free[len(tables.free)-1]
		tables.free = tables.free[:len(tables.free)-1]
	case tables.used < maxTables:
		i = tables.used
		tables.used++
	default:
		t.Close()
		return 0
	}
	tables.slots[i].Store(t)
	return C.sscore_table(i + 1)
}

//export sscore_table_free
func sscore_table_free(n C.sscore_table) {
	defer recovered(func() {})
	t := tableOf(n)
	if t == nil {
		return
	}
	// sscore_touch may be at it; a table that is closed knows no session.
	t.Close()
	tables.mu.Lock()
	defer tables.mu.Unlock()
	tables.slots[n-1].Store(nil)
	tables.free = append(tables.free, int(n-1))
}

//export sscore_table_index
func sscore_table_index(n C.sscore_table) (index *C.struct_ssc_index) {
	defer recovered(func() { index = nil })
	if t := tableOf(n); t != nil {
		return (*C.struct_ssc_index)(unsafe.Pointer(t.Head()))
	}
	return nil
}

//export sscore_set_capacity
func sscore_set_capacity(n C.sscore_table, capacity C.uint64_t) {
	defer recovered(func() {})
	if t := tableOf(n); t != nil {
		t.SetCapacity(uint64(capacity))
	}
}

//export sscore_table_identify
func sscore_table_identify(n C.sscore_table, id *C.sscore_identity) (caches C.uint32_t) {
	defer recovered(func() { caches = 0 })
	t := tableOf(n)
	if t == nil || id == nil {
		return 0
	}
	return C.uint32_t(t.Identify(&engine.Identity{
		Certificate: bytesOf(id.certificate, id.certificate_len),
		ContextID:   bytesOf(id.context_id, id.context_id_len),
		Authorities: bytesOf(id.authorities, id.authorities_len),
		VerifyMode:  int32(id.verify_mode),
		Number:      uint32(id.number),
	}))
}

// bytesOf is memory of the shim, for as long as the call lasts.
func bytesOf(p *C.uint8_t, length C.uint32_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(length))
}

//export sscore_lookup
func sscore_lookup(n C.sscore_table, k *C.sscore_key, now C.int64_t, query *C.sscore_query) (verdict C.int32_t) {
	query.ref, query.revoked, query.stamp, query.der_len = 0, 0, 0, 0
	defer recovered(func() { verdict = C.SSCORE_MISS })
	t := tableOf(n)
	key, ok := keyOf(k)
	if t == nil || !ok {
		return C.SSCORE_MISS
	}
	f, v := t.Lookup(&engine.Query{
		Key:         *key,
		Now:         int64(now),
		Caches:      engine.Caches(query.caches),
		Certificate: bytesOf(query.certificate, query.certificate_len),
		Room:        bytesOf(query.der, query.room),
	})
	query.ref, query.revoked = C.sscore_ref(f.Ref), C.sscore_ref(f.Revoked)
	query.stamp, query.der_len = C.uint32_t(f.Stamp), C.uint32_t(f.Len)
	return C.int32_t(v)
}

//export sscore_contains
func sscore_contains(n C.sscore_table, k *C.sscore_key, now C.int64_t, caches C.uint32_t) (found C.int32_t) {
	defer recovered(func() { found = 0 })
	t := tableOf(n)
	key, ok := keyOf(k)
	if t != nil && ok && t.Contains(*key, int64(now), engine.Caches(caches)) {
		return 1
	}
	return 0
}

//export sscore_add
func sscore_add(n C.sscore_table, k *C.sscore_key, ref C.sscore_ref, object C.uint64_t, now, expiry C.int64_t,
	record *C.sscore_record, displaced *C.sscore_displaced) (result C.int32_t) {
	defer recovered(func() { result = C.SSCORE_FAILED })
	t := tableOf(n)
	key, ok := keyOf(k)
	if t == nil || !ok {
		return C.SSCORE_FAILED
	}
	var stamp uint32
	promoted := record != nil && record.stamped != 0
	if promoted {
		stamp = uint32(record.stamp)
	}
	res, replaced, evicted, more := t.Add(*key, cache.Ref(ref), cache.Object(object), int64(now), int64(expiry),
		sessionOf(record), stamp, promoted, refsOf(displaced))
	displaced.replaced = C.sscore_ref(replaced)
	setEvicted(displaced, evicted, more)
	switch res {
	case cache.Added:
		return C.SSCORE_ADDED
	case cache.Replaced:
		return C.SSCORE_REPLACED
	case cache.Same:
		return C.SSCORE_SAME
	}
	return C.SSCORE_FAILED
}

//export sscore_share
func sscore_share(n C.sscore_table, k *C.sscore_key, now, expiry C.int64_t, record *C.sscore_record) {
	defer recovered(func() {})
	t := tableOf(n)
	// A callback may have removed it since it was added.
	if key, ok := keyOf(k); t != nil && ok && t.Table.Contains(*key) {
		t.Share(*key, int64(now), int64(expiry), sessionOf(record))
	}
}

// sessionOf is what a record shares; nothing, if it is not shared.
func sessionOf(record *C.sscore_record) engine.Session {
	if record == nil || record.der == nil {
		return engine.Session{}
	}
	return engine.Session{
		DER:         bytesOf(record.der, record.len),
		Caches:      engine.Caches(record.caches),
		Certificate: bytesOf(record.certificate, record.certificate_len),
	}
}

//export sscore_settle
func sscore_settle(n C.sscore_table) (displaces C.int32_t) {
	defer recovered(func() { displaces = 0 })
	if t := tableOf(n); t != nil && t.Settle() {
		return 1
	}
	return 0
}

//export sscore_evict
func sscore_evict(n C.sscore_table, displaced *C.sscore_displaced) {
	defer recovered(func() { setEvicted(displaced, 0, false) })
	displaced.replaced = 0
	if t := tableOf(n); t != nil {
		replaced, evicted, more := t.Evict(refsOf(displaced))
		displaced.replaced = C.sscore_ref(replaced)
		setEvicted(displaced, evicted, more)
		return
	}
	setEvicted(displaced, 0, false)
}

// refsOf is the room for evicted references in the shim's memory, as a slice.
func refsOf(d *C.sscore_displaced) []cache.Ref {
	return unsafe.Slice((*cache.Ref)(unsafe.Pointer(&d.evicted[0])), len(d.evicted))
}

func setEvicted(d *C.sscore_displaced, n int, more bool) {
	d.evicted_len = C.uint32_t(n)
	d.more = 0
	if more {
		d.more = 1
	}
}

//export sscore_remove
func sscore_remove(n C.sscore_table, k *C.sscore_key, object C.uint64_t, now, expiry C.int64_t, caches C.uint32_t,
	ref *C.sscore_ref) (found C.int32_t) {
	*ref = 0
	defer recovered(func() { found = 0 })
	t := tableOf(n)
	key, ok := keyOf(k)
	if t == nil || !ok {
		return 0
	}
	r, removed := t.Remove(*key, cache.Object(object), int64(now), int64(expiry), engine.Caches(caches))
	*ref = C.sscore_ref(r)
	if removed {
		return 1
	}
	return 0
}

//export sscore_touch
func sscore_touch(k *C.sscore_key, object C.uint64_t, expiry C.int64_t) {
	defer recovered(func() {})
	key, ok := keyOf(k)
	if !ok {
		return
	}
	tables.mu.Lock()
	used := tables.used
	tables.mu.Unlock()
	for i := range used {
		if t := tables.slots[i].Load(); t != nil {
			t.Touch(*key, cache.Object(object), int64(expiry))
		}
	}
}

//export sscore_len
func sscore_len(n C.sscore_table) (length C.uint64_t) {
	defer recovered(func() { length = 0 })
	if t := tableOf(n); t != nil {
		return C.uint64_t(t.Len())
	}
	return 0
}

//export sscore_stats
func sscore_stats(n C.sscore_table, counters *C.sscore_counters) (ok C.int32_t) {
	defer recovered(func() { ok = 0 })
	t := tableOf(n)
	if t == nil || counters == nil {
		return 0
	}
	*(*cache.Counters)(unsafe.Pointer(counters)) = t.Counters()
	return 1
}
