package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/libsesscache/libsesscache/bench/measure"
)

// openShare is the share of the slowest side's capacity at which the open loop
// asks all sides.
const openShare = 0.6

// run compares the sides of a configuration. In each round every side has a
// fresh server; they all run at once, and the load goes from one to the next,
// so that whatever else the machine does meets all sides alike. The one that
// comes first is another in each round.
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

// round measures every side once. The first round finds the rate of the open
// loop for all.
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
	slowest := math.Inf(1)
	for _, v := range servers {
		values, err := v.closed(ctx, o)
		if err != nil {
			return all, fmt.Errorf("%s, closed loop: %w", v.side.name, err)
		}
		all = append(all, c.measurement("closed", v.side.name, round, values))
		slowest = min(slowest, values["resumed_per_s"])
	}
	if *rate == 0 {
		*rate = math.Max(1, math.Floor(openShare*slowest))
	}
	for _, v := range servers {
		values, err := v.open(ctx, o, *rate)
		if err != nil {
			return all, fmt.Errorf("%s, open loop: %w", v.side.name, err)
		}
		all = append(all, c.measurement("open", v.side.name, round, values))
	}
	for _, v := range servers {
		if err := v.witness(ctx); err != nil {
			return all, fmt.Errorf("%s: %w", v.side.name, err)
		}
	}
	return all, nil
}

func (c configuration) measurement(loop, side string, round int, values map[string]float64) measure.Measurement {
	params := maps.Clone(c.params)
	params["loop"] = loop
	return measure.Measurement{Bench: c.bench, Params: params, Side: side, Round: round, Values: values}
}

// rotated is the list begun at another element in each round.
func rotated(sides []side, round int) []side {
	first := round % len(sides)
	return append(append([]side{}, sides[first:]...), sides[:first]...)
}
