package cost

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// Bounds are the most instructions that an operation may take, by the name of
// the run and of the operation.
type Bounds map[[2]string]float64

// ReadBounds reads a file of bounds: lines with a run, an operation and a
// number. Empty lines and those that begin with # are skipped.
func ReadBounds(path string) (Bounds, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	bounds := Bounds{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var name [2]string
		var most float64
		if _, err := fmt.Sscan(line, &name[0], &name[1], &most); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		bounds[name] = most
	}
	return bounds, nil
}

// Headroom is what a bound that is written leaves to what was measured: enough
// for another compiler or C library. What happens less often varies more, as
// the threads of the core come between.
const (
	Headroom          = 1.15
	HandshakeHeadroom = 1.4
)

// bound is the bound for what was measured.
func bound(measured, headroom float64) float64 {
	return math.Ceil(measured*headroom/10) * 10
}
