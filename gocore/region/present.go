package region

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel gives a process a page of the region when it first comes there, by an
// exception: half a microsecond or, in some virtual machines, 15. Buckets fill
// evenly, so all of them come to their next page at about the same time. Who stores
// asks for half a bucket at once before the first record in it, which costs as much
// as one exception. A kernel that does not know how (before Linux 5.14) gives the
// pages one by one. Who only reads is given those around with the first, as far as
// they exist.
const half = bucketSize / 2

// present is what this process has asked for: a bit for each half of a bucket. It
// is nil if the memory does not lie in pages of its own.
type present []uint32

func makePresent(buckets []byte) present {
	if uintptr(unsafe.Pointer(&buckets[0]))%pageSize != 0 {
		return nil
	}
	return make(present, (len(buckets)/half+31)/32)
}

// bring asks for the memory in which a record is going to begin.
func (r *Region) bring(b *bucket, unit int) {
	if r.present == nil {
		return
	}
	place := int(uintptr(unsafe.Pointer(&b.area[unit*unitSize])) - uintptr(unsafe.Pointer(&r.mem[r.first])))
	n := place / half
	asked, bit := &r.present[n/32], uint32(1)<<(n%32)
	if atomic.LoadUint32(asked)&bit != 0 {
		return
	}
	atomic.OrUint32(asked, bit)
	at := r.first + n*half
	// If it fails, pages come as they do without.
	_ = unix.Madvise(r.mem[at:at+half], unix.MADV_POPULATE_WRITE)
}
