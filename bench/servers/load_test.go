package servers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const openLoop = `{"connections":1000,"failed":0,"full":10,"resumed":990,"offered":1000,` +
	`"refused":10,"said":990,"said_resumed":990,"errors":{},"seconds":2.000,` +
	`"own_cpu_seconds":0.5,"handshakes_per_second":500.0,"latency_ms":{"p50":0.300,"p90":0.400,` +
	`"p99":0.900,"p99.9":1.500,"max":2.000},"rate":501.0,"unfinished":3,"lag_ms":{"p50":0.001,` +
	`"p90":0.002,"p99":0.050,"p99.9":0.060,"max":0.070},"cpu_seconds":0.250000}`

func TestParseLoad(t *testing.T) {
	l, err := parseLoad([]byte(openLoop))
	require.NoError(t, err)
	values, err := l.common()
	require.NoError(t, err)
	require.Equal(t, map[string]float64{
		"resumed_per_s":     495,
		"full_share":        0.01,
		"cpu_us":            250,
		"server_processors": 0.125,
		"client_processors": 0.25,
		"p50_ms":            0.3,
		"p99_ms":            0.9,
		"p999_ms":           1.5,
		"max_ms":            2,
	}, values)
	require.Equal(t, 3, l.Unfinished)
	require.Equal(t, 0.05, l.Lag.P99)
	require.Equal(t, 501.0, l.Rate)
}

func TestParseLoad_refuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"nothing":      {``, "no result"},
		"a failure":    {`{"connections":2,"failed":1,"errors":{"answer: timeout":1}}`, "1 of 2 connections failed: 1 answer: timeout"},
		"disagreement": {`{"connections":2,"resumed":2,"said":1}`, "the server says 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseLoad([]byte(c.text))
			require.ErrorContains(t, err, c.says)
		})
	}
}

// Figures of resumed handshakes are not made of runs with other ones.
func TestLoad_common(t *testing.T) {
	for name, l := range map[string]load{
		"nothing resumed": {Connections: 10, Full: 0, Seconds: 1},
		"much not":        {Connections: 100, Full: 3, Resumed: 97, Seconds: 1},
		"no time":         {Connections: 100, Resumed: 100},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.common()
			require.Error(t, err)
		})
	}
}
