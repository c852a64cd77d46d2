package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"

	"github.com/rivet-go/rivet/internal/typed"
)

// None is the argument, result or event payload of which there is none. It
// encodes as no argument at all, and decodes from any arguments.
type None struct{}

// MarshalCBOR implements cbor.Marshaler: where a value is needed, None is
// undefined.
func (None) MarshalCBOR() ([]byte, error) { return []byte{cborUndefined}, nil }

// UnmarshalCBOR implements cbor.Unmarshaler; it accepts every value.
func (*None) UnmarshalCBOR([]byte) error { return nil }

// Positional, embedded in a struct, spreads the exported fields of that
// struct over positional arguments, in their order. Fields tagged json:"-" or
// cbor:"-" take no part. It has no size and no methods.
type Positional struct{}

var (
	typeNone       = reflect.TypeFor[None]()
	typePositional = reflect.TypeFor[Positional]()
	typeValue      = reflect.TypeFor[Value]()
)

// shape says how a Go type maps to an argument list. It is computed once per
// type.
type shape struct {
	none   bool
	spread bool
	fields []argument
	// one is the type itself, when it is the only argument.
	one argument
	// dynamic and stamped are those of all arguments together.
	dynamic, stamped bool
	// program decodes most of what is sent for most types; nil for the others.
	program *typed.Program
}

// compile finds the program of the type t. A type in which something decodes
// itself, be it in a field that takes no part, has rules of its own.
func (s *shape) compile(t reflect.Type) *typed.Program {
	if s.none || !s.one.profile.known {
		return nil
	}
	if !s.spread {
		return typed.Compile(t, nil)
	}
	indices := make([]int, len(s.fields))
	for i, f := range s.fields {
		indices[i] = f.index
	}
	return typed.Compile(t, indices)
}

// argument is where one argument goes.
type argument struct {
	index   int    // of the field of a spread struct
	field   string // its name, with that of the struct
	typ     string
	profile profile
	// optional: the type has a value for undefined.
	optional bool
}

func argumentOf(t reflect.Type, name string) argument {
	kind := t.Kind()
	return argument{
		typ:      name,
		profile:  profileOf(t),
		optional: kind == reflect.Pointer || kind == reflect.Interface || t == typeValue || t == reflect.TypeFor[Undefined](),
	}
}

var shapes sync.Map // reflect.Type → *shape; a function of the type alone

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{none: t == typeNone, one: argumentOf(t, t.String())}
	s.dynamic, s.stamped = s.one.profile.dynamic, s.one.profile.stamped
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous && f.Type == typePositional {
				s.spread = true
				continue
			}
			if !f.IsExported() || f.Tag.Get("json") == "-" || f.Tag.Get("cbor") == "-" {
				continue
			}
			field := argumentOf(f.Type, f.Type.String())
			field.index, field.field = i, t.String()+"."+f.Name
			s.fields = append(s.fields, field)
		}
	}
	for i := range s.fields {
		// One field that is dynamic makes all of them so, in every encoding.
		s.fields[i].profile.stamped = s.stamped && s.fields[i].profile.stamped
	}
	s.program = s.compile(t)
	shapes.Store(t, s)
	return s
}

// Args returns the positional arguments that in stands for: none for None,
// one a field for a struct (or a pointer to one) that embeds Positional, else
// in alone.
func Args(in any) []any {
	t := reflect.TypeOf(in)
	if t == nil {
		return []any{in}
	}
	v := reflect.ValueOf(in)
	if t.Kind() == reflect.Pointer && !v.IsNil() {
		if s := shapeOf(t.Elem()); s.spread || s.none {
			t, v = t.Elem(), v.Elem()
		}
	}
	s := shapeOf(t)
	switch {
	case s.none:
		return nil
	case !s.spread:
		return []any{in}
	}
	args := make([]any, len(s.fields))
	for i, f := range s.fields {
		args[i] = v.Field(f.index).Interface()
	}
	return args
}

// AppendArgs appends the encoded array of args to dst and returns it. An
// error is that of Marshal and returns dst as it was.
//
// An array of exactly two arguments of which the first is a string beginning
// with a $ is escaped like any other such array.
func AppendArgs(dst []byte, enc Encoding, args []any) ([]byte, error) {
	out := dst
	if enc == JSON {
		out = append(out, '[')
	} else {
		out = appendHead(out, majorArray, uint64(len(args)))
	}
	var err error
	for i, arg := range args {
		if i > 0 && enc == JSON {
			out = append(out, ',')
		}
		start := len(out)
		if out, err = appendValue(out, enc, arg); err != nil {
			return dst, fmt.Errorf("argument %d: %w", i, err)
		}
		if i == 0 && len(args) == 2 {
			out = escapeFirst(out, start, enc)
		}
	}
	if enc == JSON {
		out = append(out, ']')
	}
	return out, nil
}

// escapeFirst puts another $ before the encoded text that begins at start,
// when there is one already. A Value may have brought white space or escape
// sequences of its own.
func escapeFirst(out []byte, start int, enc Encoding) []byte {
	first := out[start:]
	if enc == JSON {
		if first = bytes.TrimLeft(first, " \t\r\n"); len(first) < 2 || first[0] != '"' || first[1] != '$' && first[1] != '\\' {
			return out
		}
		parsed, _, err := parseJSON(nil, first, parseOptions{})
		if err != nil {
			return out
		}
		first = parsed
	}
	if first[0]>>5 != majorText {
		return out
	}
	text, _ := textAt(first, 0)
	if len(text) == 0 || text[0] != '$' {
		return out
	}
	escaped := "$" + string(text)
	if enc == JSON {
		w := jsonWriter{out: out[:start]}
		if w.text([]byte(escaped), "") != nil {
			return out
		}
		return w.out
	}
	return appendText(out[:start], escaped)
}
