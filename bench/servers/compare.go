package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// openShare is the share of the slowest side's capacity at which the open loop
// asks all sides.
const openShare = 0.6

// run compares the sides of a configuration. In each round every side has a
// server of its own that has been in use for a while; they all run at once, and
// the load goes from one to the next in short turns, so that whatever else the
// machine does meets all sides alike. The one that comes first is another in each
// turn.
func (c configuration) run(ctx context.Context, o *Options, s *site) ([]measure.Measurement, error) {
	var all []measure.Measurement
	var rate float64
	for round := range o.Rounds {
		o.Log("%s, round %d of %d", c.name, round+1, o.Rounds)
		some, err := c.round(ctx, o, s, round, &rate)
		all = append(all, some...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// round measures every side in some turns. The first round finds the rate of the
// open loop for all.
func (c configuration) round(ctx context.Context, o *Options, s *site, round int, rate *float64) (
	all []measure.Measurement, err error) {
	order := rotated(c.sides, round)
	servers := make([]*server, 0, len(order))
	defer func() {
		for _, v := range servers {
			if stopErr := v.stop(); stopErr != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", v.side.name, stopErr))
			}
		}
	}()
	for _, side := range order {
		v, err := c.start(s, o, side)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", side.name, err)
		}
		servers = append(servers, v)
	}
	for _, v := range servers {
		if err := v.use(ctx, o, c.usedBefore(o)); err != nil {
			return nil, fmt.Errorf("%s, before it is measured: %w", v.side.name, err)
		}
	}
	slowest := math.Inf(1)
	err = c.turns(o, servers, round, "closed", &all, func(v *server) (map[string]float64, error) {
		values, err := v.closed(ctx, o)
		if err == nil {
			slowest = min(slowest, values["resumed_per_s"])
		}
		return values, err
	})
	if err != nil {
		return all, err
	}
	if *rate == 0 {
		*rate = math.Max(1, math.Floor(openShare*slowest))
	}
	err = c.turns(o, servers, round, "open", &all, func(v *server) (map[string]float64, error) {
		return v.open(ctx, o, *rate)
	})
	if err != nil {
		return all, err
	}
	for _, v := range servers {
		if err := v.witness(ctx); err != nil {
			return all, fmt.Errorf("%s: %w", v.side.name, err)
		}
	}
	return all, nil
}

// usedBefore is how many sessions a server has given out before it is measured.
func (c configuration) usedBefore(o *Options) int {
	if o.Quick {
		return o.Used
	}
	return max(o.Used, c.used)
}

// turns puts a load on the servers by turns; each turn is a round of the figures.
func (c configuration) turns(o *Options, servers []*server, round int, loop string, all *[]measure.Measurement,
	load func(*server) (map[string]float64, error)) error {
	for turn := range o.Turns {
		for _, v := range rotated(servers, turn) {
			values, err := load(v)
			if err != nil {
				return fmt.Errorf("%s, %s loop: %w", v.side.name, loop, err)
			}
			*all = append(*all, c.measurement(loop, v.side.name, round*o.Turns+turn, values))
		}
	}
	return nil
}

func (c configuration) measurement(loop, side string, round int, values map[string]float64) measure.Measurement {
	params := maps.Clone(c.params)
	params["loop"] = loop
	return measure.Measurement{Bench: c.bench, Params: params, Side: side, Round: round, Values: values}
}

// rotated is the list begun at another element in each turn.
func rotated[T any](list []T, turn int) []T {
	first := turn % len(list)
	return slices.Concat(list[first:], list[:first])
}
