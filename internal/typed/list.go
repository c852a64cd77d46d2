package typed

import (
	"encoding/binary"
	"reflect"
	"unsafe"
)

// proportionate reports whether memory for n elements of the size may be
// taken for what is left of the data. Elements that hold next to nothing on
// the wire and much in memory go to the reference, which has seen all of the
// data before it takes any.
func proportionate(n int, size uintptr, left int) bool {
	const small, factor = 64 << 10, 16
	total := uint64(n) * uint64(size)
	return total <= small || total/factor <= uint64(left)
}

// slice is the decoder of slices whose elements are laid out like E.
func slice[E any](elem decode) decode {
	size := unsafe.Sizeof(*new(E))
	return func(d []byte, i int, p unsafe.Pointer) int {
		dst := (*[]E)(p)
		n, next := elements(d, i)
		if next < 0 {
			if i = null(d, i); i >= 0 {
				*dst = nil
			}
			return i
		}
		if *dst != nil || !proportionate(n, size, len(d)-next) {
			return notMine
		}
		list := make([]E, n)
		for k := range list {
			if next = elem(d, next, unsafe.Pointer(&list[k])); next < 0 {
				return notMine
			}
		}
		*dst = list
		return next
	}
}

// byteSlice takes arrays of numbers.
var byteSlice = slice[byte](uintInto[byte])

// bytes takes byte strings too.
func bytes(d []byte, i int, p unsafe.Pointer) int {
	if from, to := byteString(d, i); to >= 0 {
		content := make([]byte, to-from)
		copy(content, d[from:to])
		*(*[]byte)(p) = content
		return to
	}
	return byteSlice(d, i, p)
}

// byteString returns where the content of the byte string at d[i] lies,
// tagged as a Uint8Array or not.
func byteString(d []byte, i int) (from, to int) {
	if len(d)-i >= 2 && binary.BigEndian.Uint16(d[i:]) == tagBytes {
		i += 2
	}
	return span(d, i, majorBytes)
}

// sliceOf is the decoder of the slice type t with elements of any kind.
func sliceOf(t reflect.Type, elem decode) decode {
	size := t.Elem().Size()
	return func(d []byte, i int, p unsafe.Pointer) int {
		dst := reflect.NewAt(t, p).Elem()
		n, next := elements(d, i)
		if next < 0 {
			if i = null(d, i); i >= 0 {
				dst.SetZero()
			}
			return i
		}
		if !dst.IsNil() || !proportionate(n, size, len(d)-next) {
			return notMine
		}
		if n == 0 {
			dst.Set(reflect.MakeSlice(t, 0, 0))
			return next
		}
		dst.Grow(n)
		dst.SetLen(n)
		for k, base := uintptr(0), dst.UnsafePointer(); n > 0; n-- {
			if next = elem(d, next, unsafe.Add(base, k)); next < 0 {
				return notMine
			}
			k += size
		}
		return next
	}
}

// arrayOf is the decoder of the array type t. Elements beyond its length are
// left out, missing ones are zero.
func arrayOf(t reflect.Type, elem decode) decode {
	size, length := t.Elem().Size(), t.Len()
	isBytes := t.Elem().Kind() == reflect.Uint8
	return func(d []byte, i int, p unsafe.Pointer) int {
		if isBytes {
			if from, to := byteString(d, i); to >= 0 {
				content := unsafe.Slice((*byte)(p), length)
				clear(content[copy(content, d[from:to]):])
				return to
			}
		}
		n, next := elements(d, i)
		if next < 0 {
			return null(d, i)
		}
		for k := range n {
			if k < length {
				next = elem(d, next, unsafe.Add(p, uintptr(k)*size))
			} else {
				next = skip(d, next, 0)
			}
			if next < 0 {
				return notMine
			}
		}
		for ; n < length; n++ {
			reflect.NewAt(t, p).Elem().Index(n).SetZero()
		}
		return next
	}
}

// pointerTo is the decoder of pointers to the type t.
func pointerTo(t reflect.Type, elem decode) decode {
	return func(d []byte, i int, p unsafe.Pointer) int {
		dst := (*unsafe.Pointer)(p)
		if next := null(d, i); next >= 0 {
			*dst = nil
			return next
		}
		if *dst != nil {
			return notMine
		}
		fresh := reflect.New(t).UnsafePointer()
		*dst = fresh
		return elem(d, i, fresh)
	}
}
