//go:build race

package region

// raceEnabled is whether the tests run with the race detector, with which a
// process takes ten times as long to start.
const raceEnabled = true
