package servers

import (
	"errors"
	"fmt"

	"github.com/libsesscache/libsesscache/bench/measure"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// Sides beside measure.Stock and measure.Library, which is the way to use the
// library with that server: nginx with `builtin` in the default mode, where the
// region is between the workers; haproxy, one process, in the mode takeover with
// its own cache turned off and the table of the process alone.
const (
	// sideTakeover: the library serves, the server's own cache stands behind it.
	sideTakeover = "library-takeover"
	// sideBetween: the server's own cache serves, the library stands between.
	sideBetween = "library-between"
	// sideTable: the table of the process alone, SESSCACHE_SHARED_SIZE=0.
	sideTable = "library-table"
	// sideStore: region, and a Redis on loopback.
	sideStore = "library-redis"
)

// side is one way to run the server of a configuration.
type side struct {
	name     string
	cache    string            // argument of nginx's ssl_session_cache, haproxy's tune.ssl.cachesize
	settings map[string]string // variables of the library; nil: the server alone
	store    bool              // with a Redis
	// did tells by the figures of all processes whether the side did what it is for.
	did func(sum statfile.Process) error
}

// configuration is a server with its processes and threads, and the sides that
// are compared with each other.
type configuration struct {
	name   string
	bench  string
	params map[string]any
	// used stands for Options.Used where that is less, unless the run is a quick one.
	used  int
	start func(s *site, o *Options, v side) (*server, error)
	sides []side
}

// Caches of nginx, large enough that nothing is evicted.
const (
	nginxBuiltin = "builtin:100000"
	nginxShared  = "shared:tls:64m"
)

// Caches of haproxy: of its default size, which is about OpenSSL's, and none. A server
// in use has them full, so it is measured after that many sessions.
const (
	haproxyOwn  = "20000"
	haproxyNone = "0"
	haproxyUsed = 22_000
)

// Settings of the library.
var (
	defaults      = map[string]string{}
	takeover      = map[string]string{"SESSCACHE_MODE": "takeover"}
	tableAlone    = map[string]string{"SESSCACHE_SHARED_SIZE": "0"}
	takeoverAlone = map[string]string{"SESSCACHE_MODE": "takeover", "SESSCACHE_SHARED_SIZE": "0"}
)

func configurations() []configuration {
	return []configuration{
		{
			name: "nginx-1", bench: "nginx", params: map[string]any{"workers": 1},
			start: startNginx(1),
			sides: []side{
				{name: measure.Stock, cache: nginxBuiltin},
				{name: measure.Library, cache: nginxBuiltin, settings: defaults, did: all(served, shared)},
				{name: sideTable, cache: nginxBuiltin, settings: tableAlone, did: all(served, alone)},
				{name: sideStore, cache: nginxBuiltin, settings: defaults, store: true, did: all(served, shared, stored)},
			},
		},
		{
			name: "nginx-4", bench: "nginx", params: map[string]any{"workers": 4},
			start: startNginx(4),
			sides: []side{
				{name: measure.Stock, cache: nginxShared},
				{name: measure.Library, cache: nginxBuiltin, settings: defaults, did: all(served, shared, fromOthers)},
				{name: sideTakeover, cache: nginxShared, settings: takeover, did: all(served, shared, fromOthers)},
				{name: sideStore, cache: nginxBuiltin, settings: defaults, store: true, did: all(served, shared, fromOthers, stored)},
			},
		},
		{
			name: "haproxy", bench: "haproxy", params: map[string]any{"threads": 2},
			used: haproxyUsed, start: startHaproxy,
			sides: []side{
				{name: measure.Stock, cache: haproxyOwn},
				{name: measure.Library, cache: haproxyNone, settings: takeoverAlone, did: all(served, alone)},
				{name: sideTakeover, cache: haproxyOwn, settings: takeover, did: all(served, shared)},
				{name: sideBetween, cache: haproxyOwn, settings: defaults, did: between},
			},
		},
	}
}

// all joins several tests of the figures.
func all(tests ...func(statfile.Process) error) func(statfile.Process) error {
	return func(sum statfile.Process) error {
		for _, test := range tests {
			if err := test(sum); err != nil {
				return err
			}
		}
		return nil
	}
}

// served: sessions came from the Go core.
func served(sum statfile.Process) error {
	if sum.Core.Hits == 0 || sum.Core.Misses > sum.Core.Hits/100 {
		return fmt.Errorf("the Go core had %d hits and %d misses", sum.Core.Hits, sum.Core.Misses)
	}
	return nil
}

// shared: sessions went into the region.
func shared(sum statfile.Process) error {
	if sum.Region.Puts == 0 {
		return errors.New("nothing was put into the region")
	}
	return nil
}

// alone: there is no region.
func alone(sum statfile.Process) error {
	if sum.Region.Puts != 0 {
		return errors.New("sessions were put into a region that should not be there")
	}
	return nil
}

// fromOthers: sessions that another worker made came out of the region.
func fromOthers(sum statfile.Process) error {
	if sum.Core.SharedHits == 0 {
		return errors.New("no worker resumed the session of another")
	}
	return nil
}

// stored: sessions went into the store, and hardly any was dropped on the way.
func stored(sum statfile.Process) error {
	if sum.Store.Writes == 0 || sum.Store.Dropped > sum.Store.Writes/100 {
		return fmt.Errorf("the store got %d records, %d were dropped", sum.Store.Writes,
			sum.Store.Dropped)
	}
	return nil
}

// between: the application's own callbacks served, and the core never started.
func between(sum statfile.Process) error {
	if sum.AppHits == 0 || sum.Core.Hits != 0 {
		return fmt.Errorf("the server's own cache had %d hits, the Go core %d", sum.AppHits,
			sum.Core.Hits)
	}
	return nil
}
