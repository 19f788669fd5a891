//go:build !race

// Package racetest tells tests whether they run with the race detector, which has
// memory of its own for what they measure, allocates, and takes long.
package racetest

// Enabled is whether the race detector watches.
const Enabled = false
