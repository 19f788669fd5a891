package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistogram(t *testing.T) {
	var h histogram
	r := rand.New(rand.NewPCG(1, 2))
	var times []time.Duration
	for range 10_000 {
		d := time.Duration(r.Uint64() >> (20 + r.IntN(44)))
		times = append(times, d)
		h.add(d)
	}
	slices.Sort(times)
	for _, q := range []float64{0, 0.1, 0.5, 0.99, 0.999} {
		exact := times[int(q*float64(len(times)))]
		require.LessOrEqual(t, h.quantile(q), exact)
		require.InEpsilon(t, float64(exact)+1, float64(h.quantile(q))+1, 1.0/steps, "%v", q)
	}
	require.Equal(t, times[len(times)-1], h.max)
	require.Equal(t, h.max, h.quantile(1))
}

func TestHistogram_Buckets(t *testing.T) {
	for _, ns := range []uint64{0, 1, 63, 64, 127, 128, 129, 130, 1 << 20, 1<<20 - 1, 1<<63 - 1, 1<<64 - 1} {
		b := bucketOf(ns)
		require.LessOrEqual(t, least(b), ns)
		if b+1 < len(histogram{}.buckets) {
			require.Greater(t, least(b+1), ns)
		}
	}
}

func TestCounts(t *testing.T) {
	require.Equal(t, []int{1}, counts(1))
	require.Equal(t, []int{1, 2}, counts(2))
	require.Equal(t, []int{1, 2, 4, 6}, counts(6))
}

// Every part measures, with two threads and a little time.
func TestParts(t *testing.T) {
	for _, p := range parts {
		if p.asked {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			lines := 0
			err := p.run(settings{threads: 2, budget: time.Millisecond, sessions: 1000}, func(m measurement) {
				lines++
				for _, name := range []string{"ns", "p50_ns", "cycle_ns", "pause_ns"} {
					if ns, ok := m[name].(float64); ok {
						require.Positive(t, ns, m)
					}
					if ns, ok := m[name].(time.Duration); ok {
						require.Positive(t, ns, m)
					}
				}
			})
			require.NoError(t, err)
			require.Positive(t, lines)
		})
	}
	require.Error(t, run(settings{threads: 1, budget: 1, sessions: 1}, []string{"other"}))
}

// A Redis that is not there is an error and nothing else.
func TestStore_OutOfReach(t *testing.T) {
	err := measureStore(settings{redis: "redis://127.0.0.1:1"}, func(measurement) { t.Error("it measured") })
	require.Error(t, err)
}
