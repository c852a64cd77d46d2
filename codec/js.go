package codec

import (
	"iter"
	"slices"
)

// Undefined is JavaScript's undefined. Encoded as an object's member it
// leaves the member out; elsewhere it is undefined itself. It decodes from
// anything and holds nothing.
type Undefined struct{}

// MarshalCBOR implements cbor.Marshaler.
func (Undefined) MarshalCBOR() ([]byte, error) { return []byte{cborUndefined}, nil }

// UnmarshalCBOR implements cbor.Unmarshaler; it accepts every value.
func (*Undefined) UnmarshalCBOR([]byte) error { return nil }

// Set is a JavaScript Set: its elements in the order in which JavaScript
// iterates over them. Encoding does not remove duplicates, the receiver does.
// A plain slice also decodes from a Set, and a Set from an array.
type Set[T any] []T

func (Set[T]) collection() {}

// MarshalCBOR implements cbor.Marshaler.
func (s Set[T]) MarshalCBOR() ([]byte, error) {
	elems := []T(s)
	if elems == nil {
		elems = []T{}
	}
	if b, ok := any(elems).([]byte); ok {
		// A slice of bytes would become one byte string.
		out := appendHead(appendHead(nil, majorTag, tagSet), majorArray, uint64(len(b)))
		for _, c := range b {
			out = appendHead(out, majorUint, uint64(c))
		}
		return out, nil
	}
	return appendNative(appendHead(nil, majorTag, tagSet), elems)
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (s *Set[T]) UnmarshalCBOR(data []byte) error {
	h, next := readHead(data, 0)
	if h.major == majorTag && h.value == tagSet {
		data = data[next:]
	}
	var elems []T
	if err := decodeNative(data, &elems); err != nil {
		return err
	}
	*s = elems
	return nil
}

// Entry is one pair of a Map.
type Entry[K, V any] struct {
	Key   K
	Value V
}

// Map is a JavaScript Map: its entries in the order in which JavaScript
// iterates over them; keys may be of any type. A Go map also decodes from a
// Map, and encodes as one when its keys are not strings. A Map from JavaScript
// with object keys needs this type, or any.
//
// Only the BARE encoding carries a Map; in CBOR and JSON encoding one is a
// *TypeError, because RivetKit would hand the receiver null.
type Map[K, V any] []Entry[K, V]

// All iterates over the entries in order.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, e := range m {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

func (Map[K, V]) collection() {}

// MarshalCBOR implements cbor.Marshaler.
func (m Map[K, V]) MarshalCBOR() ([]byte, error) {
	out := appendHead(appendHead(nil, majorTag, tagMap), majorMap, uint64(len(m)))
	var err error
	for _, e := range m {
		if out, err = appendNative(out, e.Key); err != nil {
			return nil, err
		}
		if out, err = appendNative(out, e.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UnmarshalCBOR implements cbor.Unmarshaler. It also takes a plain object.
func (m *Map[K, V]) UnmarshalCBOR(data []byte) error {
	h, i := readHead(data, 0)
	if h.major == majorTag && h.value == tagMap {
		h, i = readHead(data, i)
	}
	if h.major == majorSimple && (data[0] == cborNull || data[0] == cborUndefined) {
		*m = nil
		return nil
	}
	if h.major != majorMap {
		return &TypeError{Go: "codec.Map", Reason: "cannot decode something that is neither a Map nor an object"}
	}
	var entries Map[K, V]
	if !h.indefinite() {
		// The scan before saw every entry, so the count is true; growing as
		// they come keeps a Map of empty keys from costing more than it must.
		entries = slices.Grow(entries, int(min(h.value, 64)))
	}
	for n := uint64(0); h.indefinite() && data[i] != cborBreak || !h.indefinite() && n < h.value; n++ {
		var e Entry[K, V]
		mid := skip(data, i)
		if err := decodeNative(data[i:mid], &e.Key); err != nil {
			return err
		}
		i = skip(data, mid)
		if err := decodeNative(data[mid:i], &e.Value); err != nil {
			return err
		}
		entries = append(entries, e)
	}
	*m = entries
	return nil
}
