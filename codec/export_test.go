package codec

import "reflect"

// ReferenceFor returns a decoder of T without the fast path.
func ReferenceFor[T any]() *Decoder[T] { return &Decoder[T]{shape: shapeOf(reflect.TypeFor[T]())} }

// Compiled reports whether the fast path takes args.
func (d *Decoder[T]) Compiled(args []byte) bool { return d.compiled.Decode(args, new(T)) }

// ReferenceUnmarshal is Unmarshal without the fast path.
func ReferenceUnmarshal[T any](enc Encoding, data []byte, dst *T) error {
	return decode(enc, data, dst, profileOf(reflect.TypeFor[T]()), quick{})
}
