//go:build race

package region

// raceEnabled is whether the tests run with the race detector, which does not
// look at the memory that processes share, and with which everything takes ten
// times as long.
const raceEnabled = true
