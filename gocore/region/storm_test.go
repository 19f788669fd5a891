package region

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stormKeys are few, and so are the buckets, so that workers meet, and replace
// and move each other's records.
const stormKeys = 60

// storm stores, and now and then looks up, takes, removes and flushes, until it
// is killed.
func storm(w *worker) {
	dst := make([]byte, MaxRecord)
	w.ready()
	for {
		k := numbered(rand.Uint64N(stormKeys))
		space := uint32(k.Hi % 4)
		switch act := rand.IntN(100); {
		case act < 60:
			w.region.Put(k, space, Never, 0, content(k, rand.Uint64(), rand.IntN(4000)))
		case act < 80:
			stamp := w.region.Stamp(k, space)
			w.region.PutIf(stamp, k, space, Never, 0, content(k, rand.Uint64(), rand.IntN(4000)))
		case act < 90:
			w.judge(k, w.region.Get, dst)
		case act < 95:
			w.judge(k, w.region.Take, dst)
		case act < 99:
			w.region.Remove(k, space, 0, rand.Int64N(2))
		default:
			w.region.Flush(rand.Uint32N(4), 0, true, 0)
		}
	}
}

// judge looks a key up and notes if what it gets is not of that key.
func (w *worker) judge(k Key, lookup func(Key, int64, []byte) (int, int64, Verdict), dst []byte) {
	n, expiry, v := lookup(k, 0, dst)
	if v == Short || v == Found && (expiry != Never || !whose(k, dst[:n])) {
		atomic.AddUint64(&w.foreign, 1)
	}
}

// kills is how many workers TestRegion_WorkersKilled kills; REGION_TEST_KILLS
// says so, or the time that starting one takes.
func kills(t *testing.T) int {
	if value := os.Getenv("REGION_TEST_KILLS"); value != "" {
		n, err := strconv.Atoi(value)
		require.NoError(t, err)
		return n
	}
	return scaled(2400)
}

// Workers that are killed at random points, most of them while they write, leave
// nothing behind that the others return, and no lock that stays taken. Some are
// stopped instead for longer than a lock is good for, and go on late.
func TestRegion_WorkersKilled(t *testing.T) {
	h := newHost(t, MinSize)
	const workers = 4
	var left atomic.Int64
	left.Store(int64(kills(t)))
	var running sync.WaitGroup
	failures := make([]error, workers)
	for i := range workers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for left.Add(-1) >= 0 && failures[i] == nil {
				failures[i] = h.shortLife(random)
			}
		})
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))

	require.Zero(t, h.foreign, "records that are not of their key")
	dst := make([]byte, MaxRecord)
	for n := range uint64(stormKeys) {
		h.judge(numbered(n), h.region.Get, dst)
	}
	require.Zero(t, h.foreign, "records that are not of their key")
	h.requireAllWritable()
	c := h.counters
	t.Logf("%+v", c)
	require.NotZero(t, c.Overtaken, "none was killed while it had a lock")
	require.NotZero(t, c.Hits-c.Taken)
	require.NotZero(t, c.Taken)
	require.NotZero(t, c.Evicted)
}

// shortLife starts a worker and kills it after some milliseconds. One in ten is
// stopped before for longer than a lock is good for.
func (h *host) shortLife(random *rand.Rand) error {
	p, err := h.start("storm")
	if err != nil {
		return err
	}
	defer p.reap()
	err = p.begun()
	if err == nil && random.IntN(10) == 0 {
		err = p.pause(2 * lockAge * time.Millisecond)
	}
	time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond)
	return errors.Join(err, p.kill())
}
