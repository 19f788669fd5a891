package main

import (
	"math/bits"
	"time"
)

// Each power of two has so many steps, which is the precision.
const (
	stepBits = 6
	steps    = 1 << stepBits
)

// histogram counts times by size, to one part in 64.
type histogram struct {
	buckets [(64 - stepBits + 1) * steps]uint64
	count   uint64
	max     time.Duration
}

// bucketOf is where a time is counted; times below 2*steps have buckets of their own.
func bucketOf(ns uint64) int {
	shift := max(0, bits.Len64(ns)-stepBits-1)
	return shift*steps + int(ns>>shift)
}

// least is the shortest time of a bucket.
func least(bucket int) uint64 {
	shift := max(0, bucket/steps-1)
	return uint64(bucket-shift*steps) << shift
}

func (h *histogram) add(t time.Duration) {
	h.buckets[bucketOf(uint64(max(0, t)))]++
	h.count++
	h.max = max(h.max, t)
}

// quantile is the time that a part q of all do not exceed, rounded down to its bucket.
func (h *histogram) quantile(q float64) time.Duration {
	rest := uint64(q * float64(h.count))
	for bucket, n := range h.buckets {
		if rest < n {
			return min(time.Duration(least(bucket)), h.max)
		}
		rest -= n
	}
	return h.max
}
