package region

// state is what an entry of a bucket's directory stands for.
type state uint8

const (
	free      state = iota // nothing; what else the entry holds is left over
	live                   // a record
	tombstone              // a key that was removed; it has no bytes in the area
	withheld               // a record that is not to be had yet, while it is moved or put
)

// word is the part of an entry that decides. It is written with one atomic
// operation, last when an entry is made and first when it is given up, so who
// swaps a word for another one has decided alone what became of the entry.
//
//	bits  0 to 11  unit of the area where the record begins
//	bits 12 to 26  bytes of its data
//	bits 27 to 28  state
//	bits 29 to 63  generation
//
// A bucket never gives two words the same generation, but after 2^35 of them;
// so a word that is read twice is the same entry with its bytes in the same
// place. A tombstone has no bytes: its first 27 bits are a checksum. A word of
// zeros is free.
type word uint64

const (
	unitBits       = 12
	lengthBits     = 15
	stateBits      = 2
	lengthShift    = unitBits
	stateShift     = unitBits + lengthBits
	genShift       = stateShift + stateBits
	placeMask      = 1<<stateShift - 1
	unitMask       = 1<<unitBits - 1
	lengthMask     = 1<<lengthBits - 1
	generationMask = 1<<(64-genShift) - 1
)

// recordWord is the word of a record with length bytes of data at a unit.
func recordWord(unit, length int, generation uint64) word {
	return word(uint64(unit) | uint64(length)<<lengthShift | uint64(live)<<stateShift |
		generation<<genShift)
}

// tombstoneWord is the word of a tombstone, with as much of its checksum as fits.
func tombstoneWord(sum, generation uint64) word {
	return word(sum&placeMask | uint64(tombstone)<<stateShift | generation<<genShift)
}

func (w word) state() state       { return state(w >> stateShift & (1<<stateBits - 1)) }
func (w word) unit() int          { return int(w & unitMask) }
func (w word) length() int        { return int(w >> lengthShift & lengthMask) }
func (w word) generation() uint64 { return uint64(w >> genShift) }

// withheld is the word with that state.
func (w word) withheld() word { return w | word(withheld)<<stateShift }

// released is the word of such a record with the state live.
func (w word) released() word { return w&^(word(withheld)<<stateShift) | word(live)<<stateShift }

// units is how many units of the area the entry's record takes.
func (w word) units() int {
	if w.state() == tombstone {
		return 0
	}
	return recordUnits(w.length())
}

// end is the unit behind the record.
func (w word) end() int { return w.unit() + w.units() }

// meta is when an entry expires, and its space.
//
//	bits  0 to 23  space
//	bits 24 to 63  expiry in seconds, or all ones for never
type meta uint64

const (
	spaceBits   = 24
	spaceMask   = 1<<spaceBits - 1
	expiryNever = 1<<(64-spaceBits) - 1
)

// makeMeta keeps an expiry before the epoch as 0, and one that does not fit, in
// the year 36812 or later, as Never.
func makeMeta(expiry int64, space uint32) meta {
	return meta(uint64(min(max(expiry, 0), expiryNever))<<spaceBits | uint64(space&spaceMask))
}

func (m meta) expiry() int64 {
	if m>>spaceBits == expiryNever {
		return Never
	}
	return int64(m >> spaceBits)
}

// expired is whether the entry has expired: at its expiry it has not.
func (m meta) expired(now int64) bool { return now > m.expiry() }

func (m meta) in(space uint32) bool { return uint32(m&spaceMask) == space&spaceMask }
