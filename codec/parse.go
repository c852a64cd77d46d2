package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// parseOptions say how JSON is read.
type parseOptions struct {
	// compat reads compat arrays as what they stand for; without it an array
	// is an array.
	compat bool
	// dynamic and stamp are those of the normalizer.
	dynamic, stamp bool
}

// parseJSON appends the native form of the JSON text src to dst.
func parseJSON(dst, src []byte, o parseOptions) ([]byte, traits, error) {
	p := parser{in: src, out: dst, parseOptions: o}
	p.space()
	if p.value(0, false) {
		p.space()
		if p.i == len(p.in) {
			return p.out, p.found, nil
		}
		p.fail("data after the value")
	}
	return p.out, p.found, &SyntaxError{Offset: p.i, Reason: p.fault}
}

// parser is a single pass over JSON text (RFC 8259) that writes CBOR. Its
// methods return false after an error.
type parser struct {
	parseOptions
	in    []byte
	i     int
	out   []byte
	found traits
	fault string
	// pairs are the arrays that look compat and of which it is not known yet
	// whether they are a Set's list: the one that was parsed last is the last,
	// the one before is its second element, and so on.
	pairs []pair
}

func (p *parser) fail(reason string) bool {
	if p.fault == "" {
		p.fault = reason
	}
	return false
}

func (p *parser) space() {
	for p.i < len(p.in) {
		switch p.in[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte behind white space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.i < len(p.in) {
		return p.in[p.i]
	}
	return 0
}

// value parses the value at i. list leaves an array as it is even when it
// looks like a compat array, and notes that in pairs.
func (p *parser) value(depth int, list bool) bool {
	if p.i >= len(p.in) {
		return p.fail("truncated value")
	}
	switch c := p.in[p.i]; c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth+1, list)
	case '"':
		start := len(p.out)
		return p.text() && p.stampText(start)
	case 't':
		return p.literal("true", cborTrue)
	case 'f':
		return p.literal("false", cborFalse)
	case 'n':
		return p.literal("null", cborNull)
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return p.number()
		}
	}
	return p.fail("not a value")
}

func (p *parser) literal(word string, item byte) bool {
	if !bytes.HasPrefix(p.in[p.i:], []byte(word)) {
		return p.fail("not a value")
	}
	p.i += len(word)
	p.out = append(p.out, item)
	return true
}

func (p *parser) object(depth int) bool {
	if depth > maxDepth {
		return p.fail("nested too deeply")
	}
	start, count := len(p.out), 0
	p.out = appendOpenHead(p.out, majorMap)
	p.i++
	for c := p.peek(); c != '}'; count++ {
		if count > 0 {
			if c != ',' {
				return p.fail("want , or } in an object")
			}
			p.i++
			c = p.peek()
		}
		if c != '"' {
			return p.fail("want a member's name")
		}
		if !p.text() {
			return false
		}
		if p.peek() != ':' {
			return p.fail("want : behind a member's name")
		}
		p.i++
		p.space()
		if !p.value(depth, false) {
			return false
		}
		c = p.peek()
	}
	p.i++
	closeHead(p.out, start, count)
	return true
}

func (p *parser) array(depth int, list bool) bool {
	if depth > maxDepth {
		return p.fail("nested too deeply")
	}
	start, second, count := len(p.out), 0, 0
	var dollar, set bool
	p.out = appendOpenHead(p.out, majorArray)
	p.i++
	for c := p.peek(); c != ']'; count++ {
		if count > 0 {
			if c != ',' {
				return p.fail("want , or ] in an array")
			}
			p.i++
			p.space()
		}
		if count == 1 {
			second = len(p.out)
			dollar, set = p.tagged(start)
		}
		p.pairs = p.pairs[:0]
		if !p.value(depth, set && count == 1) {
			return false
		}
		c = p.peek()
		if set && count == 1 && c != ']' && !p.settle(false) {
			return false // not a Set's list after all
		}
	}
	p.i++
	closeHead(p.out, start, count)
	switch {
	case count != 2 || !dollar:
		return true
	case list:
		p.pairs = append(p.pairs, pair{start, second})
		return true
	}
	return p.settle(true) && p.compatArray(start, second)
}

