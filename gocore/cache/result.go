package cache

import "fmt"

// Verdict is the outcome of a lookup.
type Verdict int

// The verdicts.
const (
	Miss    Verdict = iota // not found
	Hit                    // found
	Stale                  // found, but expired
	Revoked                // found, but perhaps no longer good: see Stamps
)

// String is the name of the verdict.
func (v Verdict) String() string {
	switch v {
	case Miss:
		return "Miss"
	case Hit:
		return "Hit"
	case Stale:
		return "Stale"
	case Revoked:
		return "Revoked"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Result is the outcome of an add.
type Result int

// The results; SSCORE_FAILED and so on in cshim/sscore.h have the same values.
const (
	Failed   Result = iota // nothing was stored
	Added                  // stored under a new key
	Replaced               // stored instead of another object with the same key
	Same                   // this very object is stored already
)

// String is the name of the result.
func (r Result) String() string {
	switch r {
	case Failed:
		return "Failed"
	case Added:
		return "Added"
	case Replaced:
		return "Replaced"
	case Same:
		return "Same"
	}
	return fmt.Sprintf("Result(%d)", int(r))
}
