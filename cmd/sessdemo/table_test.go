package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

func runs(rates ...float64) []measurement {
	var all []measurement
	for _, rate := range rates {
		all = append(all, measurement{load: load{Full: 60, Resumed: 40, Offered: 80, Rate: rate}})
	}
	return all
}

func TestSpreadOf(t *testing.T) {
	assert.Equal(t, spread{2, 1, 9}, spreadOf(runs(9, 1, 2), rate))
	assert.Equal(t, spread{3, 1, 9}, spreadOf(runs(9, 1, 2, 4), rate))
}

func TestWriteTable(t *testing.T) {
	preloaded := runs(1000, 1100)
	for i := range preloaded {
		preloaded[i].figures = []statfile.Process{
			{PID: 1}, // the master, whose core never starts
			{
				PID: 2, CoreState: statfile.CoreRunning, CoreStartNanos: 2e6,
				Core:   cache.Counters{Hits: 40, SharedHits: 30},
				Region: region.Counters{Puts: 70},
			},
		}
	}
	var out strings.Builder
	writeTable(&out, runs(1000, 1200), preloaded)
	assert.Regexp(t, `resumed handshakes +80 +80\n`, out.String())
	assert.Regexp(t, `share resumed +40\.0 % +40\.0 %\n`, out.String())
	assert.Regexp(t, `sessions offered +50\.0 % +50\.0 %\n`, out.String())
	assert.Regexp(t, `handshakes a second +1100 \(1000 to 1200\) +1050 \(1000 to 1100\)\n`, out.String())
	assert.Regexp(t, `hits, session of the same worker +- +20\n`, out.String())
	assert.Regexp(t, `hits, session of another worker +- +60\n`, out.String())
	assert.Regexp(t, `shared memory: sessions stored +- +140\n`, out.String())
	assert.Regexp(t, `start of the Go core, a process +- +2\.00 \(2\.00 to 2\.00\) ms\n`, out.String())
}

func TestVerdict(t *testing.T) {
	preloaded := runs(1000, 1000)
	assert.Contains(t, verdict(runs(1000, 1000), preloaded), "libssl's own cache did")
	preloaded[0].figures = []statfile.Process{
		{CoreState: statfile.CoreRunning, Core: cache.Counters{Hits: 80}}}
	assert.Contains(t, verdict(runs(1000, 1000), preloaded), "Every resumption")
	preloaded[0].load.Resumed = 80
	assert.Contains(t, verdict(runs(1000, 1000), preloaded), "stock resumed 50.0 %")
	assert.Contains(t, verdict(runs(1000, 1000), preloaded), "resumed 75.0 %")
	assert.Contains(t, verdict(runs(1000, 1000), preloaded), "80 of the 120 resumptions")
	assert.Contains(t, verdict(runs(1000, 1100), preloaded), "within the noise")
	assert.Contains(t, verdict(runs(2000, 2001), preloaded), "more than the noise")
}
