package measure

import "slices"

// Spread is a figure of several rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// SpreadOf sums up some figures; without figures it is zero.
func SpreadOf(figures []float64) Spread {
	if len(figures) == 0 {
		return Spread{}
	}
	return Spread{Median(figures), slices.Min(figures), slices.Max(figures), len(figures)}
}

// Median is the middle figure, or the mean of the middle two; 0 without figures.
func Median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Comparison is one value of one configuration: both sides, and their ratio.
type Comparison struct {
	Bench  string         `json:"bench"`
	Params map[string]any `json:"params"`
	Value  string         `json:"value"`
	// Base and Side name the sides; Ratio is Side divided by Base.
	Base string `json:"base"`
	Side string `json:"side"`
	// BaseValue and SideValue are the figures of the two.
	BaseValue Spread `json:"base_value"`
	SideValue Spread `json:"side_value"`
	// Ratio is of the rounds that have both sides and a base other than 0.
	Ratio Spread `json:"ratio"`
}

// Key names the configuration as Measurement.Key does.
func (c Comparison) Key() string {
	return Measurement{Bench: c.Bench, Params: c.Params}.Key()
}

// group is the rounds of one configuration, by side and round.
type group struct {
	first  Measurement
	rounds map[string]map[int]Measurement
}

// groups puts measurements of the same configuration together, in the order in
// which configurations come first.
func groups(measurements []Measurement) []*group {
	var order []*group
	byKey := map[string]*group{}
	for _, m := range measurements {
		g := byKey[m.Key()]
		if g == nil {
			g = &group{m, map[string]map[int]Measurement{}}
			byKey[m.Key()] = g
			order = append(order, g)
		}
		if g.rounds[m.Side] == nil {
			g.rounds[m.Side] = map[int]Measurement{}
		}
		g.rounds[m.Side][m.Round] = m
	}
	return order
}

// Compare sums up what was measured on the sides base and side: a comparison
// for each configuration and each value, configurations in the order in which
// they come first, values by name. A configuration that one of the two sides
// lacks gives none.
func Compare(measurements []Measurement, base, side string) []Comparison {
	var comparisons []Comparison
	for _, g := range groups(measurements) {
		if g.rounds[base] == nil || g.rounds[side] == nil {
			continue
		}
		for _, value := range g.values(base, side) {
			comparisons = append(comparisons, g.compare(value, base, side))
		}
	}
	return comparisons
}

// values are the names of the values that both sides have.
func (g *group) values(base, side string) []string {
	has := func(side string) map[string]bool {
		names := map[string]bool{}
		for _, m := range g.rounds[side] {
			for name := range m.Values {
				names[name] = true
			}
		}
		return names
	}
	var both []string
	others := has(side)
	for name := range has(base) {
		if others[name] {
			both = append(both, name)
		}
	}
	slices.Sort(both)
	return both
}

func (g *group) compare(value, base, side string) Comparison {
	var ratios []float64
	for round, m := range g.rounds[side] {
		numerator, found := m.Values[value]
		other, paired := g.rounds[base][round]
		if denominator := other.Values[value]; found && paired && denominator != 0 {
			ratios = append(ratios, numerator/denominator)
		}
	}
	return Comparison{
		Bench: g.first.Bench, Params: g.first.Params, Value: value, Base: base, Side: side,
		BaseValue: SpreadOf(g.figures(base, value)), SideValue: SpreadOf(g.figures(side, value)),
		Ratio: SpreadOf(ratios),
	}
}

// figures are the values of one side, in no order.
func (g *group) figures(side, value string) []float64 {
	var figures []float64
	for _, m := range g.rounds[side] {
		if figure, found := m.Values[value]; found {
			figures = append(figures, figure)
		}
	}
	return figures
}
