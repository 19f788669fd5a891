package region

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	races  = 10_000
	racers = 4
	// Racers wait for each other at every so many records for as long as it
	// takes, at the others only a moment, because they may not all be running.
	raceMeeting  = 20
	racePatience = 2000
)

// race is about one record.
type race struct {
	arrived uint32
	ended   uint32 // racers that have tried
	tight   uint32 // racers that tried when all had arrived and none had ended
	winners uint32
}

// racer takes one record after the other, at the same time as others do.
func racer(w *worker) {
	dst := make([]byte, MaxRecord)
	w.ready()
	for i := range w.races {
		k, race := numbered(uint64(i)), &w.races[i]
		atomic.AddUint32(&race.arrived, 1)
		for try := 0; atomic.LoadUint32(&race.arrived) < racers; try++ {
			if i%raceMeeting == 0 {
				_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			} else if try == racePatience || atomic.LoadUint32(&race.ended) > 0 {
				break
			}
		}
		if atomic.LoadUint32(&race.arrived) == racers && atomic.LoadUint32(&race.ended) == 0 {
			atomic.AddUint32(&race.tight, 1)
		}
		n, _, v := w.region.Take(k, 0, dst)
		atomic.AddUint32(&race.ended, 1)
		if v == Found {
			atomic.AddUint32(&race.winners, 1)
			if !whose(k, dst[:n]) {
				atomic.AddUint64(&w.foreign, 1)
			}
		}
	}
}

// Of four processes that take the same record, one gets it.
func TestRegion_TakenByOneProcess(t *testing.T) {
	h := newHost(t, 16<<20)
	for n := range uint64(races) {
		k := numbered(n)
		put(t, h.region, k, Never, content(k, n, 200))
	}
	var processes []*process
	for range racers {
		processes = append(processes, h.launch("racer"))
	}
	for _, p := range processes {
		require.NoError(t, p.cmd.Wait())
	}
	tight := 0
	for i := range h.races {
		require.Equal(t, race{racers, racers, h.races[i].tight, 1}, h.races[i], "race %d", i)
		if h.races[i].tight > 1 {
			tight++
		}
	}
	t.Logf("in %d races several began when all were there and none was through", tight)
	require.Zero(t, h.foreign)
	require.Equal(t, uint64(races), h.counters.Taken)
	require.Zero(t, h.region.Usage(0).Bytes)
}
