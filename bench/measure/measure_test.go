package measure

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		figures []float64
		median  float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{5, 1}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		assert.InDelta(t, c.median, Median(c.figures), 0, "%v", c.figures)
	}
	figures := []float64{3, 1, 2}
	Median(figures)
	assert.Equal(t, []float64{3, 1, 2}, figures, "the figures stay in their order")
}

func TestSpreadOf(t *testing.T) {
	assert.Equal(t, Spread{2, 1, 9, 3}, SpreadOf([]float64{9, 1, 2}))
	assert.Equal(t, Spread{}, SpreadOf(nil))
}

func measured(n int, side string, round int, values map[string]float64) Measurement {
	return Measurement{Bench: "b", Params: map[string]any{"n": n}, Side: side, Round: round, Values: values}
}

func TestCompare(t *testing.T) {
	ns := func(value float64) map[string]float64 { return map[string]float64{"ns": value} }
	comparisons := Compare([]Measurement{
		measured(2, Stock, 0, ns(10)), measured(1, Stock, 0, ns(1)), measured(2, Library, 0, ns(20)),
		// A machine that is slow for a round is so for both sides.
		measured(2, Library, 1, ns(300)), measured(2, Stock, 1, ns(100)),
		// Rounds without a pair count for the side alone.
		measured(2, Library, 2, ns(40)),
		measured(2, "other", 0, ns(7)), measured(1, Library, 0, map[string]float64{"ns": 2, "calls": 5}),
	}, Stock, Library)
	require.Len(t, comparisons, 2)
	assert.Equal(t, Comparison{
		Bench: "b", Params: map[string]any{"n": 2}, Value: "ns", Base: Stock, Side: Library,
		BaseValue: Spread{55, 10, 100, 2}, SideValue: Spread{40, 20, 300, 3}, Ratio: Spread{2.5, 2, 3, 2},
	}, comparisons[0])
	assert.Equal(t, "b n=1", comparisons[1].Key())
	assert.Equal(t, Spread{2, 2, 2, 1}, comparisons[1].Ratio)
}

func TestCompare_withoutRatio(t *testing.T) {
	comparisons := Compare([]Measurement{
		measured(1, Stock, 0, map[string]float64{"b": 0, "a": 1}), measured(1, Library, 0, map[string]float64{"b": 5, "a": 3}),
	}, Stock, Library)
	require.Len(t, comparisons, 2)
	assert.Equal(t, "a", comparisons[0].Value)
	assert.Equal(t, Spread{}, comparisons[1].Ratio, "nothing is divided by 0")
	assert.Empty(t, Compare([]Measurement{measured(1, Library, 0, nil)}, Stock, Library))
}

func TestFromLine(t *testing.T) {
	m, err := FromLine([]byte(`{"bench":"ops","op":"add","threads":2,"ns":1.5,"calls":7}`), "op", "threads")
	require.NoError(t, err)
	assert.Equal(t, Measurement{
		Bench: "ops", Params: map[string]any{"op": "add", "threads": 2.0}, Values: map[string]float64{"ns": 1.5, "calls": 7},
	}, m)
	assert.Equal(t, "ops op=add threads=2", m.Key())
	for name, line := range map[string]string{
		"no JSON": "{", "no name": `{"op":"add"}`, "no parameter": `{"bench":"ops"}`,
		"a word as a value": `{"bench":"ops","op":"add","ns":"x"}`, "no number": `{"bench":"ops","op":"add","ns":nan}`,
	} {
		_, err := FromLine([]byte(line), "op")
		assert.Error(t, err, name)
	}
}

// Numbers are alike whether they come from a program's line or from Go.
func TestMeasurement_Key(t *testing.T) {
	assert.Equal(t, Measurement{Bench: "b", Params: map[string]any{"n": 1000000.0, "a": "x"}}.Key(),
		Measurement{Bench: "b", Params: map[string]any{"a": "x", "n": 1000000}}.Key())
	assert.NotEqual(t, measured(1, Stock, 0, nil).Key(), measured(2, Stock, 0, nil).Key())
}

func TestWriteJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "results.json")
	wanted := Results{
		Comparisons:  []Comparison{{Bench: "b", Params: map[string]any{"n": 1.0}, Value: "ns"}},
		Measurements: []Measurement{{Bench: "b", Params: map[string]any{"n": 1.0}, Side: Stock, Values: map[string]float64{"ns": 1}}},
	}
	require.NoError(t, WriteJSON(path, wanted))
	read, err := ReadResults(path)
	require.NoError(t, err)
	assert.Equal(t, wanted, read)
}
