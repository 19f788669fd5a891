package region

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// together runs functions at the same time, many times over. before and after
// run between, alone.
func together(rounds int, before, after func(round uint64), run ...func(round uint64)) {
	var arrived, done atomic.Uint64
	var round atomic.Uint64
	var running sync.WaitGroup
	n := uint64(len(run))
	for _, f := range run {
		running.Go(func() {
			for i := uint64(1); i <= uint64(rounds); i++ {
				for round.Load() != i {
					runtime.Gosched()
				}
				// Those that run already wait a moment for each other.
				arrived.Add(1)
				for try := 0; arrived.Load() < i*n && try < 1000; try++ {
				}
				f(i)
				done.Add(1)
			}
		})
	}
	for i := uint64(1); i <= uint64(rounds); i++ {
		before(i)
		round.Store(i)
		for done.Load() != i*n {
			runtime.Gosched()
		}
		after(i)
	}
	running.Wait()
}

// What was removed while others store what they had got before stays removed, and
// who gets it at that time will see another stamp.
func TestRegion_RemovalAgainstLatecomers(t *testing.T) {
	for name, remove := range map[string]func(r *Region, k Key) bool{
		"Remove": func(r *Region, k Key) bool { r.Remove(k, 0, 0, 0); return true },
		"buried": func(r *Region, k Key) bool { r.Remove(k, 0, 0, 10); return true },
		"Flush":  func(r *Region, _ Key) bool { r.Flush(0, 0, true, 0); return true },
		"Take": func(r *Region, k Key) bool {
			_, _, v := r.Take(k, 0, make([]byte, 100))
			return v == Found // it may miss what is being replaced
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, MinSize+20*bucketSize)
			key := func(round uint64) Key { return numbered(round % 100) }
			var noted, seen uint32
			var removed, found bool
			got := make([]byte, 100)
			together(scaled(8000), func(n uint64) {
				put(t, r, key(n), Never, []byte("session"))
				noted = r.Stamp(key(n), 0)
			}, func(n uint64) {
				_, _, v := r.Get(key(n), 0, got)
				if removed && v == Found || removed && found && seen == r.Stamp(key(n), 0) {
					t.Fatalf("round %d: %v", n, v)
				}
			}, func(n uint64) {
				removed = remove(r, key(n))
			}, func(n uint64) {
				r.PutIf(noted, key(n), 0, Never, 0, []byte("session"))
			}, func(n uint64) {
				seen = r.Stamp(key(n), 0)
				_, _, v := r.Get(key(n), 0, got)
				found = v == Found
			})
		})
	}
}

// What PutIf does not store in the end nobody sees, not for a moment.
func TestRegion_OutdatedIsNotSeen(t *testing.T) {
	r := open(t, MinSize)
	k := numbered(1)
	rounds := uint64(scaled(200_000))
	const lengths = 1 << 12 // tell rounds apart
	seen, outdated := make([]bool, rounds), make([]bool, rounds)
	var round atomic.Uint64
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; round.Load() < rounds-1; i++ {
			before := round.Load()
			n, _, v := r.Get(k, 0, nil)
			if now := round.Load(); v == Short && now-before < lengths {
				seen[now-(now-uint64(n-1))%lengths] = true
			}
			if i%16 == 0 {
				r.advance(&k)
			}
		}
	})
	record := make([]byte, lengths)
	for n := range rounds {
		round.Store(n)
		stamp := r.Stamp(k, 0)
		outdated[n] = r.PutIf(stamp, k, 0, Never, 0, record[:1+n%lengths]) == Outdated
		r.Remove(k, 0, 0, 0)
	}
	running.Wait()
	for n := range rounds {
		if seen[n] && outdated[n] {
			t.Fatalf("round %d", n)
		}
	}
	require.Contains(t, outdated, true)
	require.Contains(t, seen, true)
}

// Of all who take a session or remove it one gets it, though others store it again
// because they had got it before.
func TestRegion_OneHasIt(t *testing.T) {
	r := open(t, MinSize)
	var noted uint32
	var winners atomic.Int32
	key := func(round uint64) Key { return numbered(round % 100) }
	remove := func(n uint64) {
		if r.Remove(key(n), 0, 0, 0) {
			winners.Add(1)
		}
	}
	take := func(n uint64) {
		if _, _, v := r.Take(key(n), 0, make([]byte, 100)); v == Found {
			winners.Add(1)
		}
	}
	together(scaled(16_000), func(n uint64) {
		put(t, r, key(n), Never, []byte("session"))
		noted = r.Stamp(key(n), 0)
		winners.Store(0)
	}, func(n uint64) {
		if winners.Load() > 1 {
			t.Fatalf("round %d: %d", n, winners.Load())
		}
	}, func(n uint64) {
		r.PutIf(noted, key(n), 0, Never, 0, []byte("session"))
	}, func(n uint64) {
		remove(n)
		remove(n)
		remove(n)
	}, func(n uint64) {
		take(n)
		remove(n)
		take(n)
	})
}

// Threads of one process get along as processes do.
func TestRegion_Threads(t *testing.T) {
	r := open(t, MinSize)
	var running sync.WaitGroup
	var foreign atomic.Uint64
	for i := range uint64(4) {
		running.Go(func() {
			random := rand.New(rand.NewPCG(i, 1))
			dst := make([]byte, MaxRecord)
			for range scaled(20_000) {
				k := numbered(random.Uint64N(300))
				lookup := r.Get
				switch random.IntN(8) {
				case 0:
					lookup = r.Take
				case 1:
					r.Remove(k, 0, 0, 0)
				case 2:
					r.Flush(random.Uint32N(50), 0, true, 0)
				case 3, 4:
					r.Put(k, uint32(k.Hi%50), Never, 0, content(k, i, random.IntN(3000)))
				}
				if n, _, v := lookup(k, 0, dst); v == Found && !whose(k, dst[:n]) {
					foreign.Add(1)
				}
			}
		})
	}
	running.Wait()
	require.Zero(t, foreign.Load())
	c := *r.totals
	require.NotZero(t, c.Evicted)
	require.NotZero(t, c.Taken)
}
