package typed

import (
	"reflect"
	"unsafe"
)

// dictionaries are the decoders of the map types that need no reflection.
var dictionaries = map[reflect.Type]decode{
	reflect.TypeFor[map[string]bool]():    dictionary[bool](boolean),
	reflect.TypeFor[map[string]int]():     dictionary[int](intInto[int]),
	reflect.TypeFor[map[string]int64]():   dictionary[int64](intInto[int64]),
	reflect.TypeFor[map[string]float64](): dictionary[float64](float64Into),
	reflect.TypeFor[map[string]string]():  dictionary[string](text),
}

// dictionary is the decoder of map[string]V.
func dictionary[V any](elem decode) decode {
	size := unsafe.Sizeof("") + unsafe.Sizeof(*new(V))
	return func(d []byte, i int, p unsafe.Pointer) int {
		dst := (*map[string]V)(p)
		n, next := members(d, i)
		if next < 0 {
			if i = null(d, i); i >= 0 {
				*dst = nil
			}
			return i
		}
		if *dst != nil || !proportionate(n, size, len(d)-next) {
			return notMine
		}
		m, value := make(map[string]V, n), new(V)
		for ; n > 0; n-- {
			from, to := span(d, next, majorText)
			if to < 0 || !valid(d[from:to]) {
				return notMine
			}
			*value = *new(V)
			if next = elem(d, to, unsafe.Pointer(value)); next < 0 {
				return notMine
			}
			m[string(d[from:to])] = *value
		}
		*dst = m
		return next
	}
}

// dictionaryOf is the decoder of the map type t, whose keys are strings.
func dictionaryOf(t reflect.Type, elem decode) decode {
	size := t.Key().Size() + t.Elem().Size()
	return func(d []byte, i int, p unsafe.Pointer) int {
		dst := reflect.NewAt(t, p).Elem()
		n, next := members(d, i)
		if next < 0 {
			if i = null(d, i); i >= 0 {
				dst.SetZero()
			}
			return i
		}
		if !dst.IsNil() || !proportionate(n, size, len(d)-next) {
			return notMine
		}
		m, key, value := reflect.MakeMapWithSize(t, n), reflect.New(t.Key()).Elem(), reflect.New(t.Elem())
		for ; n > 0; n-- {
			from, to := span(d, next, majorText)
			if to < 0 || !valid(d[from:to]) {
				return notMine
			}
			key.SetString(string(d[from:to]))
			value.Elem().SetZero()
			if next = elem(d, to, value.UnsafePointer()); next < 0 {
				return notMine
			}
			m.SetMapIndex(key, value.Elem())
		}
		dst.Set(m)
		return next
	}
}
