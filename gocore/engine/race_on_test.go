//go:build race

package engine

// raceEnabled is whether the tests run with the race detector, under which a
// sync.Pool forgets at random.
const raceEnabled = true
