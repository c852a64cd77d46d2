package codec

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The native form is what the CBOR engine reads and writes. Every encoding
// decodes by way of it and encodes by way of it, which is what makes Go types
// behave alike in all three. In it
//
//   - an integer within ±(2⁵³−1) is a JavaScript number, every other integer
//     and every bignum (tags 2 and 3) is a BigInt;
//   - a float is a number that no such integer equals;
//   - a byte string is a Uint8Array, a date is tag 0 (tag 1 beyond the years
//     that RFC 3339 writes), a Set is tag 258, a Map is tag 259;
//   - compat arrays do not exist: ["$x", 1] means itself.

// normalizer rewrites scanned wire CBOR to the native form.
type normalizer struct {
	in  []byte
	out []byte
	// dynamic keeps BigInts that would fit an integer apart from numbers, for
	// targets that let the value choose the Go type.
	dynamic bool
	// stamp tags texts that look like a time.
	stamp bool
	found traits
}

// normalize appends the native form of the scanned item data to dst.
func normalize(dst, data []byte, dynamic, stamp bool) ([]byte, traits, error) {
	n := normalizer{in: data, out: dst, dynamic: dynamic, stamp: stamp}
	_, err := n.item(0, true)
	return n.out, n.found, err
}

func (n *normalizer) fail(i int, reason string) (int, error) {
	return 0, &SyntaxError{Offset: i, Reason: reason}
}

func (n *normalizer) raw(i, end int) (int, error) {
	n.out = append(n.out, n.in[i:end]...)
	return end, nil
}

// item rewrites the item at i and returns the index behind it. compat tells
// whether compat arrays are read as such.
func (n *normalizer) item(i int, compat bool) (int, error) {
	h, next := readHead(n.in, i)
	switch h.major {
	case majorUint, majorNegative:
		if h.info == info64Bits && n.dynamic {
			n.out = appendBigWord(n.out, h.major == majorNegative, h.value)
			return next, nil
		}
		return n.raw(i, next)
	case majorText:
		if n.stamp {
			if text, _ := textAt(n.in, i); looksTime(text) {
				n.out = appendHead(n.out, majorTag, tagTimeText)
			}
		}
		return n.raw(i, skip(n.in, i))
	case majorBytes:
		return n.raw(i, skip(n.in, i))
	case majorArray:
		return n.array(i, next, h, compat)
	case majorMap:
		return n.object(next, h, compat)
	case majorTag:
		return n.tag(i, next, h.value, compat)
	}
	if f, ok := h.float(); ok {
		if w, ok := whole(f); ok {
			n.out = appendInt(n.out, w)
			return next, nil
		}
	}
	return n.raw(i, next)
}

func (n *normalizer) array(i, next int, h head, compat bool) (int, error) {
	if compat {
		if text, second, end, ok := n.pair(next, h); ok {
			return n.compat(i, text, second, end)
		}
	}
	if !h.indefinite() {
		n.out = appendHead(n.out, majorArray, h.value)
		var err error
		for range h.value {
			if next, err = n.item(next, compat); err != nil {
				return 0, err
			}
		}
		return next, nil
	}
	start, count := len(n.out), 0
	n.out = appendOpenHead(n.out, majorArray)
	for ; n.in[next] != cborBreak; count++ {
		var err error
		if next, err = n.item(next, compat); err != nil {
			return 0, err
		}
	}
	closeHead(n.out, start, count)
	return next + 1, nil
}

// pair recognizes an array of two whose first element is a text that begins
// with a $. second is the index of the other element, end the one behind the
// array.
func (n *normalizer) pair(i int, h head) (text []byte, second, end int, ok bool) {
	if !h.indefinite() && h.value != 2 || n.in[i]>>5 != majorText {
		return nil, 0, 0, false
	}
	text, second = textAt(n.in, i)
	if len(text) == 0 || text[0] != '$' {
		return nil, 0, 0, false
	}
	if h.indefinite() {
		if n.in[second] == cborBreak {
			return nil, 0, 0, false
		}
		end = skip(n.in, second)
		if n.in[end] != cborBreak {
			return nil, 0, 0, false
		}
		return text, second, end + 1, true
	}
	return text, second, skip(n.in, second), true
}

