// Package statfile reads the figures file that processes with libsesscache
// share when SESSCACHE_STATS_FILE names one. cshim/statfile.h and
// cshim/sscore.h define the layout.
package statfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// States of the Go core in a process.
const (
	CoreNotStarted  = 0
	CoreStarting    = 1
	CoreRunning     = 2
	CoreUnavailable = 3 // libssl's own cache serves
)

// Process is what one process counted. A process that ended keeps its figures
// until its place in the file is needed.
type Process struct {
	PID            uint64
	StartTime      uint64 // seconds since the epoch
	Contexts       uint64 // attached now
	CoreState      uint64 // CoreNotStarted and so on
	CoreStartNanos uint64 // duration of the core's start
	AppLookups     uint64 // calls of the application's get callback
	AppHits        uint64 // sessions it returned
	AppNew         uint64 // calls of the application's new callback
	AppRemove      uint64 // calls of the application's remove callback
	SlotsUsed      uint64 // references that the shim holds for the core
	Core           cache.Counters
	Region         region.Counters
	Store          store.Counters
	Unsealed       uint64 // records of a store or a file refused: altered, of another key, not a session
	Panics         uint64 // panics recovered at the seam
}

// block is a process's part of the file.
type block struct {
	Process
	_     [5]uint64
	Lanes [8]lane
}

// BlockSize is the size of a process's part of the file.
var BlockSize = binary.Size(block{})

// lane is what some threads of a process counted; see SSC_LANES in cshim/sscore.h.
type lane struct {
	SlotsUsed, Hits, Misses, Removed, Expired, Added uint64
	_                                                [2]uint64
}

// total is the process's figures with those of its lanes.
func (b *block) total() Process {
	p := b.Process
	for _, l := range b.Lanes {
		p.SlotsUsed += l.SlotsUsed
		p.Core.Hits += l.Hits
		p.Core.Misses += l.Misses
		p.Core.Lookups += l.Hits + l.Misses
		p.Core.Removed += l.Removed
		p.Core.Expired += l.Expired
		p.Core.Adds += l.Added
		p.Core.Entries += l.Added - l.Removed - l.Expired
	}
	return p
}

const (
	magic      = 0x0054415453435353 | layout<<56
	layout     = 4
	headerSize = 4096
)

// ErrNotFigures says that a file is not a figures file of this version.
var ErrNotFigures = errors.New("not a figures file of this version")

// Read returns the figures of every process in the file, in the order in which
// they claimed their places. The words are read one by one while their owners
// may be writing: each is right, their sums may be off by what is under way.
func Read(path string) ([]Process, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) < headerSize || binary.LittleEndian.Uint64(data) != magic {
		return nil, fmt.Errorf("%s: %w", path, ErrNotFigures)
	}
	slotSize := int(binary.LittleEndian.Uint32(data[8:]))
	slots := int(binary.LittleEndian.Uint32(data[12:]))
	if slotSize != BlockSize || slots < 0 || len(data)-headerSize < slots*slotSize {
		return nil, fmt.Errorf("%s: %w", path, ErrNotFigures)
	}
	var processes []Process
	for i := range slots {
		var b block
		slot := data[headerSize+i*slotSize:][:slotSize]
		if err := binary.Read(bytes.NewReader(slot), binary.LittleEndian, &b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if b.PID != 0 {
			processes = append(processes, b.total())
		}
	}
	return processes, nil
}

// Sum adds up the figures of several processes. PID and StartTime stay zero,
// CoreState is the highest of them.
func Sum(processes []Process) Process {
	var sum Process
	for _, p := range processes {
		state := max(sum.CoreState, p.CoreState)
		add(reflect.ValueOf(&sum).Elem(), reflect.ValueOf(p))
		sum.PID, sum.StartTime, sum.CoreState = 0, 0, state
	}
	return sum
}

// add adds the words of one block to those of another.
func add(sum, p reflect.Value) {
	for i := range p.NumField() {
		if f := p.Field(i); f.Kind() == reflect.Struct {
			add(sum.Field(i), f)
		} else {
			sum.Field(i).SetUint(sum.Field(i).Uint() + f.Uint())
		}
	}
}
