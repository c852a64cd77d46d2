package codec

import (
	"encoding"
	"encoding/json"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// maxGoDepth bounds the pointers, interfaces and containers that Marshal
// follows into a Go value. The CBOR engine follows them without a bound, and
// a value that contains itself would exhaust the stack, which no caller can
// recover from.
const maxGoDepth = 8 * maxDepth

// bounded returns an error when v is nested deeper than that. Types that
// cannot be, which most are, cost one look into the cache of profiles.
func bounded(v any) error {
	t := reflect.TypeOf(v)
	if t == nil || !profileOf(t).unbounded {
		return nil
	}
	if !shallow(reflect.ValueOf(v), 0) {
		return &TypeError{Go: t.String(), Reason: "cannot encode a value that contains itself or is nested that deeply"}
	}
	return nil
}

func shallow(v reflect.Value, depth int) bool {
	if depth > maxGoDepth {
		return false
	}
	t := v.Type()
	if t.Kind() != reflect.Interface && !profileOf(t).unbounded {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || shallow(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !shallow(v.Index(i), depth+1) {
				return false
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if !shallow(entries.Key(), depth+1) || !shallow(entries.Value(), depth+1) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if encoded(t.Field(i)) && !shallow(v.Field(i), depth+1) {
				return false
			}
		}
	}
	return true
}

// encoded reports whether the engine looks at the field. It must not be looked
// at here otherwise: what is in there may be endless, or another goroutine's.
func encoded(f reflect.StructField) bool {
	tag := f.Tag.Get("cbor")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	if tag == "-" || !f.IsExported() && !f.Anonymous {
		return false
	}
	embedded := f.Type
	if embedded.Kind() == reflect.Pointer {
		embedded = embedded.Elem()
	}
	return f.IsExported() || embedded.Kind() == reflect.Struct
}

// collection marks our own types that encode themselves by encoding what they
// contain.
type collection interface{ collection() }

var (
	typeCollection    = reflect.TypeFor[collection]()
	typeCBORMarshaler = reflect.TypeFor[cbor.Marshaler]()
	typeJSONMarshaler = reflect.TypeFor[json.Marshaler]()
	typeTextMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshals reports whether t encodes itself by a method of its own.
func marshals(t reflect.Type) bool {
	if t.Implements(typeCollection) {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(typeCBORMarshaler) || p.Implements(typeJSONMarshaler) || p.Implements(typeTextMarshaler)
}

// endless reports whether values of t can contain values of t, or anything.
// path holds the types from the first one down to t.
func endless(t reflect.Type, path map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
	default:
		return false
	}
	if done, seen := path[t]; seen {
		return !done
	}
	if t == typeTime || t == typeBigInt || marshals(t) {
		return false
	}
	path[t] = false
	defer func() { path[t] = true }()
	if t.Kind() != reflect.Struct {
		return t.Kind() == reflect.Map && endless(t.Key(), path) || endless(t.Elem(), path)
	}
	for i := range t.NumField() {
		if f := t.Field(i); encoded(f) && endless(f.Type, path) {
			return true
		}
	}
	return false
}
