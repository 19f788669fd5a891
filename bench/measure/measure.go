// Package measure has what the suites of the benchmark share: the form of a
// measurement, the figures that sum up several rounds of it on both sides, and
// the files that keep them.
package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The sides that are compared.
const (
	Stock   = "stock"   // libssl alone
	Library = "library" // the same program with libsesscache in front
)

// Measurement is what one run of one configuration on one side gave.
type Measurement struct {
	// Bench names what was run, such as "ops" or "nginx".
	Bench string `json:"bench"`
	// Params are the configuration; measurements of equal parameters are compared.
	Params map[string]any `json:"params"`
	// Side is Stock, Library, or the name of another rival.
	Side string `json:"side"`
	// Round counts the runs of the configuration on one side, from 0. A ratio
	// is of two measurements of the same round.
	Round int `json:"round"`
	// Values are the figures by name; the name ends in their unit where there is one.
	Values map[string]float64 `json:"values"`
}

// Key names the benchmark and its parameters, those of an equal configuration alike.
func (m Measurement) Key() string {
	names := make([]string, 0, len(m.Params))
	for name := range m.Params {
		names = append(names, name)
	}
	slices.Sort(names)
	var key strings.Builder
	key.WriteString(m.Bench)
	for _, name := range names {
		fmt.Fprintf(&key, " %s=%s", name, text(m.Params[name]))
	}
	return key.String()
}

// text writes a parameter so that a number read from JSON and one from Go are alike.
func text(value any) string {
	if number, ok := value.(float64); ok && number == math.Trunc(number) && math.Abs(number) < 1e15 {
		return fmt.Sprintf("%d", int64(number))
	}
	return fmt.Sprint(value)
}

// FromLine reads a line that a C program of the benchmark printed: the field
// "bench" names it, the fields named in params are the configuration, every
// other one is a value and has to be a number.
func FromLine(line []byte, params ...string) (Measurement, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return Measurement{}, fmt.Errorf("%q: %w", line, err)
	}
	m := Measurement{Params: map[string]any{}, Values: map[string]float64{}}
	for name, field := range fields {
		number, isNumber := field.(float64)
		switch {
		case name == "bench":
			m.Bench, _ = field.(string)
		case slices.Contains(params, name):
			m.Params[name] = field
		case isNumber:
			m.Values[name] = number
		default:
			return Measurement{}, fmt.Errorf("%q: %s is neither a parameter nor a number", line, name)
		}
	}
	if m.Bench == "" {
		return Measurement{}, fmt.Errorf("%q: no name of a benchmark", line)
	}
	for _, name := range params {
		if _, found := m.Params[name]; !found {
			return Measurement{}, fmt.Errorf("%q: parameter %s is missing", line, name)
		}
	}
	return m, nil
}