// pair is an array of two that looks compat: where it and its second element
// begin in out.
type pair struct{ start, second int }

// settle decides on pairs, once it is known whether the last one is a Set's list,
// which means itself. Then its second element does not, the second element of that
// is a Set's list again, and so on.
func (p *parser) settle(list bool) bool {
	for i, pair := range p.pairs { // from the inside
		if outer := len(p.pairs) - 1 - i; (outer%2 == 0) == list {
			continue
		}
		if !p.compatArray(pair.start, pair.second) {
			return false
		}
	}
	p.pairs = p.pairs[:0]
	return true
}

// tagged looks at the first element of the array that begins at start in out:
// whether it is a text that begins with a $, and whether it is that of a Set.
func (p *parser) tagged(start int) (dollar, set bool) {
	if first := start + 5; p.compat && p.out[first]>>5 == majorText {
		text, _ := textAt(p.out, first)
		return len(text) > 0 && text[0] == '$', string(text) == compatSet
	}
	return false, false
}

// compatArray replaces the array of two that begins at start, and whose
// second element is the last thing in out, by what it stands for.
func (p *parser) compatArray(start, second int) bool {
	text, _ := textAt(p.out, start+5)
	major := p.out[second] >> 5
	switch string(text) {
	case compatUndefined:
		p.out = append(p.out[:start], cborUndefined)
		return true
	case compatSet:
		if major != majorArray {
			return p.fail("a $Set without an array")
		}
		p.found |= hasCollection
		head := len(appendHead(p.out[:start], majorTag, tagSet))
		p.out = p.out[:head+copy(p.out[head:], p.out[second:])]
		return true
	case compatBigInt, compatUint8Array, compatArrayBuffer:
		if major != majorText {
			return p.fail("a compat form without its text")
		}
		content, _ := textAt(p.out, second)
		b := getBuffer()
		defer putBuffer(b)
		b.Write(content)
		var reason string
		if string(text) == compatBigInt {
			p.out, reason = appendBigText(p.out[:start], b.Bytes(), p.dynamic)
		} else {
			p.out, reason = appendBase64(p.out[:start], b.Bytes())
		}
		return reason == "" || p.fail(reason)
	}
	if !bytes.HasPrefix(text, []byte("$$")) {
		return p.fail("an unknown compat form")
	}
	// The shorter head never reaches the text behind the old one.
	rest := second - len(text) + 1
	head := len(appendHead(p.out[:start+5], majorText, uint64(len(text)-1)))
	p.out = p.out[:head+copy(p.out[head:], p.out[rest:])]
	return true
}

func (p *parser) number() bool {
	start, i, in := p.i, p.i, p.in
	digits := func() int {
		from := i
		for i < len(in) && in[i] >= '0' && in[i] <= '9' {
			i++
		}
		return i - from
	}
	if in[i] == '-' {
		i++
	}
	first := i
	n := digits()
	if n == 0 || n > 1 && in[first] == '0' {
		return p.fail("not a number")
	}
	integer := true
	if i < len(in) && in[i] == '.' {
		integer = false
		i++
		if digits() == 0 {
			return p.fail("not a number")
		}
	}
	if i < len(in) && in[i]|0x20 == 'e' {
		integer = false
		i++
		if i < len(in) && (in[i] == '+' || in[i] == '-') {
			i++
		}
		if digits() == 0 {
			return p.fail("not a number")
		}
	}
	p.i = i
	if integer {
		return p.integer(in[start:i], in[first:i])
	}
	f, err := strconv.ParseFloat(string(in[start:i]), 64)
	if err != nil {
		return p.fail("a number out of range")
	}
	if w, ok := whole(f); ok {
		p.out = appendInt(p.out, w)
	} else {
		p.out = appendFloat(p.out, f)
	}
	return true
}

// integer takes a literal without fraction or exponent. One beyond ±(2⁵³−1)
// is read as a BigInt, as RivetKit's server reads it, rather than rounded.
func (p *parser) integer(text, digits []byte) bool {
	if len(digits) <= 16 {
		n := int64(0)
		for _, c := range digits {
			n = n*10 + int64(c-'0')
		}
		if n <= maxSafe {
			if len(digits) < len(text) {
				n = -n
			}
			p.out = appendInt(p.out, n)
			return true
		}
	}
	var reason string
	p.out, reason = appendBigText(p.out, text, p.dynamic)
	return reason == "" || p.fail(reason)
}

