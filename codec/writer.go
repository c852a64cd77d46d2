package codec

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rivet-go/rivet/internal/bare"
)

// writer appends messages. The methods of the tree serve CBOR and JSON alike;
// BARE, which has no names, has its own.
type writer struct {
	dst   []byte
	json  bool
	first bool // JSON: the next member needs no comma
}

// newWriter begins a message or body, in BARE with its version.
func newWriter(dst []byte, enc Encoding, version uint16) *writer {
	if enc == BARE {
		dst = bare.AppendU16(dst, version)
	}
	return &writer{dst: dst, json: enc == JSON}
}

func (w *writer) uvarint(v uint64)  { w.dst = bare.AppendUvarint(w.dst, v) }
func (w *writer) bareText(s string) { w.dst = bare.AppendStr(w.dst, s) }
func (w *writer) bareData(b []byte) { w.dst = bare.AppendData(w.dst, b) }
func (w *writer) bareBool(v bool)   { w.dst = bare.AppendBool(w.dst, v) }

// open begins a map of a known number of members.
func (w *writer) open(members int) {
	if w.json {
		w.dst = append(w.dst, '{')
		w.first = true
		return
	}
	w.dst = appendHead(w.dst, majorMap, uint64(members))
}

// end ends a map.
func (w *writer) end() {
	if w.json {
		w.dst = append(w.dst, '}')
		w.first = false
	}
}

// envelope begins a message up to its own members.
func (w *writer) envelope(k Kind, members int) {
	w.open(1)
	w.key("body")
	w.open(2)
	w.key("tag")
	w.text(k.String())
	w.key("val")
	w.open(members)
}

func (w *writer) endEnvelope() []byte {
	w.end()
	w.end()
	w.end()
	return w.dst
}

// key writes a member's name, which never needs escapes.
func (w *writer) key(name string) {
	if !w.json {
		w.dst = appendText(w.dst, name)
		return
	}
	if !w.first {
		w.dst = append(w.dst, ',')
	}
	w.first = false
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

// raw writes an encoded value.
func (w *writer) raw(b []byte) { w.dst = append(w.dst, b...) }

func (w *writer) null() {
	if w.json {
		w.dst = append(w.dst, "null"...)
		return
	}
	w.dst = append(w.dst, cborNull)
}

func (w *writer) boolean(v bool) {
	switch {
	case w.json:
		w.dst = strconv.AppendBool(w.dst, v)
	case v:
		w.dst = append(w.dst, cborTrue)
	default:
		w.dst = append(w.dst, cborFalse)
	}
}

// number writes an integer that JavaScript reads as a number.
func (w *writer) number(v uint64) {
	if w.json {
		w.dst = strconv.AppendUint(w.dst, v, 10)
		return
	}
	w.dst = appendHead(w.dst, majorUint, v)
}

// bigInt writes an integer that JavaScript reads as a BigInt: in CBOR that is
// what has eight bytes. Servers of RivetKit 2.0 take call ids in no other
// form.
func (w *writer) bigInt(v uint64) {
	if w.json {
		w.dst = append(w.dst, `["$BigInt","`...)
		w.dst = strconv.AppendUint(w.dst, v, 10)
		w.dst = append(w.dst, `"]`...)
		return
	}
	w.dst = appendHead64(w.dst, majorUint, v)
}

// text writes a string; invalid UTF-8, which no reader takes, is replaced.
func (w *writer) text(s string) {
	if w.json {
		w.dst = appendQuoted(w.dst, s)
		return
	}
	w.dst = appendText(w.dst, strings.ToValidUTF8(s, "\uFFFD"))
}

// appendQuoted appends s as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if plainJSON[c] {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// orNoArgs is args, or an empty array for no bytes.
func orNoArgs(enc Encoding, args []byte) []byte {
	if len(args) == 0 {
		return noArgs(enc == JSON)
	}
	return args
}
