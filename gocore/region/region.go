// Package region is the memory in which the processes of one host share TLS
// sessions: a table from keys to records of bytes, in a mapping that the caller
// makes and every process has. Memory of zeros is an empty region.
//
// A process may be killed at any instruction, stopped for any time, or write
// late to what is no longer its own; the memory may come from a file that a
// crashed machine left. So nothing that is read is believed before its checksum
// holds, which covers the key, the expiry and the space too, and nothing needs
// repair: who writes finds out anew what a bucket holds. The worst that
// happens is that records are lost.
//
// Lookups take no lock. Who takes a record or removes it swaps one word, so
// exactly one of them has it. Who stores takes the locks of the two buckets that
// the key may be in; a lock that is not given up within 10 ms is taken over.
//
// Times are seconds as the caller counts them, and a record has expired when
// the present is greater than its expiry.
package region

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"unsafe"
)

// Layout is the number of the format of the memory. A region that lies in a
// file is only for processes with the same number. SSC_REGION_LAYOUT in
// cshim/region.h is the same.
const Layout = 2

// Never is the expiry of a record that does not expire.
const Never int64 = math.MaxInt64

// MinSize is the size of the smallest region, in bytes: four buckets.
const MinSize = 4*bucketSize + 16<<10

// ErrTooSmall says that memory has less than MinSize bytes.
var ErrTooSmall = errors.New("too small for a region")

// ErrUnaligned says that memory does not begin at a multiple of 8.
var ErrUnaligned = errors.New("memory of a region is not aligned")

// Key is what a record is found by. Its bits must be evenly distributed: a hash
// of what the caller knows a session by.
type Key struct{ Hi, Lo uint64 }

// Region is a process's view of the shared memory. Its methods may be called by
// any number of threads; none blocks for longer than some milliseconds, and of
// these Put, PutIf and Remove alone, while somebody else writes to the same
// bucket. It is not for use in a child that was forked after Open.
type Region struct {
	mem     []byte
	head    *head
	stamps  []uint32 // a power of two of them
	first   int      // place of the first bucket in mem
	buckets uint64
	seed    uint64
	pid     uint32
	totals  *Counters
	present present
}

// head is what a region begins with; the stamps and the buckets follow.
type head struct {
	// seed makes the checksums of each region its own. A record's content may
	// be of a peer's choice, but no peer can make bytes that look like an entry.
	seed   uint64
	_      [56]byte
	spaces [spaceSlots]spaceMarks
}

// The share of a region that the stamps take.
const (
	stampShare = 64
	minStamps  = 1024
	pageSize   = 4096
)

// Open makes memory usable as a region: memory of zeros, or that other processes
// use as a region of the same size. It must stay mapped as long as the Region is
// used, and no thread may be without the right to write to it. Memory beyond a
// whole number of buckets is not used.
//
// totals, if not nil, are counted by atomic additions; they may lie outside the
// Go heap, must be aligned to 8 bytes and stay valid as long as the region.
func Open(mem []byte, totals *Counters) (*Region, error) {
	if len(mem) < MinSize {
		return nil, fmt.Errorf("%w: %d bytes, at least %d are needed", ErrTooSmall, len(mem), MinSize)
	}
	base := unsafe.Pointer(&mem[0])
	if uintptr(base)%unitSize != 0 {
		return nil, ErrUnaligned
	}
	if totals == nil {
		totals = new(Counters)
	}
	stamps := max(minStamps, 1<<(bits.Len(uint(len(mem)/stampShare/4))-1))
	after := int(unsafe.Sizeof(head{}))
	first := (after + 4*stamps + pageSize - 1) &^ (pageSize - 1)
	r := &Region{
		mem:     mem,
		head:    (*head)(base),
		stamps:  unsafe.Slice((*uint32)(unsafe.Pointer(&mem[after])), stamps),
		first:   first,
		buckets: uint64((len(mem) - first) / bucketSize),
		pid:     uint32(os.Getpid()),
		totals:  totals,
		present: makePresent(mem[first:]),
	}
	for r.seed == 0 {
		atomic.CompareAndSwapUint64(&r.head.seed, 0, rand.Uint64())
		r.seed = atomic.LoadUint64(&r.head.seed)
	}
	return r, nil
}

func (r *Region) bucket(i uint64) *bucket {
	return (*bucket)(unsafe.Pointer(&r.mem[r.first+int(i)*bucketSize]))
}

// choices are the numbers of the two buckets that a key may be in. That a record
// goes into the one with more room lets all of them be nearly full before
// anything is evicted.
func (r *Region) choices(k *Key) (i, j uint64) {
	i, _ = bits.Mul64(k.Hi, r.buckets)
	j, _ = bits.Mul64(k.Lo, r.buckets-1)
	if j >= i {
		j++
	}
	return i, j
}

// candidates are these buckets, for those who take no lock.
func (r *Region) candidates(k *Key) [2]*bucket {
	i, j := r.choices(k)
	return [2]*bucket{r.bucket(i), r.bucket(j)}
}
