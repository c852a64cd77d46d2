package codec

import (
	"encoding/binary"
	"math/bits"
)

// skipSpace returns the position of the first byte at or after i that is not
// JSON's white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// walkJSON finds the end of the JSON value that begins at b[i], without white
// space before it, and checks it against the grammar. UTF-8 is left to
// whoever decodes the value; depth bounds the recursion. On a fault, end is
// where it lies.
func walkJSON(b []byte, i, depth int) (end int, f fault) {
	if i >= len(b) {
		return i, faultShort
	}
	switch c := b[i]; c {
	case '"':
		end, _, f = walkJSONString(b, i)
		return end, f
	case '[':
		if depth >= maxDepth {
			return i, faultDepth
		}
		return walkJSONArray(b, i+1, depth+1)
	case '{':
		if depth >= maxDepth {
			return i, faultDepth
		}
		return walkJSONObject(b, i+1, depth+1)
	case 't':
		return walkJSONWord(b, i, "true")
	case 'f':
		return walkJSONWord(b, i, "false")
	case 'n':
		return walkJSONWord(b, i, "null")
	}
	return walkJSONNumber(b, i)
}

// walkJSONArray walks from behind the opening bracket to behind the closing.
func walkJSONArray(b []byte, i, depth int) (end int, f fault) {
	if i = skipSpace(b, i); i < len(b) && b[i] == ']' {
		return i + 1, faultNone
	}
	for {
		if i, f = walkJSON(b, i, depth); f != faultNone {
			return i, f
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, faultShort
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case ']':
			return i + 1, faultNone
		default:
			return i, faultSyntax
		}
	}
}

// walkJSONObject walks from behind the opening brace to behind the closing.
func walkJSONObject(b []byte, i, depth int) (end int, f fault) {
	if i = skipSpace(b, i); i < len(b) && b[i] == '}' {
		return i + 1, faultNone
	}
	for {
		if i, _, f = walkJSONString(b, i); f != faultNone {
			return i, f
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, faultShort
		}
		if b[i] != ':' {
			return i, faultSyntax
		}
		if i, f = walkJSON(b, skipSpace(b, i+1), depth); f != faultNone {
			return i, f
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, faultShort
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case '}':
			return i + 1, faultNone
		default:
			return i, faultSyntax
		}
	}
}

// plainJSON holds the bytes that stand for themselves in a JSON string.
var plainJSON = func() (t [256]bool) {
	for c := ' '; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// stringStop marks, in the top bit of each byte, the bytes of x that do not
// stand for themselves in a JSON string. Marks above the lowest may be wrong.
func stringStop(x uint64) uint64 {
	const ones = 0x0101010101010101
	quote, slash := x^ones*'"', x^ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & (ones << 7)
}

// walkJSONString walks a string with its quotes; escaped says whether it has
// an escape sequence.
func walkJSONString(b []byte, i int) (end int, escaped bool, f fault) {
	if i >= len(b) {
		return i, false, faultShort
	}
	if b[i] != '"' {
		return i, false, faultSyntax
	}
	i++
	for {
		// Eight bytes at a time: most strings end in the first step.
		for len(b)-i >= 8 {
			if stop := stringStop(binary.LittleEndian.Uint64(b[i:])); stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		for i < len(b) && plainJSON[b[i]] {
			i++
		}
		switch {
		case i >= len(b):
			return i, escaped, faultShort
		case b[i] == '"':
			return i + 1, escaped, faultNone
		case b[i] != '\\':
			return i, escaped, faultSyntax
		}
		escaped = true
		if i, f = walkJSONEscape(b, i+1); f != faultNone {
			return i, true, f
		}
	}
}

// walkJSONEscape walks an escape sequence from behind its backslash.
func walkJSONEscape(b []byte, i int) (end int, f fault) {
	if i >= len(b) {
		return i, faultShort
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, faultNone
	case 'u':
		if len(b)-i <= 4 {
			return i, faultShort
		}
		for range 4 {
			if i++; !hexDigit(b[i]) {
				return i, faultSyntax
			}
		}
		return i + 1, faultNone
	}
	return i, faultSyntax
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func walkJSONWord(b []byte, i int, word string) (end int, f fault) {
	if len(b)-i < len(word) {
		return i, faultShort
	}
	if string(b[i:i+len(word)]) != word {
		return i, faultSyntax
	}
	return i + len(word), faultNone
}

// walkJSONNumber walks a number, of any size and precision.
func walkJSONNumber(b []byte, i int) (end int, f fault) {
	if b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	switch {
	case i == start && i >= len(b):
		return i, faultShort
	case i == start, b[start] == '0' && i > start+1:
		return start, faultSyntax
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return i, faultSyntax
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return i, faultSyntax
		}
	}
	return i, faultNone
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
