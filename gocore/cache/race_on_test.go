//go:build race

package cache

// raceEnabled is whether the tests run with the race detector, which has memory
// of its own for what the tables take, and takes long over it.
const raceEnabled = true
