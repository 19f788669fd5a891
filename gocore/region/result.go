package region

import "fmt"

// Verdict is the outcome of a lookup.
type Verdict int

// The verdicts.
const (
	Absent  Verdict = iota // not there, or expired
	Found                  // copied out
	Removed                // there is a tombstone: a record elsewhere is not to be used
	Short                  // found, but longer than the room for it
)

// String is the name of the verdict.
func (v Verdict) String() string {
	switch v {
	case Absent:
		return "Absent"
	case Found:
		return "Found"
	case Removed:
		return "Removed"
	case Short:
		return "Short"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Result is the outcome of a Put. What was there under the key is sure to stay
// only if it is TooLarge.
type Result int

// The results.
const (
	Stored   Result = iota // stored, instead of what was there under the key
	TooLarge               // longer than MaxRecord
	Busy                   // others were writing to the bucket for too long
	Outdated               // the stamp has changed
)

// String is the name of the result.
func (v Result) String() string {
	switch v {
	case Stored:
		return "Stored"
	case TooLarge:
		return "TooLarge"
	case Busy:
		return "Busy"
	case Outdated:
		return "Outdated"
	}
	return fmt.Sprintf("Result(%d)", int(v))
}
