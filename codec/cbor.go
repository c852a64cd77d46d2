package codec

import (
	"encoding/binary"
	"math"
)

// Major types of CBOR (RFC 8949 §3.1).
const (
	majorUint byte = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Additional information of an item's first byte.
const (
	info8Bits      = 24
	info16Bits     = 25
	info32Bits     = 26
	info64Bits     = 27
	infoIndefinite = 31
)

// Whole items of one byte.
const (
	cborFalse     = 0xf4
	cborTrue      = 0xf5
	cborNull      = 0xf6
	cborUndefined = 0xf7
	cborBreak     = 0xff
)

// Tags that carry JavaScript values.
const (
	tagTimeText    = 0
	tagTimeNumber  = 1
	tagBigUint     = 2
	tagBigNegative = 3
	tagUint8Array  = 64
	tagTypedLast   = 87
	tagSet         = 258
	tagMap         = 259
	tagSelf        = 55799
)

// maxSafe is JavaScript's Number.MAX_SAFE_INTEGER: within ± of it every whole
// number is a double of its own.
const maxSafe = 1<<53 - 1

// head is the decoded first part of an item: value is the argument (length,
// number, tag or the bits of a float).
type head struct {
	major, info byte
	value       uint64
}

func (h head) indefinite() bool { return h.info == infoIndefinite }

// readHead reads the head at b[i] and returns the index behind it, or -1 when
// the bytes end early or use a reserved form.
func readHead(b []byte, i int) (head, int) {
	if i >= len(b) {
		return head{}, -1
	}
	h := head{major: b[i] >> 5, info: b[i] & 31}
	i++
	switch {
	case h.info < info8Bits:
		h.value = uint64(h.info)
		return h, i
	case h.info == info8Bits:
		if len(b)-i < 1 {
			return h, -1
		}
		h.value = uint64(b[i])
		return h, i + 1
	case h.info == info16Bits:
		if len(b)-i < 2 {
			return h, -1
		}
		h.value = uint64(binary.BigEndian.Uint16(b[i:]))
		return h, i + 2
	case h.info == info32Bits:
		if len(b)-i < 4 {
			return h, -1
		}
		h.value = uint64(binary.BigEndian.Uint32(b[i:]))
		return h, i + 4
	case h.info == info64Bits:
		if len(b)-i < 8 {
			return h, -1
		}
		h.value = binary.BigEndian.Uint64(b[i:])
		return h, i + 8
	case h.info == infoIndefinite && h.major >= majorBytes && h.major <= majorMap:
		return h, i
	}
	return h, -1
}

// appendHead appends the shortest head of the major type with argument v.
func appendHead(dst []byte, major byte, v uint64) []byte {
	m := major << 5
	switch {
	case v < info8Bits:
		return append(dst, m|byte(v))
	case v <= math.MaxUint8:
		return append(dst, m|info8Bits, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, m|info16Bits), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, m|info32Bits), uint32(v))
	}
	return appendHead64(dst, major, v)
}

// appendHead64 appends a head with the argument in eight bytes, the form that
// tells JavaScript's decoder BigInt from number.
func appendHead64(dst []byte, major byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, major<<5|info64Bits), v)
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, majorSimple<<5|info64Bits), math.Float64bits(f))
}

func appendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// appendOpenHead starts an array or map whose count is not known yet;
// closeHead puts the count in once it is. The head takes five bytes, so
// nothing has to move.
func appendOpenHead(dst []byte, major byte) []byte {
	return append(dst, major<<5|info32Bits, 0, 0, 0, 0)
}

func closeHead(dst []byte, start, count int) {
	binary.BigEndian.PutUint32(dst[start+1:], uint32(count))
}

// float returns the number of a float item.
func (h head) float() (f float64, ok bool) {
	if h.major != majorSimple {
		return 0, false
	}
	switch h.info {
	case info16Bits:
		return halfFloat(uint16(h.value)), true
	case info32Bits:
		return float64(math.Float32frombits(uint32(h.value))), true
	case info64Bits:
		return math.Float64frombits(h.value), true
	}
	return 0, false
}

func halfFloat(bits uint16) float64 {
	exp, frac := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		f = math.Inf(1)
		if frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+frac, exp-25)
	}
	if bits&0x8000 != 0 {
		f = -f
	}
	return f
}

// whole reports whether f is a whole number that JavaScript keeps exactly.
func whole(f float64) (n int64, ok bool) {
	if f < -maxSafe || f > maxSafe || f != math.Trunc(f) {
		return 0, false // NaN fails the last comparison
	}
	return int64(f), true
}

func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(^n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// skip returns the index behind the item at i of well-formed bytes.
func skip(b []byte, i int) int {
	h, next := readHead(b, i)
	if h.indefinite() {
		for b[next] != cborBreak {
			next = skip(b, next)
		}
		return next + 1
	}
	switch h.major {
	case majorBytes, majorText:
		return next + int(h.value)
	case majorArray:
		for range h.value {
			next = skip(b, next)
		}
	case majorMap:
		for range h.value * 2 {
			next = skip(b, next)
		}
	case majorTag:
		return skip(b, next)
	}
	return next
}

// textAt returns the text item at i of well-formed bytes and the index behind
// it. Chunks of an indefinite text are joined, which copies.
func textAt(b []byte, i int) (text []byte, next int) { return stringAt(b, i) }

// stringAt does the same for text and byte strings alike.
func stringAt(b []byte, i int) (content []byte, next int) {
	h, next := readHead(b, i)
	if !h.indefinite() {
		end := next + int(h.value)
		return b[next:end], end
	}
	for b[next] != cborBreak {
		chunk, after := stringAt(b, next)
		content = append(content, chunk...)
		next = after
	}
	return content, next + 1
}
