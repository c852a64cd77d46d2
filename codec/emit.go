package codec

import (
	"encoding/base64"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"
)

// emitter rewrites the native form to what a server of the BARE or the CBOR
// encoding reads. In BARE both RivetKit 2.0 and 2.3 read native bytes,
// BigInts, dates, Sets and Maps, and 2.0 reads nothing else; in CBOR 2.3
// refuses them and wants the compat forms.
type emitter struct {
	in     []byte
	out    []byte
	compat bool // the CBOR encoding
}

// item rewrites the item at i and returns the index behind it. literal leaves
// arrays that look like compat arrays alone.
func (e *emitter) item(i, depth int, literal bool) (int, error) {
	if depth > maxDepth {
		return 0, errTooDeep()
	}
	h, next := readHead(e.in, i)
	switch h.major {
	case majorUint, majorNegative:
		e.integer(h.major == majorNegative, h.value)
		return next, nil
	case majorBytes:
		content, end := stringAt(e.in, i)
		if e.compat {
			e.out = appendBase64Text(appendPair(e.out, compatUint8Array), content)
		} else {
			e.out = appendHead(appendHead(e.out, majorTag, tagUint8Array), majorBytes, uint64(len(content)))
			e.out = append(e.out, content...)
		}
		return end, nil
	case majorText:
		text, end := textAt(e.in, i)
		if !utf8.Valid(text) {
			return 0, errUTF8()
		}
		e.out = append(appendHead(e.out, majorText, uint64(len(text))), text...)
		return end, nil
	case majorArray:
		return e.array(next, depth+1, h, literal, false)
	case majorMap:
		return e.object(i, next, depth+1, h, literal)
	case majorTag:
		return e.tag(next, depth+1, h.value, literal)
	}
	if e.in[i] == cborUndefined && e.compat {
		e.out = append(appendPair(e.out, compatUndefined), 0)
		return next, nil
	}
	if _, ok := h.float(); !ok && (e.in[i] < cborFalse || e.in[i] > cborUndefined) {
		return 0, errSimple()
	}
	e.out = append(e.out, e.in[i:next]...)
	return next, nil
}

// integer writes the number, or the BigInt, that is value or -1-value.
func (e *emitter) integer(negative bool, value uint64) {
	major, limit := majorUint, uint64(math.MaxUint32)
	if negative {
		major, limit = majorNegative, math.MaxInt32
	}
	safe := uint64(maxSafe)
	if negative {
		safe--
	}
	switch {
	case value <= limit:
		e.out = appendHead(e.out, major, value)
	case value <= safe:
		// An integer of this size would arrive as a BigInt.
		f := float64(value)
		if negative {
			f = -1 - f
		}
		e.out = appendFloat(e.out, f)
	default:
		e.bigWord(negative, value)
	}
}

func (e *emitter) bigWord(negative bool, value uint64) {
	switch {
	case e.compat:
		n := new(big.Int).SetUint64(value)
		if negative {
			n.Not(n)
		}
		e.out = appendText(appendPair(e.out, compatBigInt), n.String())
	case negative && value > math.MaxInt64:
		e.out = appendBigWord(e.out, true, value)
	case negative:
		e.out = appendHead64(e.out, majorNegative, value)
	default:
		e.out = appendHead64(e.out, majorUint, value)
	}
}

// array rewrites the elements of an array. In a list, which a Set's elements
// are, the array itself is never mistaken for a compat array.
func (e *emitter) array(i, depth int, h head, literal, list bool) (int, error) {
	start, n := len(e.out), 0
	if h.indefinite() {
		e.out = appendOpenHead(e.out, majorArray)
	} else {
		e.out = appendHead(e.out, majorArray, h.value)
	}
	escape := !literal && !list && looksCompat(e.in, i, h)
	var err error
	for ; h.indefinite() && e.in[i] != cborBreak || !h.indefinite() && uint64(n) < h.value; n++ {
		if n == 0 && escape {
			text, end := textAt(e.in, i)
			if !utf8.Valid(text) {
				return 0, errUTF8()
			}
			e.out = append(appendHead(e.out, majorText, uint64(len(text)+1)), '$')
			e.out = append(e.out, text...)
			i = end
			continue
		}
		if i, err = e.item(i, depth, literal); err != nil {
			return 0, err
		}
	}
	if h.indefinite() {
		closeHead(e.out, start, n)
		i++
	}
	return i, nil
}

