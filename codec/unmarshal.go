package codec

import (
	"reflect"

	"github.com/rivet-go/rivet/internal/typed"
)

// Unmarshal decodes one encoded value, CBOR for BARE and CBOR and text for
// JSON, into the pointer dst; empty data is undefined. The table in the
// package documentation says which Go types take which JavaScript values.
//
// A *SyntaxError reports bytes that are not one value, a *TypeError a value
// that dst cannot take; dst may hold part of the value then. Numbers are never
// rounded into integers: a fraction or a number out of range is a *TypeError.
// Null and undefined set pointers, slices, maps and interfaces to nil and
// leave everything else as it was, as encoding/json does.
//
// Nothing in dst aliases data. Unmarshal is safe for concurrent use.
func Unmarshal(enc Encoding, data []byte, dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return &TypeError{Reason: "decode needs a non-nil pointer"}
	}
	s := shapeOf(v.Type().Elem())
	fast := quick{program: s.program, dst: v.Elem()}
	if enc != JSON && fast.decode(data) {
		return nil
	}
	return decode(enc, data, dst, s.one.profile, fast)
}

// quick decodes a value by the program of its type, if there is one, and the
// value does not hold anything yet. What it does not take is for the rest to
// decode or refuse; what it takes, the rest would have decoded to the same.
type quick struct {
	program *typed.Program
	dst     reflect.Value
}

func (q quick) decode(data []byte) bool {
	return q.program != nil && len(data) > 0 && q.dst.IsZero() && q.program.Decode(data, q.dst)
}

func decode(enc Encoding, data []byte, dst any, p profile, fast quick) error {
	if raw, ok := dst.(*Value); ok {
		if err := Valid(enc, data); err != nil {
			return err
		}
		*raw = Value{enc, append([]byte(nil), data...)}
		return nil
	}
	if len(data) == 0 {
		data, enc = undefinedCBOR, BARE
	}
	if enc == JSON {
		return decodeJSON(data, dst, p, fast)
	}
	s := scanner{data: data}
	if err := s.document(); err != nil {
		return err
	}
	return decodeScanned(data, s.found, dst, p)
}

var undefinedCBOR = []byte{cborUndefined}

// decodeScanned decodes one item of CBOR that a scan has found well-formed
// and with the given traits.
func decodeScanned(data []byte, found traits, dst any, p profile) error {
	if found&p.rewrite == 0 && !p.stamped {
		return decodeEngine(data, found, dst, p)
	}
	b := getBuffer()
	defer putBuffer(b)
	native, more, err := normalize(b.AvailableBuffer(), data, p.dynamic, p.stamped)
	keep(b, native)
	if err != nil {
		return err
	}
	return decodeEngine(native, found|more, dst, p)
}

func decodeJSON(data []byte, dst any, p profile, fast quick) error {
	b := getBuffer()
	defer putBuffer(b)
	native, found, err := parseJSON(b.AvailableBuffer(), data, parseOptions{compat: true, dynamic: p.dynamic, stamp: p.stamped})
	keep(b, native)
	if err != nil {
		return err
	}
	if fast.decode(native) {
		return nil
	}
	return decodeEngine(native, found, dst, p)
}

// decodeEngine decodes the native form.
func decodeEngine(native []byte, found traits, dst any, p profile) error {
	e := engine()
	mode := e.dec
	switch {
	case p.plain:
		mode = e.plain
	case p.stamped:
		mode = e.stamped
	case p.dynamic && found&hasCollection != 0:
		mode = e.collections
	}
	if err := mode.Unmarshal(native, dst); err != nil {
		return decodeError(err, dst)
	}
	return nil
}

// Valid checks that data is one well-formed value of the encoding, nested no
// deeper than decoding allows; empty data is undefined and valid. It returns
// a *SyntaxError or nil and allocates nothing for CBOR.
//
// It checks the form, not the compat arrays inside.
func Valid(enc Encoding, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if enc == JSON {
		b := getBuffer()
		defer putBuffer(b)
		native, _, err := parseJSON(b.AvailableBuffer(), data, parseOptions{})
		keep(b, native)
		return err
	}
	s := scanner{data: data, utf8: true}
	return s.document()
}
