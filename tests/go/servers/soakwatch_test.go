package servers

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
)

// watched is one server that a soak looks at.
type watched struct {
	*service
	launch *launch
	// known are the figures of its processes, as they were seen last: the place of one that has
	// ended is used again.
	known map[[2]uint64]statfile.Process
}

// counted is what all processes have counted since their start, those that have ended included.
func (w *watched) counted(t *testing.T) statfile.Process {
	t.Helper()
	all, err := statfile.Read(w.launch.figures)
	require.NoError(t, err)
	for _, p := range all {
		w.known[[2]uint64{p.PID, p.StartTime}] = p
	}
	var processes []statfile.Process
	for _, p := range w.known {
		processes = append(processes, p)
	}
	return statfile.Sum(processes)
}

// memory is what the master has resident, and its workers on average, in MB.
func (w *watched) memory(t *testing.T) (master, worker float64) {
	t.Helper()
	master, _ = resident(w.cmd.Process.Pid)
	var sum float64
	var workers int
	for _, pid := range w.children(t) {
		// One that has just ended has nothing.
		if mb, ok := resident(pid); ok {
			sum += mb
			workers++
		}
	}
	return master, sum / float64(max(1, workers))
}

// resident is the memory of a process that is resident, in MB; false if there is none.
func resident(pid int) (float64, bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			return float64(kilobytes) / 1024, true
		}
	}
	return 0, false
}

// busyTime is how long the machine's processors have worked, and how long they could have, in
// ticks of its clock.
func busyTime(t *testing.T) (worked, could int) {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(line)[1:9] {
		ticks, err := strconv.Atoi(field)
		require.NoError(t, err)
		could += ticks
		if idle := i == 3 || i == 4; !idle {
			worked += ticks
		}
	}
	return worked, could
}

// memorySeries are the memories that have to be flat: the median of the last third of the time is
// at most that of the first, times share, and flatMB more. A leak of 100 bytes a handshake is above
// that after half an hour. How old the workers are that are killed, and so how full their caches
// are, differs by chance.
var memorySeries = []struct {
	name  string
	share float64
}{{"master, struck", 1.1}, {"worker, struck", 1.3}, {"master, steady", 1.1}, {"worker, steady", 1.1}}

const (
	flatMB = 2
	// leastToJudge is how long a soak has to be for its memory to be judged: caches fill and the Go
	// heap finds its size first.
	leastToJudge = 5 * time.Minute
)

// history is a soak's memory over time.
type history struct {
	times  []time.Duration
	values [][]float64 // of memorySeries
}

func (h *history) note(at time.Duration, values ...float64) {
	if h.values == nil {
		h.values = make([][]float64, len(memorySeries))
	}
	h.times = append(h.times, at)
	for i, value := range values {
		h.values[i] = append(h.values[i], value)
	}
}

// write puts the history as CSV and as a drawing into a directory.
func (h *history) write(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file, err := os.Create(filepath.Join(dir, "memory.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	head := []string{"seconds"}
	for _, series := range memorySeries {
		head = append(head, series.name)
	}
	rows := [][]string{head}
	for i, at := range h.times {
		row := []string{strconv.Itoa(int(at.Seconds()))}
		for _, series := range h.values {
			row = append(row, strconv.FormatFloat(series[i], 'f', 2, 64))
		}
		rows = append(rows, row)
	}
	require.NoError(t, csv.NewWriter(file).WriteAll(rows))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "memory.txt"), []byte(h.String()), 0o644))
}

// String draws one curve for each memory.
func (h *history) String() string {
	var text strings.Builder
	for i, series := range h.values {
		fmt.Fprintf(&text, "%s: resident MB over %v\n%s\n", memorySeries[i].name,
			h.times[len(h.times)-1].Round(time.Second), draw(series))
	}
	return text.String()
}

// draw is a curve of 72 columns and 8 lines, from 0 up to the highest value.
func draw(values []float64) string {
	const columns, lines = 72, 8
	top := slices.Max(values)
	var text strings.Builder
	for line := range lines {
		label := ""
		switch line {
		case 0:
			label = fmt.Sprintf("%.1f", top)
		case lines - 1:
			label = "0.0"
		}
		fmt.Fprintf(&text, "%8s |", label)
		for column := range min(columns, len(values)) {
			value := values[column*len(values)/min(columns, len(values))]
			if level := int(value / max(top, 1e-9) * (lines - 0.01)); level >= lines-1-line {
				text.WriteByte('#')
			} else {
				text.WriteByte(' ')
			}
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func TestDraw(t *testing.T) {
	lines := strings.Split(draw([]float64{0, 4, 8}), "\n")
	assert.Equal(t, "     8.0 |  #", lines[0])
	assert.Equal(t, "         | ##", lines[4])
	assert.Equal(t, "     0.0 |###", lines[7])
}

// growth is the median of the first third and that of the last.
func growth(values []float64) (first, last float64) {
	third := max(1, len(values)/3)
	return median(values[:third]), median(values[len(values)-third:])
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func TestGrowth(t *testing.T) {
	of := func(value func(i int) float64) []float64 {
		var values []float64
		for i := range 90 {
			values = append(values, value(i))
		}
		return values
	}
	first, last := growth(of(func(i int) float64 { return min(20, 5+5*float64(i)) }))
	assert.Equal(t, []float64{20, 20}, []float64{first, last}, "a beginning is not growth")
	first, last = growth(of(func(i int) float64 { return 20 + float64(i)/10 }))
	assert.Equal(t, []float64{21.5, 27.5}, []float64{first, last})
	first, last = growth([]float64{7})
	assert.Equal(t, []float64{7, 7}, []float64{first, last})
}
