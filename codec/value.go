package codec

import "fmt"

// Value is one encoded JavaScript value, not decoded yet. The zero Value is
// JavaScript's undefined. A Value is immutable and safe for concurrent use.
//
// As the target of a decode, or anywhere within it, a Value takes any value;
// within another value it holds that as BARE. As part of a value that is
// encoded it is converted to the encoding in question.
type Value struct {
	enc  Encoding
	data []byte
}

// RawValue wraps encoded bytes (CBOR for BARE and CBOR, JSON text for JSON)
// without copying or checking them; the caller must not change them
// afterwards. Empty data is undefined.
func RawValue(enc Encoding, data []byte) Value { return Value{enc, data} }

// Bytes returns the encoded bytes; they must not be changed. They are empty
// for the zero Value.
func (v Value) Bytes() []byte { return v.data }

// Encoding returns the encoding of the bytes.
func (v Value) Encoding() Encoding { return v.enc }

// Decode stores the value in the pointer dst by the rules of Unmarshal.
func (v Value) Decode(dst any) error { return Unmarshal(v.enc, v.data, dst) }

// IsUndefined reports whether the value is undefined.
func (v Value) IsUndefined() bool { return v.simple() == cborUndefined }

// IsNull reports whether the value is null; undefined is not.
func (v Value) IsNull() bool { return v.simple() == cborNull }

// simple returns the native form of a value of one byte, 0 for all others.
func (v Value) simple() byte {
	const longest = 64 // of undefined in any form, with some white space
	switch {
	case len(v.data) == 0:
		return cborUndefined
	case len(v.data) > longest:
		return 0
	}
	var room [longest]byte
	if native, err := v.native(room[:0], true); err == nil && len(native) == 1 {
		return native[0]
	}
	return 0
}

// String describes the value without its content, which may be a secret.
func (v Value) String() string {
	if v.IsUndefined() {
		return "undefined"
	}
	return fmt.Sprintf("%s value of %d bytes", v.enc, len(v.data))
}

// GoString does the same for %#v.
func (v Value) GoString() string { return "codec.Value(" + v.String() + ")" }

// native appends the native form of v.
func (v Value) native(dst []byte, dynamic bool) ([]byte, error) {
	if len(v.data) == 0 {
		return append(dst, cborUndefined), nil
	}
	if v.enc == JSON {
		out, _, err := parseJSON(dst, v.data, parseOptions{compat: true, dynamic: dynamic})
		return out, err
	}
	s := scanner{data: v.data}
	if err := s.document(); err != nil {
		return dst, err
	}
	out, _, err := normalize(dst, v.data, dynamic, false)
	return out, err
}

// MarshalCBOR implements cbor.Marshaler, for values within values.
func (v Value) MarshalCBOR() ([]byte, error) { return v.native(nil, true) }

// UnmarshalCBOR implements cbor.Unmarshaler, for values within values.
func (v *Value) UnmarshalCBOR(data []byte) error {
	out, err := emit(nil, BARE, data)
	if err != nil {
		return err
	}
	*v = Value{BARE, out}
	return nil
}
