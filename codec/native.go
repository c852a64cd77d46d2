package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/big"
	"time"
)

// maxDateMillis is the greatest distance from 1970 that a JavaScript Date has.
const maxDateMillis = 8.64e15

// The milliseconds of the years 0 to 9999, which RFC 3339 can write.
var (
	minTextMillis = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTextMillis = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1
)

// dateLayout is JavaScript's Date.prototype.toISOString.
const dateLayout = "2006-01-02T15:04:05.000Z"

// appendDate appends a native date. Text keeps the milliseconds exact, which
// a number of seconds does not.
func appendDate(dst []byte, ms int64) []byte {
	if ms < minTextMillis || ms > maxTextMillis {
		dst = appendHead(dst, majorTag, tagTimeNumber)
		if ms%1000 == 0 {
			return appendInt(dst, ms/1000)
		}
		return appendFloat(dst, float64(ms)/1000)
	}
	dst = appendHead(dst, majorTag, tagTimeText)
	dst = appendHead(dst, majorText, uint64(len(dateLayout)))
	return time.UnixMilli(ms).UTC().AppendFormat(dst, dateLayout)
}

// appendBigWord appends the BigInt value, or -1-value, as a bignum.
func appendBigWord(dst []byte, negative bool, value uint64) []byte {
	tag := uint64(tagBigUint)
	if negative {
		tag = tagBigNegative
	}
	var word [8]byte
	binary.BigEndian.PutUint64(word[:], value)
	digits := bytes.TrimLeft(word[:], "\x00")
	return append(appendHead(appendHead(dst, majorTag, tag), majorBytes, uint64(len(digits))), digits...)
}

// maxBigDigits bounds the decimal digits of a BigInt, and maxBigItem a bignum
// of that many digits, its head included: to turn one form into the other takes
// time that grows with the square of the length, and the engine does so even
// where all that comes of it is an error.
const (
	maxBigDigits = 10_000
	maxBigItem   = 3 + 4153
)

// appendBigText appends the BigInt that the decimal text stands for.
func appendBigText(dst, text []byte, dynamic bool) (out []byte, reason string) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	negative := len(digits) < len(text)
	if len(digits) == 0 || len(digits) > maxBigDigits {
		return dst, "a BigInt without digits, or with too many"
	}
	var word uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return dst, "a BigInt that is not decimal"
		}
		word = word*10 + uint64(c-'0') // meaningful up to 19 digits
	}
	if len(digits) <= 19 {
		negative = negative && word != 0
		if negative {
			word--
		}
		if dynamic {
			return appendBigWord(dst, negative, word), ""
		}
		if negative {
			return appendHead(dst, majorNegative, word), ""
		}
		return appendHead(dst, majorUint, word), ""
	}
	n, _ := new(big.Int).SetString(string(digits), 10)
	if negative = negative && n.Sign() != 0; negative {
		n.Sub(n, big.NewInt(1))
	}
	if n.IsUint64() && !dynamic {
		if negative {
			return appendHead(dst, majorNegative, n.Uint64()), ""
		}
		return appendHead(dst, majorUint, n.Uint64()), ""
	}
	tag := uint64(tagBigUint)
	if negative {
		tag = tagBigNegative
	}
	raw := n.Bytes()
	return append(appendHead(appendHead(dst, majorTag, tag), majorBytes, uint64(len(raw))), raw...), ""
}

// appendBase64 appends the byte string that the text stands for.
func appendBase64(dst, text []byte) (out []byte, reason string) {
	n := base64.StdEncoding.DecodedLen(len(text))
	switch { // the head wants the exact length
	case bytes.HasSuffix(text, []byte("==")):
		n -= 2
	case bytes.HasSuffix(text, []byte("=")):
		n--
	}
	if len(text)%4 != 0 || n < 0 {
		return dst, "bytes that are not padded base64"
	}
	dst = appendHead(dst, majorBytes, uint64(n))
	out, err := base64.StdEncoding.AppendDecode(dst, text)
	if err != nil || len(out)-len(dst) != n {
		return dst, "bytes that are not base64"
	}
	return out, ""
}

// appendTypedArray appends the numbers of a typed array (RFC 8746) as an
// array.
func appendTypedArray(dst []byte, tag byte, content []byte, dynamic bool) (out []byte, reason string) {
	float, signed, little := tag&16 != 0, tag&8 != 0, tag&4 != 0
	width := 1 << (tag & 3)
	if float {
		width *= 2
	}
	if width > 8 {
		return dst, "a typed array of an unknown kind"
	}
	if len(content)%width != 0 {
		return dst, "a typed array that ends within an element"
	}
	dst = appendHead(dst, majorArray, uint64(len(content)/width))
	for ; len(content) > 0; content = content[width:] {
		var bits uint64
		for k := range width {
			at := k
			if little {
				at = width - 1 - k
			}
			bits = bits<<8 | uint64(content[at])
		}
		dst = appendElement(dst, bits, width, float, signed, dynamic)
	}
	return dst, ""
}

func appendElement(dst []byte, bits uint64, width int, float, signed, dynamic bool) []byte {
	if float {
		var f float64
		switch width {
		case 2:
			f = halfFloat(uint16(bits))
		case 4:
			f = float64(math.Float32frombits(uint32(bits)))
		default:
			f = math.Float64frombits(bits)
		}
		if n, ok := whole(f); ok {
			return appendInt(dst, n)
		}
		return appendFloat(dst, f)
	}
	shift := 64 - 8*width
	negative := signed && int64(bits<<shift) < 0
	if negative {
		bits = ^uint64(int64(bits<<shift) >> shift)
	}
	if width == 8 && dynamic { // BigInt64Array and BigUint64Array
		return appendBigWord(dst, negative, bits)
	}
	if negative {
		return appendHead(dst, majorNegative, bits)
	}
	return appendHead(dst, majorUint, bits)
}
