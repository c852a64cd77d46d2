package codec

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/rivet-go/rivet/internal/typed"
)

// Decoder decodes encoded argument arrays into T, by the reverse of Args. It
// is immutable and safe for concurrent use.
type Decoder[T any] struct {
	shape *shape
	// compiled is the fast path, for most types and usual bytes. Whatever it
	// does not take, the rest of this file decodes or refuses; what it takes,
	// the rest would have decoded to the same.
	compiled typed.Decoder[T]
}

// DecoderFor returns the decoder of T. What it needs to know about T is found
// out once per type, so calling it again is cheap.
func DecoderFor[T any]() *Decoder[T] {
	s := shapeOf(reflect.TypeFor[T]())
	return &Decoder[T]{s, typed.DecoderOf[T](s.program)}
}

// DecodeArgs decodes an encoded argument array into dst. The first argument
// goes into T, or, when T embeds Positional, each argument into its field;
// None takes nothing. Arguments beyond those are ignored. A missing one is
// undefined: nil for pointers and interfaces, the zero Value for Value, and a
// *TypeError that names it for every other type.
//
// Null, undefined or nothing in place of the array is the empty array, and
// any other value that is not an array is the only argument, as RivetKit has
// it. Errors are those of Unmarshal; nothing in dst aliases args.
func (d *Decoder[T]) DecodeArgs(enc Encoding, args []byte, dst *T) error {
	if enc != JSON && d.compiled.Decode(args, dst) {
		return nil
	}
	if d.shape.none {
		return Valid(enc, args)
	}
	if raw, ok := any(dst).(*Value); ok {
		return firstValue(enc, args, raw)
	}
	if enc == JSON && len(args) > 0 {
		return d.decodeJSON(args, dst)
	}
	// The scan covers all arguments before the first is stored, so that a
	// malformed tail leaves dst alone.
	var r argReader
	if err := r.open(args); err != nil {
		return err
	}
	if r.compat {
		return d.decodeCompat(args, dst)
	}
	if !d.shape.spread {
		first, ok, err := r.next()
		if err == nil {
			err = r.drain()
		}
		if err != nil {
			return err
		}
		if !ok {
			return missing(0, d.shape.one, reflect.ValueOf(dst).Elem())
		}
		return d.argument(args[first.from:first.to], first.found, dst)
	}
	var room [8]span
	list := room[:0]
	for len(list) < len(d.shape.fields) {
		arg, ok, err := r.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		list = append(list, arg)
	}
	if err := r.drain(); err != nil {
		return err
	}
	return d.spread(len(list), dst, func(i int, field any, p profile) error {
		return decodeScanned(args[list[i].from:list[i].to], list[i].found, field, p)
	})
}

// argument decodes the scanned bytes of the only argument. Every event of a
// type without Positional passes through here.
func (d *Decoder[T]) argument(data []byte, found traits, dst *T) error {
	return decodeScanned(data, found, dst, d.shape.one.profile)
}

// spread stores the first n arguments into the fields of dst.
func (d *Decoder[T]) spread(n int, dst *T, store func(i int, field any, p profile) error) error {
	v := reflect.ValueOf(dst).Elem()
	for i, f := range d.shape.fields {
		field := v.Field(f.index)
		if i >= n {
			if err := missing(i, f, field); err != nil {
				return err
			}
			continue
		}
		if err := store(i, field.Addr().Interface(), f.profile); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return nil
}

// missing stores undefined into the place of an argument that is not there.
func missing(i int, a argument, place reflect.Value) error {
	if !a.optional {
		return &TypeError{Go: a.typ, Field: a.field, Reason: fmt.Sprintf("argument %d is missing", i)}
	}
	place.SetZero()
	return nil
}

// Shareable reports whether a T may be decoded once and handed to many, on a
// goroutine that must not run code of others: whether T is made of scalars,
// strings and times, and of arrays and structs of them, so that a copy of it
// has nothing in common with it that one could change, and its decoder is the
// one compiled for T, with no method of T's. None is shareable, too.
func (d *Decoder[T]) Shareable() bool { return d.shape.none || d.shape.program.Plain() }

// Size returns how many bytes of memory v holds on to: its own, and those of
// its strings. It is right for a T that is Shareable.
func (d *Decoder[T]) Size(v *T) int { return d.compiled.Size(v) }

func (d *Decoder[T]) decodeJSON(args []byte, dst *T) error {
	b := getBuffer()
	defer putBuffer(b)
	o := parseOptions{compat: true, dynamic: d.shape.dynamic, stamp: d.shape.stamped}
	native, found, err := parseJSON(b.AvailableBuffer(), args, o)
	keep(b, native)
	if err != nil {
		return err
	}
	if d.compiled.Decode(native, dst) {
		return nil
	}
	return d.decodeNative(native, found, dst)
}

// decodeCompat takes arguments that look like a compat array as a whole.
func (d *Decoder[T]) decodeCompat(args []byte, dst *T) error {
	s := scanner{data: args}
	if err := s.document(); err != nil {
		return err
	}
	native, found, err := normalize(nil, args, d.shape.dynamic, d.shape.stamped)
	if err != nil {
		return err
	}
	return d.decodeNative(native, s.found|found, dst)
}

// decodeNative takes the argument array in the native form.
func (d *Decoder[T]) decodeNative(native []byte, found traits, dst *T) error {
	var list [][]byte
	var first [1][]byte
	switch h, i := readHead(native, 0); {
	case h.major == majorArray:
		list = first[:0]
		for range h.value {
			end := skip(native, i)
			list = append(list, native[i:end])
			i = end
			if !d.shape.spread || len(list) == len(d.shape.fields) {
				break
			}
		}
	case native[0] != cborNull && native[0] != cborUndefined:
		list = append(first[:0], native)
	}
	if d.shape.spread {
		return d.spread(len(list), dst, func(i int, field any, p profile) error {
			return decodeEngine(list[i], found, field, p)
		})
	}
	if len(list) == 0 {
		return missing(0, d.shape.one, reflect.ValueOf(dst).Elem())
	}
	return decodeEngine(list[0], found, dst, d.shape.one.profile)
}

func firstValue(enc Encoding, args []byte, dst *Value) error {
	first, err := FirstArg(enc, args)
	if err != nil {
		return err
	}
	*dst = Value{first.enc, bytes.Clone(first.data)}
	return nil
}
