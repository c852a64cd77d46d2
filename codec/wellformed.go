package codec

import (
	"encoding/binary"
	"math"
)

// maxDepth bounds how deep arrays, objects and tags nest, in values and, where
// messages are walked, in the argument array around them. JavaScript values of
// 64 levels pass in every encoding, with room for the two levels that a compat
// form takes and for the array; hostile nesting ends here, before it costs
// stack.
const maxDepth = 160

// traits are what a scan found in a value: the forms that some Go types need
// rewritten before the CBOR engine sees them.
type traits uint8

const (
	// hasPair: an array of two whose first element is a text with a $.
	hasPair traits = 1 << iota
	// hasWhole: a float with a whole number.
	hasWhole
	// hasWide: an integer in eight bytes, which is a BigInt.
	hasWide
	// hasTagged: a date, a typed array or another tag with a meaning of its
	// own.
	hasTagged
	// hasCollection: a native Set or Map.
	hasCollection
)

// scanner checks CBOR for well-formedness and collects traits. It reads each
// byte of structure once and allocates nothing.
type scanner struct {
	data  []byte
	found traits
	// utf8 also checks the texts. The engine checks those that it decodes.
	utf8 bool
	// at and fault describe the first error.
	at    int
	fault string
}

func (s *scanner) fail(at int, fault string) int {
	if s.fault == "" {
		s.at, s.fault = at, fault
	}
	return -1
}

func (s *scanner) err() error { return &SyntaxError{Offset: s.at, Reason: s.fault} }

// document scans data as exactly one item.
func (s *scanner) document() error {
	end := s.item(0, 0)
	if end >= 0 && end != len(s.data) {
		end = s.fail(end, "data after the value")
	}
	if end < 0 {
		return s.err()
	}
	return nil
}

// item returns the index behind the item at i, or -1.
func (s *scanner) item(i, depth int) int {
	// Most of what a small event has: short texts, small numbers, doubles.
	if i < len(s.data) {
		switch c := s.data[i]; {
		case c < 0x18, c >= 0x20 && c < 0x38:
			return i + 1
		case c >= 0x60 && c < 0x78:
			if end := i + 1 + int(c&31); end <= len(s.data) && (!s.utf8 || validText(s.data[i+1:end])) {
				return end
			}
		case c == majorSimple<<5|info64Bits:
			if len(s.data)-i >= 9 {
				if _, ok := whole(math.Float64frombits(binary.BigEndian.Uint64(s.data[i+1:]))); ok {
					s.found |= hasWhole
				}
				return i + 9
			}
		}
	}
	h, next := readHead(s.data, i)
	if next < 0 {
		return s.fail(i, "truncated or reserved item")
	}
	switch h.major {
	case majorUint, majorNegative:
		if h.info == info64Bits {
			s.found |= hasWide
		}
		return next
	case majorBytes, majorText:
		if h.indefinite() {
			return s.chunks(next, h.major)
		}
		return s.content(next, h)
	case majorArray, majorMap:
		if depth++; depth > maxDepth {
			return s.fail(i, "nested too deeply")
		}
		if h.major == majorMap {
			return s.object(next, depth, h)
		}
		return s.array(next, depth, h)
	case majorTag:
		if depth++; depth > maxDepth {
			return s.fail(i, "nested too deeply")
		}
		return s.tag(next, depth, h.value)
	}
	switch s.data[i] {
	case cborFalse, cborTrue, cborNull, cborUndefined:
		return next
	}
	f, ok := h.float()
	if !ok {
		return s.fail(i, "unassigned simple value")
	}
	if _, ok := whole(f); ok {
		s.found |= hasWhole
	}
	return next
}

// content scans the content of a string of definite length.
func (s *scanner) content(i int, h head) int {
	if h.value > uint64(len(s.data)-i) {
		return s.fail(i, "string longer than the data")
	}
	end := i + int(h.value)
	if s.utf8 && h.major == majorText && !validText(s.data[i:end]) {
		return s.fail(i, "invalid UTF-8")
	}
	return end
}

func (s *scanner) chunks(i int, major byte) int {
	for {
		h, next := readHead(s.data, i)
		if next < 0 {
			if i < len(s.data) && s.data[i] == cborBreak {
				return i + 1
			}
			return s.fail(i, "truncated string")
		}
		if h.major != major || h.indefinite() {
			return s.fail(i, "wrong chunk in a string")
		}
		if i = s.content(next, h); i < 0 {
			return -1
		}
	}
}

func (s *scanner) array(i, depth int, h head) int {
	if h.indefinite() {
		n, dollar := 0, s.dollarAt(i)
		for ; i < len(s.data) && s.data[i] != cborBreak; n++ {
			if i = s.item(i, depth); i < 0 {
				return -1
			}
		}
		if i >= len(s.data) {
			return s.fail(i, "truncated array")
		}
		if n == 2 && dollar {
			s.found |= hasPair
		}
		return i + 1
	}
	if h.value > uint64(len(s.data)-i) {
		return s.fail(i, "array longer than the data")
	}
	if h.value == 2 && s.dollarAt(i) {
		s.found |= hasPair
	}
	for range h.value {
		if i = s.item(i, depth); i < 0 {
			return -1
		}
	}
	return i
}

// dollarAt reports whether a text that may begin with a $ starts at i; an
// indefinite text always may.
func (s *scanner) dollarAt(i int) bool {
	h, next := readHead(s.data, i)
	if next < 0 || h.major != majorText {
		return false
	}
	return h.indefinite() || next < len(s.data) && h.value > 0 && s.data[next] == '$'
}

func (s *scanner) object(i, depth int, h head) int {
	if h.indefinite() {
		for i < len(s.data) && s.data[i] != cborBreak {
			for range 2 {
				if i = s.item(i, depth); i < 0 {
					return -1
				}
			}
		}
		if i >= len(s.data) {
			return s.fail(i, "truncated object")
		}
		return i + 1
	}
	if h.value > uint64(len(s.data)-i)/2 {
		return s.fail(i, "object longer than the data")
	}
	for range 2 * h.value {
		if i = s.item(i, depth); i < 0 {
			return -1
		}
	}
	return i
}

// tag scans the content of a tag and checks that the tags with a meaning hold
// what they must, so that nobody after the scan has to.
func (s *scanner) tag(i, depth int, tag uint64) int {
	h, _ := readHead(s.data, i)
	if !tagHolds(tag, h) {
		return s.fail(i, "wrong content of a tag")
	}
	switch tag {
	case tagBigUint, tagBigNegative:
		end := s.item(i, depth)
		if end-i > maxBigItem {
			return s.fail(i, "a BigInt with too many digits")
		}
		return end
	case tagUint8Array:
	case tagSet, tagMap:
		s.found |= hasCollection
	default:
		s.found |= hasTagged
	}
	return s.item(i, depth)
}

// tagHolds reports whether an item with head h is what the tag must hold. A tag
// without a meaning of its own may hold anything.
func tagHolds(tag uint64, h head) bool {
	switch {
	case tag == tagTimeText:
		return h.major == majorText
	case tag == tagTimeNumber:
		_, float := h.float()
		return float || h.major <= majorNegative
	case tag == tagBigUint || tag == tagBigNegative || tag >= tagUint8Array && tag <= tagTypedLast:
		return h.major == majorBytes
	case tag == tagSet:
		return h.major == majorArray
	case tag == tagMap:
		return h.major == majorMap
	}
	return true
}
