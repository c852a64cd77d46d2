// Package typed decodes CBOR into Go values with decoders that are put
// together once per type, without reflection per value. It is the fast path
// of package codec and the only place that writes through unsafe pointers.
//
// It never decides anything on its own. A decoder stores a value and says yes
// only when the reference, package codec's way by its scan and the CBOR
// library, would store the same and report no error. Everything else, be it
// malformed, of a wrong type or just unusual, is "not mine": the target is put
// back as it was, and the reference decides. Differential fuzzing in package
// codec holds the two together.
//
// Compiled are bool, integers, floats, strings, times, slices, arrays, maps
// with string keys, structs and pointers to these, as far as no type in them
// decodes itself or refers back to itself. Not mine are, among others, tags but
// those for times and bytes, indefinite lengths, arrays that look like a compat
// form, members given twice, numbers out of range, times outside UTC, and
// pointers, slices and maps in the target that are not nil.
package typed

import (
	"reflect"
	"unsafe"
)

// decode reads the item at d[i] into the place that p points to and returns
// the index behind the item, or notMine, also when i is the end of d. What p
// points to may have changed then.
//
// p is of the type that the function was compiled for, and the memory behind
// it was zeroed or holds a value of that type.
type decode func(d []byte, i int, p unsafe.Pointer) int

const notMine = -1

// Program decodes argument arrays into values of one type. It is immutable
// and safe for concurrent use.
type Program struct {
	typ reflect.Type
	// places are where the arguments go, one after the other.
	places []place
	// whole: there is one place, the value itself.
	whole bool
	// plain: see Plain. texts are where the strings are then.
	plain bool
	texts []uintptr
}

type place struct {
	offset uintptr
	decode decode
}

// maxSize bounds the types that are compiled: the target is copied before
// each decoding, to put it back.
const maxSize = 4 << 10

// Compile returns the program that stores the first argument into a t, or,
// when spread is not nil, each argument into the field of the struct t that
// spread has the index of. It returns nil for types that it cannot compile.
func Compile(t reflect.Type, spread []int) *Program {
	if t.Size() > maxSize {
		return nil
	}
	c := compiler{done: make(map[reflect.Type]decode)}
	p := &Program{typ: t}
	if p.whole = spread == nil; p.whole {
		p.places = []place{{0, c.compile(t)}}
	}
	for _, index := range spread {
		f := t.Field(index)
		p.places = append(p.places, place{f.Offset, c.compile(f.Type)})
	}
	for _, place := range p.places {
		if place.decode == nil {
			return nil
		}
	}
	p.plain = p.layout(t, 0)
	return p
}

// Decode stores the one value in data, which is no argument array, into dst, or
// returns false and leaves dst as it was. dst has to be settable and the zero
// value of its type; of a type that p was not compiled for, or that takes its
// fields from several arguments, Decode takes nothing.
func (p *Program) Decode(data []byte, dst reflect.Value) bool {
	if !p.whole || p.typ != dst.Type() {
		return false
	}
	if p.places[0].decode(data, 0, dst.Addr().UnsafePointer()) == len(data) {
		return true
	}
	dst.SetZero()
	return false
}

// Decoder runs a program on targets of the type that it was compiled for. The
// zero Decoder takes nothing.
type Decoder[T any] struct{ program *Program }

// DecoderOf returns the decoder of T that runs p, which was compiled for T or
// is nil.
func DecoderOf[T any](p *Program) Decoder[T] {
	if p == nil || p.typ != reflect.TypeFor[T]() {
		return Decoder[T]{}
	}
	return Decoder[T]{p}
}

// Decode stores the arguments of the array args into dst, or returns false
// and leaves dst as it was. Nothing in dst aliases args.
func (d Decoder[T]) Decode(args []byte, dst *T) bool {
	if d.program == nil {
		return false
	}
	before := *dst
	if d.program.run(args, unsafe.Pointer(dst)) {
		return true
	}
	*dst = before
	return false
}

func (p *Program) run(args []byte, dst unsafe.Pointer) bool {
	n, i := elements(args, 0)
	if i < 0 || n < len(p.places) {
		return false
	}
	for _, place := range p.places {
		if i = place.decode(args, i, unsafe.Add(dst, place.offset)); i < 0 {
			return false
		}
	}
	for range n - len(p.places) {
		if i = skip(args, i, 0); i < 0 {
			return false
		}
	}
	return i == len(args)
}