// compat rewrites a compat array.
func (n *normalizer) compat(i int, text []byte, second, end int) (int, error) {
	h, _ := readHead(n.in, second)
	switch string(text) {
	case compatUndefined:
		n.out = append(n.out, cborUndefined)
		return end, nil
	case compatSet:
		if h.major != majorArray {
			return n.fail(second, "a $Set without an array")
		}
		n.found |= hasCollection
		n.out = appendHead(n.out, majorTag, tagSet)
		// The elements keep their compat forms, but the list of them is not
		// one, even when it looks like it.
		_, first := readHead(n.in, second)
		_, err := n.elements(first, h)
		return end, err
	case compatBigInt, compatUint8Array, compatArrayBuffer:
		if h.major != majorText {
			return n.fail(second, "a compat form without its text")
		}
		content, _ := textAt(n.in, second)
		var reason string
		if string(text) == compatBigInt {
			n.out, reason = appendBigText(n.out, content, n.dynamic)
		} else {
			n.out, reason = appendBase64(n.out, content)
		}
		if reason != "" {
			return n.fail(second, reason)
		}
		return end, nil
	}
	if !bytes.HasPrefix(text, []byte("$$")) {
		return n.fail(i, "an unknown compat form")
	}
	n.out = appendHead(n.out, majorArray, 2)
	n.out = appendHead(n.out, majorText, uint64(len(text)-1))
	n.out = append(n.out, text[1:]...)
	_, err := n.item(second, true)
	return end, err
}

// elements rewrites the elements of an array as an array.
func (n *normalizer) elements(i int, h head) (int, error) {
	start, count := len(n.out), 0
	n.out = appendOpenHead(n.out, majorArray)
	for ; h.indefinite() && n.in[i] != cborBreak || !h.indefinite() && uint64(count) < h.value; count++ {
		var err error
		if i, err = n.item(i, true); err != nil {
			return 0, err
		}
	}
	closeHead(n.out, start, count)
	return i, nil
}

func (n *normalizer) object(next int, h head, compat bool) (int, error) {
	var err error
	if !h.indefinite() {
		n.out = appendHead(n.out, majorMap, h.value)
		for range h.value {
			if next, err = n.member(next, compat); err != nil {
				return 0, err
			}
		}
		return next, nil
	}
	start, count := len(n.out), 0
	n.out = appendOpenHead(n.out, majorMap)
	for ; n.in[next] != cborBreak; count++ {
		if next, err = n.member(next, compat); err != nil {
			return 0, err
		}
	}
	closeHead(n.out, start, count)
	return next + 1, nil
}

// member rewrites a key and its value.
func (n *normalizer) member(i int, compat bool) (int, error) {
	var err error
	if n.in[i]>>5 == majorText {
		i, err = n.raw(i, skip(n.in, i))
	} else {
		i, err = n.item(i, compat)
	}
	if err != nil {
		return 0, err
	}
	return n.item(i, compat)
}

// looksTime reports whether the text may be a time in RFC 3339 format.
func looksTime(text []byte) bool {
	return len(text) >= len("2006-01-02T15:04:05Z") && text[4] == '-' && text[7] == '-' && text[10]|0x20 == 't'
}

func (n *normalizer) tag(i, next int, tag uint64, compat bool) (int, error) {
	switch {
	case tag == tagTimeText:
		text, end := textAt(n.in, next)
		n.out = appendText(appendHead(n.out, majorTag, tagTimeText), string(text))
		return end, nil
	case tag == tagTimeNumber:
		h, end := readHead(n.in, next)
		seconds, ok := h.float()
		if !ok {
			seconds = float64(h.value)
			if h.major == majorNegative {
				seconds = -1 - seconds
			}
		}
		if math.IsNaN(seconds) {
			// JavaScript's Invalid Date, which its JSON writes as null too.
			n.out = append(n.out, cborNull)
			return end, nil
		}
		ms := math.Round(seconds * 1000)
		if math.Abs(ms) > maxDateMillis {
			return n.fail(i, "a date out of range")
		}
		n.out = appendDate(n.out, int64(ms))
		return end, nil
	case tag == tagBigUint || tag == tagBigNegative:
		digits, end := stringAt(n.in, next)
		if !n.dynamic && len(digits) <= 8 {
			var word [8]byte
			copy(word[8-len(digits):], digits)
			n.out = appendHead(n.out, byte(tag-tagBigUint), binary.BigEndian.Uint64(word[:]))
			return end, nil
		}
		n.out = append(appendHead(appendHead(n.out, majorTag, tag), majorBytes, uint64(len(digits))), digits...)
		return end, nil
	case tag >= tagUint8Array && tag <= tagTypedLast:
		content, end := stringAt(n.in, next)
		if tag == tagUint8Array || tag == tagUint8Array+4 {
			n.out = append(appendHead(n.out, majorBytes, uint64(len(content))), content...)
			return end, nil
		}
		var reason string
		if n.out, reason = appendTypedArray(n.out, byte(tag), content, n.dynamic); reason != "" {
			return n.fail(i, reason)
		}
		return end, nil
	case tag == tagSet:
		// RivetKit leaves the elements of a native Set alone.
		n.found |= hasCollection
		n.out = appendHead(n.out, majorTag, tag)
		return n.item(next, false)
	case tag == tagMap:
		n.found |= hasCollection
		n.out = appendHead(n.out, majorTag, tag)
		return n.item(next, compat)
	}
	return n.item(next, compat)
}
