package codec

import (
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// profile says what a Go type needs done to wire CBOR before the engine can
// decode it. It is computed once per type.
type profile struct {
	// rewrite are the traits of the data that force the native form; without
	// one of them the engine reads the wire bytes themselves.
	rewrite traits
	// dynamic: somewhere in the type the value chooses the Go type (any), or
	// the type decodes itself.
	dynamic bool
	// plain: nothing in the type decodes itself, so the engine need not ask
	// every string's type for a method.
	plain bool
	// known: as plain, but there may be a time.Time in the type.
	known bool
	// stamped: the type has a time.Time and is not dynamic, so texts that look
	// like a time are tagged as one for it, and numbers are refused.
	stamped bool
	// unbounded: a value of the type can be nested without limit.
	unbounded bool
}

// profiles caches the profile of each type; it is a function of the type
// alone.
var profiles sync.Map // reflect.Type → profile

func profileOf(t reflect.Type) profile {
	if p, ok := profiles.Load(t); ok {
		return p.(profile)
	}
	w := profiler{seen: map[reflect.Type]bool{}}
	w.walk(t)
	p := profile{rewrite: hasPair | hasTagged, dynamic: w.dynamic, unbounded: endless(t, map[reflect.Type]bool{})}
	p.stamped = w.times && !w.dynamic
	p.known = !w.dynamic && !w.texts
	p.plain = p.known && !w.times
	if w.integers || w.dynamic {
		p.rewrite |= hasWhole
	}
	if w.dynamic {
		p.rewrite |= hasWide
	}
	profiles.Store(t, p)
	return p
}

var (
	typeTime            = reflect.TypeFor[time.Time]()
	typeBigInt          = reflect.TypeFor[big.Int]()
	typeCBORUnmarshaler = reflect.TypeFor[cbor.Unmarshaler]()
	typeJSONUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	typeTextUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

type profiler struct {
	seen                     map[reflect.Type]bool
	dynamic, integers, times bool
	texts                    bool
}

func (w *profiler) walk(t reflect.Type) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	switch p := reflect.PointerTo(t); {
	case t == typeTime:
		w.times = true
		return
	case t == typeBigInt:
		w.integers = true
		return
	case p.Implements(typeCBORUnmarshaler), p.Implements(typeJSONUnmarshaler):
		w.dynamic = true
		return
	}
	if reflect.PointerTo(t).Implements(typeTextUnmarshaler) {
		w.texts = true
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		w.integers = true
	case reflect.Interface:
		w.dynamic = true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		w.walk(t.Elem())
	case reflect.Map:
		w.walk(t.Key())
		w.walk(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			w.walk(t.Field(i).Type)
		}
	}
}