// looksCompat reports whether the array with head h and elements from i on is
// one of two elements, of which the first is a text that begins with a $.
func looksCompat(in []byte, i int, h head) bool {
	if !h.indefinite() && h.value != 2 || in[i]>>5 != majorText {
		return false
	}
	text, next := textAt(in, i)
	if len(text) == 0 || text[0] != '$' {
		return false
	}
	if h.indefinite() {
		return in[next] != cborBreak && in[skip(in, next)] == cborBreak
	}
	return true
}

// object rewrites a map with text keys, leaving undefined members out, or
// passes a map with other keys on as a JavaScript Map.
func (e *emitter) object(at, i, depth int, h head, literal bool) (int, error) {
	if otherKeys(e.in, i, h) {
		return e.mapItem(at, depth, literal)
	}
	start, members := len(e.out), 0
	if h.indefinite() {
		e.out = appendOpenHead(e.out, majorMap)
	} else {
		e.out = appendHead(e.out, majorMap, h.value)
	}
	body := len(e.out)
	var err error
	for n := uint64(0); h.indefinite() && e.in[i] != cborBreak || !h.indefinite() && n < h.value; n++ {
		if e.in[i]>>5 != majorText {
			return 0, &TypeError{Reason: "cannot encode an object of which only some keys are strings"}
		}
		value := skip(e.in, i)
		if e.in[value] == cborUndefined {
			i = value + 1
			continue
		}
		if i, err = e.item(i, depth, literal); err != nil {
			return 0, err
		}
		if i, err = e.item(i, depth, literal); err != nil {
			return 0, err
		}
		members++
	}
	switch {
	case h.indefinite():
		closeHead(e.out, start, members)
		i++
	case uint64(members) < h.value:
		// The shorter head never reaches the members.
		to := len(appendHead(e.out[:start], majorMap, uint64(members)))
		e.out = e.out[:to+copy(e.out[to:], e.out[body:])]
	}
	return i, nil
}

// otherKeys reports whether the first key of the map with head h and entries
// from i on is something else than a text.
func otherKeys(in []byte, i int, h head) bool {
	if h.indefinite() {
		return in[i] != cborBreak && in[i]>>5 != majorText
	}
	return h.value > 0 && in[i]>>5 != majorText
}

// mapItem rewrites the map at i as a JavaScript Map.
func (e *emitter) mapItem(i, depth int, literal bool) (int, error) {
	if e.compat {
		return 0, errNoMap(CBOR)
	}
	h, next := readHead(e.in, i)
	e.out = appendHead(e.out, majorTag, tagMap)
	start, n := len(e.out), 0
	e.out = appendOpenHead(e.out, majorMap)
	var err error
	for ; h.indefinite() && e.in[next] != cborBreak || !h.indefinite() && uint64(n) < h.value; n++ {
		for range 2 {
			if next, err = e.item(next, depth, literal); err != nil {
				return 0, err
			}
		}
	}
	if h.indefinite() {
		next++
	}
	closeHead(e.out, start, n)
	return next, nil
}

func (e *emitter) tag(i, depth int, tag uint64, literal bool) (int, error) {
	h, next := readHead(e.in, i)
	if !tagHolds(tag, h) {
		return 0, errTagContent()
	}
	switch tag {
	case tagTimeText, tagTimeNumber:
		ms, end, err := nativeDate(e.in, i, tag)
		if err != nil {
			return 0, err
		}
		if !e.compat {
			e.out = appendFloat(appendHead(e.out, majorTag, tagTimeNumber), jsSeconds(ms))
			return end, nil
		}
		e.out = appendText(e.out, string(appendISO(nil, ms)))
		return end, nil
	case tagBigUint, tagBigNegative:
		n, end, err := nativeBig(e.in, i, tag)
		if err != nil {
			return 0, err
		}
		if e.compat {
			text, err := bigText(n)
			if err != nil {
				return 0, err
			}
			e.out = appendText(appendPair(e.out, compatBigInt), text)
			return end, nil
		}
		switch {
		case n.IsUint64():
			e.out = appendHead64(e.out, majorUint, n.Uint64())
		case n.IsInt64():
			e.out = appendHead64(e.out, majorNegative, uint64(^n.Int64()))
		default:
			content, _ := stringAt(e.in, i)
			e.out = append(appendHead(appendHead(e.out, majorTag, tag), majorBytes, uint64(len(content))), content...)
		}
		return end, nil
	case tagUint8Array:
		return e.item(i, depth, literal)
	case tagSet:
		if e.compat {
			e.out = appendPair(e.out, compatSet)
			return e.array(next, depth, h, literal, true)
		}
		// RivetKit does not look for compat arrays inside a native Set.
		e.out = appendHead(e.out, majorTag, tagSet)
		return e.array(next, depth, h, true, true)
	case tagMap:
		return e.mapItem(i, depth, literal)
	case tagSelf:
		return e.item(i, depth, literal)
	}
	if e.compat {
		return 0, &TypeError{Reason: "cannot encode a CBOR tag in the " + CBOR.String() + " encoding"}
	}
	end := skip(e.in, i)
	e.out = append(appendHead(e.out, majorTag, tag), e.in[i:end]...)
	return end, nil
}

