package codec

import (
	"bytes"
	"strconv"
)

// uint reads an unsigned integer in any form in which one was ever sent: a
// number of any width, a float without a fraction, or JavaScript's BigInt.
func (c *cursor) uint() uint64 {
	start := c.off
	b := c.raw()
	if c.fault != faultNone {
		return 0
	}
	var v uint64
	var f fault
	if c.json {
		v, f = jsonUint(b)
	} else {
		v, f = cborUint(b)
	}
	if f != faultNone {
		c.off = start
		c.fail(f)
	}
	return v
}

// jsonUint reads an integer from a well-formed value.
func jsonUint(b []byte) (uint64, fault) {
	if b[0] == '[' {
		return bigIntPair(JSON, b)
	}
	if v, err := strconv.ParseUint(string(b), 10, 64); err == nil {
		return v, faultNone
	}
	if b[0] != '-' && (b[0] < '0' || b[0] > '9') {
		return 0, faultType
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, faultRange
	}
	return integral(v)
}

// cborUint reads an integer from a well-formed item.
func cborUint(b []byte) (uint64, fault) {
	switch h, next := readHead(b, 0); h.major {
	case majorUint:
		return h.value, faultNone
	case majorNegative:
		return 0, faultRange
	case majorArray:
		return bigIntPair(CBOR, b)
	case majorTag:
		content, _ := readHead(b, next)
		if h.value != tagBigUint || content.major != majorBytes {
			return 0, faultType
		}
		magnitude, _ := stringAt(b, next)
		return bigEndian(magnitude)
	default:
		f, ok := h.float()
		if !ok {
			return 0, faultType
		}
		return integral(f)
	}
}

// bigEndian reads the bytes of a CBOR bignum.
func bigEndian(b []byte) (v uint64, f fault) {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) > 8 {
		return 0, faultRange
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, faultNone
}

// integral converts a float that is a whole number.
func integral(f float64) (uint64, fault) {
	n, ok := whole(f)
	if !ok || n < 0 {
		return 0, faultRange
	}
	return uint64(n), faultNone
}

// bigIntPair reads ["$BigInt","123"], JavaScript's BigInt.
func bigIntPair(enc Encoding, b []byte) (uint64, fault) {
	c := newCursor(enc, b)
	if c.json {
		c.off++
		c.space()
	} else {
		h, next := readHead(b, 0)
		if h.value != 2 {
			return 0, faultType
		}
		c.off = next
	}
	tag := c.text()
	if c.fault != faultNone || string(tag) != "$BigInt" {
		return 0, faultType
	}
	if c.json {
		if c.space(); c.peek() != ',' {
			return 0, faultType
		}
		c.off++
		c.space()
	}
	digits := c.text()
	if c.json && c.fault == faultNone {
		if c.space(); c.peek() != ']' {
			return 0, faultType
		}
	}
	if c.fault != faultNone {
		return 0, faultType
	}
	v, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0, faultRange
	}
	return v, faultNone
}
