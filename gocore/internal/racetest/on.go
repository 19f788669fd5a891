//go:build race

package racetest

// Enabled is whether the race detector watches.
const Enabled = true