func appendPair(dst []byte, name string) []byte {
	return appendText(appendHead(dst, majorArray, 2), name)
}

func appendBase64Text(dst, content []byte) []byte {
	dst = appendHead(dst, majorText, uint64(base64.StdEncoding.EncodedLen(len(content))))
	return base64.StdEncoding.AppendEncode(dst, content)
}

// nativeDate reads the content of a date's tag: milliseconds since 1970,
// rounded down, and the index behind it.
func nativeDate(in []byte, i int, tag uint64) (ms int64, end int, err error) {
	if tag == tagTimeText {
		text, end := textAt(in, i)
		t, err := time.Parse(time.RFC3339, string(text))
		if err != nil {
			return 0, 0, &TypeError{Reason: "cannot encode a date that is not in RFC 3339 format"}
		}
		return t.UnixMilli(), end, nil
	}
	h, end := readHead(in, i)
	seconds, ok := h.float()
	if !ok {
		seconds = float64(h.value)
		if h.major == majorNegative {
			seconds = -1 - seconds
		}
	}
	millis := math.Round(seconds * 1000)
	if !(math.Abs(millis) <= maxDateMillis) {
		return 0, 0, errDateRange()
	}
	return int64(millis), end, nil
}

// jsSeconds returns the seconds that JavaScript, which multiplies by 1000 and
// cuts the rest off, turns back into ms.
func jsSeconds(ms int64) float64 {
	f := float64(ms) / 1000
	for _, c := range [...]float64{f, math.Nextafter(f, math.Inf(1)), math.Nextafter(f, math.Inf(-1))} {
		if int64(c*1000) == ms {
			return c
		}
	}
	return f
}

// appendISO appends what JavaScript's toISOString returns for a date of
// nativeDate.
func appendISO(dst []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	if ms >= minTextMillis && ms <= maxTextMillis {
		return t.AppendFormat(dst, dateLayout)
	}
	sign, year := byte('+'), t.Year()
	if year < 0 {
		sign, year = '-', -year
	}
	digits := [6]byte{}
	for k := range digits {
		digits[5-k] = byte('0' + year%10)
		year /= 10
	}
	return t.AppendFormat(append(append(dst, sign), digits[:]...), dateLayout[len("2006"):])
}

// nativeBig reads the content of a bignum's tag.
func nativeBig(in []byte, i int, tag uint64) (n *big.Int, end int, err error) {
	content, end := stringAt(in, i)
	if end-i > maxBigItem {
		return nil, 0, errBigDigits()
	}
	n = new(big.Int).SetBytes(content)
	if tag == tagBigNegative {
		n.Not(n)
	}
	return n, end, nil
}

func bigText(n *big.Int) (string, error) {
	text := n.String()
	if len(strings.TrimPrefix(text, "-")) > maxBigDigits {
		return "", errBigDigits()
	}
	return text, nil
}

func errTooDeep() error { return &TypeError{Reason: "cannot encode a value nested that deeply"} }
func errSimple() error  { return &TypeError{Reason: "cannot encode a CBOR simple value"} }
func errUTF8() error    { return &TypeError{Reason: "cannot encode a string that is not UTF-8"} }
func errTagContent() error {
	return &TypeError{Reason: "cannot encode a CBOR tag with content that it does not have"}
}

func errBigDigits() error {
	return &TypeError{Go: "big.Int", Reason: "cannot encode a BigInt of that many digits"}
}

func errDateRange() error {
	return &TypeError{Go: "time.Time", Reason: "cannot encode a time beyond JavaScript's dates"}
}

func errNoMap(enc Encoding) error {
	return &TypeError{Reason: "the " + enc.String() + " encoding cannot carry a JavaScript Map; BARE does"}
}
