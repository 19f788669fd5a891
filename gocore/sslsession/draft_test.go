package sslsession

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// draft is a session under construction: the elements of its sequence. Its
// methods return a changed copy.
type draft [][]byte

// valid is a session with the five fields that it must have.
func valid() draft {
	return draft{integer(1), integer(0x0304), octets([]byte{0x13, 0x02}), octets(madeID),
		octets(bytesFrom(1, 48))}
}

func (d draft) structure(n int64) draft { return d.raw(0, integer(n)) }
func (d draft) version(n int64) draft   { return d.raw(1, integer(n)) }

// raw puts another element in the place of one.
func (d draft) raw(i int, element []byte) draft {
	d = slices.Clone(d)
	d[i] = element
	return d
}

// with appends the optional field of that number.
func (d draft) with(number byte, content []byte) draft {
	return d.tagged(0xa0|number, content)
}

// tagged appends an element.
func (d draft) tagged(tag byte, content []byte) draft {
	return append(slices.Clone(d), element(tag, content))
}

func (d draft) body() []byte { return slices.Concat(d...) }
func (d draft) der() []byte  { return sequence(d...) }

func element(tag byte, content []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes(content) })
	der, err := b.Bytes()
	if err != nil { // a tag that the builder does not know: short content
		return append([]byte{tag, byte(len(content))}, content...)
	}
	return der
}

func sequence(elements ...[]byte) []byte { return element(0x30, slices.Concat(elements...)) }
func octets(b []byte) []byte             { return element(0x04, b) }
func bitString() []byte                  { return element(0x03, []byte{0, 1, 2, 3}) }

func integer(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}