// stampText tags the text that begins at start in out, when it is to be.
func (p *parser) stampText(start int) bool {
	if !p.stamp {
		return true
	}
	if text, _ := textAt(p.out, start); looksTime(text) {
		p.out = append(p.out, 0)
		copy(p.out[start+1:], p.out[start:])
		p.out[start] = majorTag<<5 | tagTimeText
	}
	return true
}

// text parses the string at i.
func (p *parser) text() bool {
	p.i++
	start, i, in := p.i, p.i, p.in
	var or uint64
	// Eight bytes at a time: most strings end in the first step.
	for len(in)-i >= 8 {
		word := binary.LittleEndian.Uint64(in[i:])
		if stop := stringStop(word); stop != 0 {
			n := bits.TrailingZeros64(stop) / 8
			or |= word << (64 - 8*n)
			i += n
			break
		}
		or |= word
		i += 8
	}
	for ; i < len(in) && plainJSON[in[i]]; i++ {
		or |= uint64(in[i])
	}
	switch {
	case i == len(in):
		p.i = i
		return p.fail("truncated string")
	case in[i] == '\\':
		return p.escapedText(start)
	case in[i] != '"':
		p.i = i
		return p.fail("a control character in a string")
	}
	content := in[start:i]
	const high = 0x8080808080808080
	if or&high != 0 && !utf8.Valid(content) {
		return p.fail("invalid UTF-8")
	}
	p.out = append(appendHead(p.out, majorText, uint64(len(content))), content...)
	p.i = i + 1
	return true
}

// escapedText parses the string whose content begins at i and which has an
// escape somewhere.
func (p *parser) escapedText(i int) bool {
	start := len(p.out)
	p.out = appendOpenHead(p.out, majorText)
	from := i // of the plain run
	for i < len(p.in) {
		switch c := p.in[i]; {
		case c == '"':
			p.out = append(p.out, p.in[from:i]...)
			content := p.out[start+5:]
			if !utf8.Valid(content) {
				return p.fail("invalid UTF-8")
			}
			if uint64(len(content)) > math.MaxUint32 {
				return p.fail("a string too long")
			}
			binary.BigEndian.PutUint32(p.out[start+1:], uint32(len(content)))
			p.i = i + 1
			return true
		case c == '\\':
			p.out = append(p.out, p.in[from:i]...)
			n := p.escape(i)
			if n < 0 {
				p.i = i
				return p.fail("a bad escape in a string")
			}
			i += n
			from = i
		case c < ' ':
			p.i = i
			return p.fail("a control character in a string")
		default:
			i++
		}
	}
	p.i = len(p.in)
	return p.fail("truncated string")
}

// escape appends the character of the escape sequence at i and returns the
// length of the sequence, -1 when there is none. Half of a surrogate pair is
// no character; RivetKit refuses it too.
func (p *parser) escape(i int) int {
	if i+1 >= len(p.in) {
		return -1
	}
	switch c := p.in[i+1]; c {
	case '"', '\\', '/':
		p.out = append(p.out, c)
	case 'b':
		p.out = append(p.out, '\b')
	case 'f':
		p.out = append(p.out, '\f')
	case 'n':
		p.out = append(p.out, '\n')
	case 'r':
		p.out = append(p.out, '\r')
	case 't':
		p.out = append(p.out, '\t')
	case 'u':
		r := p.hex4(i + 2)
		n := 6
		if utf16.IsSurrogate(r) {
			if i+7 >= len(p.in) || p.in[i+6] != '\\' || p.in[i+7] != 'u' {
				return -1
			}
			r = utf16.DecodeRune(r, p.hex4(i+8))
			if r == utf8.RuneError {
				return -1
			}
			n = 12
		}
		if r < 0 {
			return -1
		}
		p.out = utf8.AppendRune(p.out, r)
		return n
	default:
		return -1
	}
	return 2
}

// hex4 returns the four hexadecimal digits at i as a number, or -1.
func (p *parser) hex4(i int) rune {
	if i+4 > len(p.in) {
		return -1
	}
	var r rune
	for _, c := range p.in[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
