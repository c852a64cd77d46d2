package codec

import "math"

// headFault says why readHead refused the head at b[i].
func headFault(b []byte, i int) fault {
	if i < len(b) && b[i]&31 > info64Bits {
		return faultSyntax
	}
	return faultShort
}

// leafSize is the size of an item whose first byte says all about it: a
// number, a simple value, or a string shorter than 24 bytes. It is zero for
// the others.
var leafSize = func() (t [256]uint8) {
	for c := range len(t) {
		info := uint8(c & 31)
		switch major := byte(c >> 5); {
		case major == majorBytes || major == majorText:
			if info < info8Bits {
				t[c] = 1 + info
			}
		case major > majorText && major < majorSimple, info > info64Bits:
		case info < info8Bits:
			t[c] = 1
		case major == majorSimple && info == info8Bits:
		default:
			t[c] = 1 + 1<<(info-info8Bits)
		}
	}
	return t
}()

// walkCBOR finds the end of the well-formed data item at b[i]. Lengths are
// compared with what is left before anything else is done with them, and
// depth bounds the recursion. Text inside values is not checked for UTF-8:
// whoever decodes the value does that. On a fault, end is where it lies.
func walkCBOR(b []byte, i, depth int) (end int, f fault) {
	if i >= len(b) {
		return i, faultShort
	}
	if end = i + int(leafSize[b[i]]); end > i && end <= len(b) {
		return end, faultNone
	}
	h, next := readHead(b, i)
	if next < 0 {
		return i, headFault(b, i)
	}
	n := h.value
	switch h.major {
	case majorUint, majorNegative:
		return next, faultNone
	case majorBytes, majorText:
		if h.indefinite() {
			return walkCBORChunks(b, next, h.major)
		}
		if n > uint64(len(b)-next) {
			return i, faultShort
		}
		return next + int(n), faultNone
	case majorSimple:
		// A simple value below 32 has one byte.
		if h.info == info8Bits && n < 32 {
			return i, faultSyntax
		}
		return next, faultNone
	}
	if depth >= maxDepth {
		return i, faultDepth
	}
	if h.indefinite() {
		return walkCBORIndefinite(b, next, h.major, depth+1)
	}
	switch h.major {
	case majorTag:
		n = 1
	case majorMap:
		if n > math.MaxUint64/2 {
			return i, faultShort
		}
		n *= 2
	}
	// Every item takes a byte at least.
	if n > uint64(len(b)-next) {
		return i, faultShort
	}
	for ; n > 0; n-- {
		if next < len(b) {
			// Saves most of the calls.
			if end := next + int(leafSize[b[next]]); end > next && end <= len(b) {
				next = end
				continue
			}
		}
		if next, f = walkCBOR(b, next, depth+1); f != faultNone {
			return next, f
		}
	}
	return next, faultNone
}

// walkCBORIndefinite walks the items of an array or map up to the break.
func walkCBORIndefinite(b []byte, i int, major byte, depth int) (end int, f fault) {
	for items := 0; ; items++ {
		if i >= len(b) {
			return i, faultShort
		}
		if b[i] == cborBreak {
			if major == majorMap && items%2 != 0 {
				return i, faultSyntax
			}
			return i + 1, faultNone
		}
		if i, f = walkCBOR(b, i, depth); f != faultNone {
			return i, f
		}
	}
}

// walkCBORChunks walks the chunks of a string of indefinite length, which
// must be strings of the same kind and of definite length.
func walkCBORChunks(b []byte, i int, major byte) (end int, f fault) {
	for {
		if i >= len(b) {
			return i, faultShort
		}
		if b[i] == cborBreak {
			return i + 1, faultNone
		}
		h, next := readHead(b, i)
		switch {
		case next < 0:
			return i, headFault(b, i)
		case h.major != major || h.indefinite():
			return i, faultSyntax
		case h.value > uint64(len(b)-next):
			return i, faultShort
		}
		i = next + int(h.value)
	}
}
