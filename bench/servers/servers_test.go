package servers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

func TestRegionSize(t *testing.T) {
	require.Equal(t, "1M", regionSize(1))
	require.Equal(t, "5M", regionSize(20_000))
	require.Equal(t, "210M", regionSize(1_000_000))
}

func TestRotated(t *testing.T) {
	sides := []side{{name: "a"}, {name: "b"}, {name: "c"}}
	names := func(round int) (all string) {
		for _, v := range rotated(sides, round) {
			all += v.name
		}
		return all
	}
	require.Equal(t, "abc", names(0))
	require.Equal(t, "bca", names(1))
	require.Equal(t, "cab", names(2))
	require.Equal(t, "abc", names(3))
}

func TestHolding_parse(t *testing.T) {
	line := func(found string) []byte {
		return []byte(`{"bench":"workers","workers":4,"sessions":100,"table":110,"adds":"own",` +
			`"before_bytes":1000,"total_bytes":5000,"session_bytes":40.0,"found":` + found + `,"seconds":0.01}` + "\n")
	}
	for name, c := range map[string]struct {
		h     holding
		found string
		wrong bool
	}{
		"stock, its own":          {holding{measure.Stock, 110, "own", false}, "0.2500", false},
		"stock, less":             {holding{measure.Stock, 110, "own", false}, "0.2000", true},
		"stock, all":              {holding{sideAll, 110, "all", false}, "1.0000", false},
		"stock, not all":          {holding{sideAll, 110, "all", false}, "0.2500", true},
		"library, shared":         {holding{measure.Library, 10, "own", true}, "0.9999", false},
		"library, not shared":     {holding{measure.Library, 10, "own", true}, "0.2500", true},
		"library, region is full": {holding{measure.Library, 10, "own", true}, "0.9900", true},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := c.h.parse(line(c.found))
			if c.wrong {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "workers sessions=100 workers=4", m.Key())
			require.Equal(t, c.h.side, m.Side)
			require.Equal(t, 5000.0, m.Values["total_bytes"])
			require.Equal(t, 40.0, m.Values["session_bytes"])
		})
	}
}

// A side whose figures say that it did something else is found out.
func TestConfigurations_did(t *testing.T) {
	busy := statfile.Process{
		AppHits: 5,
		Core:    cache.Counters{Hits: 1000, SharedHits: 100},
		Region:  region.Counters{Puts: 10},
	}
	busy.Store.Writes = 10
	idle := statfile.Process{}
	for _, c := range configurations() {
		for _, v := range c.sides {
			require.Equal(t, v.settings == nil, v.did == nil, "%s, %s", c.name, v.name)
			if v.did != nil {
				require.Error(t, v.did(idle), "%s, %s", c.name, v.name)
			}
		}
	}
	require.NoError(t, all(served, shared, fromOthers, stored)(busy))
	require.Error(t, alone(busy))
	require.Error(t, between(busy))
	missing := busy
	missing.Core.Misses = 100
	require.Error(t, served(missing))
	require.NoError(t, between(statfile.Process{AppHits: 1}))
}

func TestRun_options(t *testing.T) {
	_, err := Run(context.Background(), Options{Only: []string{"lighttpd"}})
	require.ErrorContains(t, err, `no part "lighttpd"`)
	_, err = Run(context.Background(), Options{Library: "/nonexistent/library.so"})
	require.ErrorContains(t, err, "/nonexistent/library.so")
	require.Equal(t, []string{"nginx-1", "nginx-4", "haproxy", "memory"}, Parts())
}
