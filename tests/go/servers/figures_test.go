package servers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/statfile"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// figures are what the library kept about the processes of one server.
type figures []statfile.Process

func (l *launch) readFigures(t *testing.T) figures {
	t.Helper()
	processes, err := statfile.Read(l.figures)
	require.NoError(t, err)
	if l.living != nil {
		living := l.living()
		processes = slices.DeleteFunc(processes, func(p statfile.Process) bool {
			return !slices.Contains(living, int(p.PID))
		})
	}
	return processes
}

func (f figures) sum(of func(statfile.Process) uint64) int {
	var total uint64
	for _, p := range f {
		total += of(p)
	}
	return int(total)
}

// coreHits is how many sessions the Go core found, in all processes.
func (f figures) coreHits() int {
	return f.sum(func(p statfile.Process) uint64 { return p.Core.Hits })
}

// appHits is how many sessions the server's own callback found.
func (f figures) appHits() int {
	return f.sum(func(p statfile.Process) uint64 { return p.AppHits })
}

// appNew is how many sessions the server's own callback was told of.
func (f figures) appNew() int {
	return f.sum(func(p statfile.Process) uint64 { return p.AppNew })
}

// started is in how many processes the Go core was started.
func (f figures) started() int {
	return f.sum(func(p statfile.Process) uint64 {
		if p.CoreState == statfile.CoreRunning {
			return 1
		}
		return 0
	})
}

// imbalance says what does not add up in a process; nothing, if all does.
func (f figures) imbalance() string {
	var wrong []string
	for _, p := range f {
		c := p.Core
		left := int64(c.Adds) - int64(c.Replaced+c.Evicted+c.Expired+c.Removed+c.Flushed)
		if left != int64(c.Entries) || p.SlotsUsed != c.Entries || p.Panics != 0 {
			wrong = append(wrong, fmt.Sprintf("process %d: %d sessions should be left, %d are, "+
				"with %d references held, and %d panics: %+v", p.PID, left, c.Entries,
				p.SlotsUsed, p.Panics, p))
		}
	}
	return strings.Join(wrong, "\n")
}

// idleFigures waits until the processes are idle and asserts that no session leaked. Stock has
// no figures.
func (l *launch) idleFigures(t *testing.T) figures {
	t.Helper()
	if l.mode == stock {
		return nil
	}
	var now figures
	defer func() {
		if wrong := now.imbalance(); wrong != "" {
			t.Log(wrong)
		}
	}()
	eventually(t, func() bool {
		now = l.readFigures(t)
		return now.imbalance() == ""
	}, "the figures balance")
	return now
}

func (f figures) String() string {
	var text strings.Builder
	for _, p := range f {
		fmt.Fprintf(&text, "process %d: core state %d, started in %.2f ms, application: hits %d "+
			"of %d, new %d, remove %d; references %d, core %+v", p.PID, p.CoreState,
			float64(p.CoreStartNanos)/1e6, p.AppHits, p.AppLookups, p.AppNew, p.AppRemove,
			p.SlotsUsed, p.Core)
		if p.Region != (region.Counters{}) {
			fmt.Fprintf(&text, ", region %+v", p.Region)
		}
		if p.Store != (store.Counters{}) {
			fmt.Fprintf(&text, ", store %+v, unsealed %d", p.Store, p.Unsealed)
		}
		text.WriteByte('\n')
	}
	return text.String()
}
