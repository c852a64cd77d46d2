package typed

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"
)

// compiler puts decoders together.
type compiler struct {
	// done are the decoders so far, nil for types that cannot be compiled and
	// for those from the first one down to the current one: values of a type
	// that refers back to itself nest as deep as the data says.
	done map[reflect.Type]decode
}

var (
	typeCBORUnmarshaler = reflect.TypeFor[interface{ UnmarshalCBOR([]byte) error }]()
	typeJSONUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	typeTextUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decodesItself reports whether t has a method that takes decoding over.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(typeCBORUnmarshaler) || p.Implements(typeJSONUnmarshaler) || p.Implements(typeTextUnmarshaler)
}

// compile returns the decoder of t, or nil.
func (c *compiler) compile(t reflect.Type) decode {
	if done, ok := c.done[t]; ok {
		return done
	}
	c.done[t] = nil
	c.done[t] = c.fresh(t)
	return c.done[t]
}

func (c *compiler) fresh(t reflect.Type) decode {
	if t == typeTime {
		return timeInto
	}
	if decodesItself(t) {
		return nil
	}
	if s, ok := scalars[t.Kind()]; ok {
		return s.value
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.object(t)
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
	default:
		return nil
	}
	elem := c.compile(t.Elem())
	if elem == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return pointerTo(t.Elem(), elem)
	case reflect.Array:
		return arrayOf(t, elem)
	case reflect.Slice:
		if s, ok := scalars[t.Elem().Kind()]; ok {
			return s.slice
		}
		return sliceOf(t, elem)
	}
	if special, ok := dictionaries[t]; ok {
		return special
	}
	if t.Key().Kind() != reflect.String || decodesItself(t.Key()) {
		return nil
	}
	return dictionaryOf(t, elem)
}

// object returns the decoder of the struct t, or nil.
func (c *compiler) object(t reflect.Type) decode {
	f := fieldsOf{names: make(map[string]int), types: make(map[reflect.Type]bool)}
	if !f.add(t, 0, 0) || len(f.list) > maxFields {
		return nil
	}
	o := &object{distinct: true}
	for i, found := range f.list {
		if found.ambiguous {
			return nil
		}
		compiled := newField(found.name)
		compiled.offset = found.offset
		if compiled.decode = c.compile(found.typ); compiled.decode == nil {
			return nil
		}
		for _, other := range f.list[:i] {
			o.distinct = o.distinct && !fold(other.name, found.name)
		}
		o.fields = append(o.fields, compiled)
	}
	o.fields = append(o.fields, sentinel())
	o.sort()
	return o.decode
}

// fieldsOf collects the fields of a struct and of those embedded in it, by
// the rules of the CBOR library. It gives up where these become subtle.
type fieldsOf struct {
	list  []fieldOf
	names map[string]int // index in list
	types map[reflect.Type]bool
}

type fieldOf struct {
	name      string
	typ       reflect.Type
	offset    uintptr
	depth     int
	ambiguous bool
}

func (f *fieldsOf) add(t reflect.Type, offset uintptr, depth int) bool {
	if f.types[t] {
		return false
	}
	f.types[t] = true
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("cbor")
		if sf.Name == "_" && tag != "" {
			return false // may hold options for the struct
		}
		if tag == "" {
			tag = sf.Tag.Get("json")
		}
		name, options, _ := strings.Cut(tag, ",")
		base := sf.Type
		for base.Kind() == reflect.Pointer {
			base = base.Elem()
		}
		embedded := sf.Anonymous && base.Kind() == reflect.Struct
		switch {
		case !sf.IsExported() && !embedded, tag == "-":
			continue
		case strings.Contains(options, "keyasint"):
			return false
		case embedded && name == "":
			if base != sf.Type || !f.add(base, offset+sf.Offset, depth+1) {
				return false
			}
			continue
		case !sf.IsExported():
			return false
		case name == "":
			name = sf.Name
		}
		if !utf8.ValidString(name) || len(name) >= 1<<16 {
			return false
		}
		f.put(fieldOf{name: name, typ: sf.Type, offset: offset + sf.Offset, depth: depth})
	}
	return true
}

// put adds a field; of several with one name, that of the least depth counts.
func (f *fieldsOf) put(next fieldOf) {
	i, taken := f.names[next.name]
	if !taken {
		f.names[next.name] = len(f.list)
		f.list = append(f.list, next)
		return
	}
	switch old := &f.list[i]; {
	case next.depth < old.depth:
		*old = next
	case next.depth == old.depth:
		old.ambiguous = true
	}
}
