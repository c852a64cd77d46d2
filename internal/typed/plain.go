package typed

import (
	"reflect"
	"unsafe"
)

// Plain reports whether values of the program's type are scalars, strings,
// times, and arrays and structs of these: whether a copy of one shares nothing
// that anybody could change. It is false for nil.
func (p *Program) Plain() bool { return p != nil && p.plain }

// Size returns the bytes that the value v holds on to: those of its own, and
// those of its texts. The type has to be plain.
func (d Decoder[T]) Size(v *T) int {
	size := int(unsafe.Sizeof(*v))
	if d.program == nil {
		return size
	}
	for _, offset := range d.program.texts {
		size += len(*(*string)(unsafe.Add(unsafe.Pointer(v), offset)))
	}
	return size
}

// layout finds out whether the type t, which lies at offset, is plain, and
// where its texts are.
func (p *Program) layout(t reflect.Type, offset uintptr) bool {
	switch kind := t.Kind(); {
	case kind >= reflect.Bool && kind <= reflect.Complex128:
		return true
	case kind == reflect.String:
		p.texts = append(p.texts, offset)
		return true
	case kind == reflect.Array:
		for i := range t.Len() {
			if !p.layout(t.Elem(), offset+uintptr(i)*t.Elem().Size()) {
				return false
			}
		}
		return true
	case t == typeTime: // its location never changes
		return true
	case kind == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !p.layout(f.Type, offset+f.Offset) {
				return false
			}
		}
		return true
	}
	return false
}
