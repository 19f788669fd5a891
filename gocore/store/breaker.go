package store

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// failuresToOpen in a row open the breaker.
	failuresToOpen = 5

	// Late answers open it too when, over time, more than one in lateWeight
	// comes late: each holds up a handshake, and perhaps the whole worker, so a
	// part of a cluster that hangs costs more than a part that is gone.
	lateWeight = 8
	lateToOpen = failuresToOpen * lateWeight
	lateMost   = 2 * lateToOpen

	// Pauses between two probes, to which a quarter is added at random, so that
	// not all workers of all hosts ask at the same moment.
	firstPause = 250 * time.Millisecond
	lastPause  = 800 * time.Millisecond
)

// breaker keeps handshakes from a server that does not serve. It is closed,
// open, or, only for the time of a probe, half open.
type breaker struct {
	states *gobreaker.TwoStepCircuitBreaker[struct{}]
	open   atomic.Bool  // not closed
	late   atomic.Int64 // lateWeight for each late answer, less 1 for each in time
}

// newBreaker makes a closed breaker. opened is called whenever it opens, and
// closed when it closes again; they must not block or call the breaker.
func newBreaker(totals *Counters, opened, closed func()) *breaker {
	b := new(breaker)
	b.states = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		// Shorter than any pause: it is for the prober to decide when to ask.
		Timeout: firstPause / 2,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			return counts.ConsecutiveFailures >= failuresToOpen || b.late.Load() >= lateToOpen
		},
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch {
			case to == gobreaker.StateClosed:
				b.late.Store(0)
				b.open.Store(false)
				uncount(&totals.Open)
				closed()
			case from == gobreaker.StateClosed:
				b.open.Store(true)
				count(&totals.Open)
				count(&totals.Opened)
				opened()
			}
		},
	})
	return b
}

// allow is true if a request may be made; done is to be told its outcome.
func (b *breaker) allow() (done func(error), ok bool) {
	if b.open.Load() {
		return nil, false
	}
	report, err := b.states.Allow()
	if err != nil {
		return nil, false
	}
	return func(err error) {
		b.note(err)
		report(err)
	}, true
}

// fail tells of a failure without a request that was allowed before.
func (b *breaker) fail(err error) {
	if done, ok := b.allow(); ok {
		done(err)
	}
}

func (b *breaker) note(err error) {
	switch {
	case err == nil:
		if late := b.late.Load(); late > 0 {
			// One that another goroutine overtakes is not missed.
			b.late.CompareAndSwap(late, late-1)
		}
	case isLate(err):
		if b.late.Load() < lateMost {
			b.late.Add(lateWeight)
		}
	}
}

// probe asks whether an open breaker may close, and closes it if so.
func (b *breaker) probe(ask func() error) bool {
	report, err := b.states.Allow()
	if err != nil {
		return false
	}
	err = ask()
	report(err)
	return err == nil
}

// pauses yields the time before each probe.
func pauses(yield func(time.Duration) bool) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if !yield(pause + rand.N(pause/4)) {
			return
		}
	}
}

// end counts the breaker as open no more; it is not to be used afterwards.
func (b *breaker) end(totals *Counters) {
	if b.open.Load() {
		uncount(&totals.Open)
	}
}
