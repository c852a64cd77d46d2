package typed

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Major types and single bytes of CBOR (RFC 8949 §3).
const (
	majorUint byte = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple

	itemFalse     = 0xf4
	itemTrue      = 0xf5
	itemNull      = 0xf6
	itemUndefined = 0xf7
	itemFloat16   = 0xf9
	itemFloat32   = 0xfa
	itemFloat64   = 0xfb

	// tagBytes marks a byte string as a Uint8Array, in two bytes.
	tagBytes = 0xd840
)

// head reads the head at d[i]; next is notMine for heads that are cut short,
// reserved or indefinite.
func head(d []byte, i int) (major byte, value uint64, next int) {
	if i >= len(d) {
		return 0, 0, notMine
	}
	major, info := d[i]>>5, d[i]&31
	i++
	switch left := len(d) - i; {
	case info < 24:
		return major, uint64(info), i
	case info == 24 && left >= 1:
		return major, uint64(d[i]), i + 1
	case info == 25 && left >= 2:
		return major, uint64(binary.BigEndian.Uint16(d[i:])), i + 2
	case info == 26 && left >= 4:
		return major, uint64(binary.BigEndian.Uint32(d[i:])), i + 4
	case info == 27 && left >= 8:
		return major, binary.BigEndian.Uint64(d[i:]), i + 8
	}
	return major, 0, notMine
}

// null takes null and undefined, and nothing else. They leave a value as it
// was that has no nil.
func null(d []byte, i int) int {
	if i < len(d) && (d[i] == itemNull || d[i] == itemUndefined) {
		return i + 1
	}
	return notMine
}

// span returns where the content of the string at d[i] lies; to is notMine
// when there is no such string.
func span(d []byte, i int, want byte) (from, to int) {
	if i < len(d) {
		if n := d[i] - want<<5; n < 24 && int(n) < len(d)-i {
			return i + 1, i + 1 + int(n)
		}
	}
	major, n, from := head(d, i)
	if from < 0 || major != want || n > uint64(len(d)-from) {
		return 0, notMine
	}
	return from, from + int(n)
}

// elements opens the array at d[i]. One that may be a compat form is not
// mine: an array of two that begins with a text that begins with a $.
func elements(d []byte, i int) (n, next int) {
	major, count, next := head(d, i)
	if next < 0 || major != majorArray || count > uint64(len(d)-next) {
		return 0, notMine
	}
	if count == 2 {
		if from, to := span(d, next, majorText); to > from && d[from] == '$' {
			return 0, notMine
		}
	}
	return int(count), next
}

// members opens the object at d[i].
func members(d []byte, i int) (n, next int) {
	major, count, next := head(d, i)
	if next < 0 || major != majorMap || count > uint64(len(d)-next)/2 {
		return 0, notMine
	}
	return int(count), next
}

// valid is utf8.Valid, faster for the short ASCII that most texts are.
func valid(text []byte) bool {
	if len(text) < 16 {
		var or byte
		for _, c := range text {
			or |= c
		}
		if or < utf8.RuneSelf {
			return true
		}
	}
	return utf8.Valid(text)
}

// maxSkipped bounds how deep values may nest that nobody wants. The reference
// has the say about deeper ones.
const maxSkipped = 32

// skip returns the index behind the item at d[i], which nobody wants. Like the
// reference it does not look into its texts.
func skip(d []byte, i, depth int) int {
	major, n, next := head(d, i)
	if next < 0 || depth > maxSkipped {
		return notMine
	}
	switch major {
	case majorUint, majorNegative:
		return next
	case majorBytes, majorText:
		if n > uint64(len(d)-next) {
			return notMine
		}
		return next + int(n)
	case majorSimple:
		if d[i] >= itemFalse && d[i] <= itemUndefined || d[i] >= itemFloat16 {
			return next
		}
		return notMine
	}
	var left int
	switch major {
	case majorArray:
		left, next = elements(d, i)
	case majorMap:
		left, next = members(d, i)
		left *= 2
	default:
		return notMine
	}
	for ; next >= 0 && left > 0; left-- {
		next = skip(d, next, depth+1)
	}
	return next
}

// maxWhole is JavaScript's Number.MAX_SAFE_INTEGER.
const maxWhole = 1<<53 - 1

// whole returns the integer that f is, in the range in which JavaScript keeps
// all of them apart.
func whole(f float64) (n int64, ok bool) {
	if !(f >= -maxWhole && f <= maxWhole) || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// float reads the float at d[i]. NaN in less than eight bytes is not mine,
// because its bits are a matter of conversion, nor is -0, which the reference
// turns into 0 depending on what else is in the type.
func float(d []byte, i int) (f float64, next int) {
	if i >= len(d) {
		return 0, notMine
	}
	switch left := len(d) - i; {
	case d[i] == itemFloat64 && left >= 9:
		f, next = math.Float64frombits(binary.BigEndian.Uint64(d[i+1:])), i+9
	case d[i] == itemFloat32 && left >= 5:
		f, next = float64(math.Float32frombits(binary.BigEndian.Uint32(d[i+1:]))), i+5
	case d[i] == itemFloat16 && left >= 3:
		f, next = half(binary.BigEndian.Uint16(d[i+1:])), i+3
	default:
		return 0, notMine
	}
	if f == 0 && math.Signbit(f) || f != f && d[i] != itemFloat64 {
		return 0, notMine
	}
	return f, next
}

// half is the value of a float of 16 bits.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}

// integer reads the integer at d[i], a whole float included: n, or -1-n when
// negative.
func integer(d []byte, i int) (n uint64, negative bool, next int) {
	if i < len(d) && d[i] < 24 {
		return uint64(d[i]), false, i + 1
	}
	major, n, next := head(d, i)
	switch {
	case next < 0:
	case major == majorUint:
		return n, false, next
	case major == majorNegative:
		return n, true, next
	case major == majorSimple:
		f, next := float(d, i)
		if next < 0 {
			return 0, false, notMine
		}
		w, ok := whole(f)
		switch {
		case !ok:
		case w < 0:
			return ^uint64(w), true, next
		default:
			return uint64(w), false, next
		}
	}
	return 0, false, notMine
}
