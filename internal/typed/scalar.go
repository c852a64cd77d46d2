package typed

import (
	"encoding/binary"
	"math"
	"reflect"
	"unsafe"
)

type signed interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// scalars are the decoders of the kinds that need no more than themselves,
// and the slices of them.
var scalars = map[reflect.Kind]struct {
	value decode
	slice decode
}{
	reflect.Bool:    {boolean, slice[bool](boolean)},
	reflect.Int:     {intInto[int], slice[int](intInto[int])},
	reflect.Int8:    {intInto[int8], slice[int8](intInto[int8])},
	reflect.Int16:   {intInto[int16], slice[int16](intInto[int16])},
	reflect.Int32:   {intInto[int32], slice[int32](intInto[int32])},
	reflect.Int64:   {intInto[int64], slice[int64](intInto[int64])},
	reflect.Uint:    {uintInto[uint], slice[uint](uintInto[uint])},
	reflect.Uint8:   {uintInto[uint8], bytes},
	reflect.Uint16:  {uintInto[uint16], slice[uint16](uintInto[uint16])},
	reflect.Uint32:  {uintInto[uint32], slice[uint32](uintInto[uint32])},
	reflect.Uint64:  {uintInto[uint64], slice[uint64](uintInto[uint64])},
	reflect.Float32: {float32Into, slice[float32](float32Into)},
	reflect.Float64: {float64Into, slice[float64](float64Into)},
	reflect.String:  {text, slice[string](text)},
}

func boolean(d []byte, i int, p unsafe.Pointer) int {
	if i < len(d) && (d[i] == itemTrue || d[i] == itemFalse) {
		*(*bool)(p) = d[i] == itemTrue
		return i + 1
	}
	return null(d, i)
}

func intInto[N signed](d []byte, i int, p unsafe.Pointer) int {
	n, negative, next := integer(d, i)
	if next < 0 {
		return null(d, i)
	}
	if n > math.MaxInt64 {
		return notMine
	}
	v := int64(n)
	if negative {
		v = ^v
	}
	if int64(N(v)) != v {
		return notMine
	}
	*(*N)(p) = N(v)
	return next
}

func uintInto[N unsigned](d []byte, i int, p unsafe.Pointer) int {
	n, negative, next := integer(d, i)
	if next < 0 {
		return null(d, i)
	}
	if negative || uint64(N(n)) != n {
		return notMine
	}
	*(*N)(p) = N(n)
	return next
}

// number reads a float or an integer.
func number(d []byte, i int) (f float64, next int) {
	if f, next = float(d, i); next >= 0 {
		return f, next
	}
	major, n, next := head(d, i)
	switch {
	case next < 0:
	case major == majorUint:
		return float64(n), next
	case major == majorNegative && n <= math.MaxInt64:
		return float64(^int64(n)), next
	}
	return 0, notMine
}

func float64Into(d []byte, i int, p unsafe.Pointer) int {
	if len(d)-i >= 9 && d[i] == itemFloat64 {
		if f := math.Float64frombits(binary.BigEndian.Uint64(d[i+1:])); f != 0 {
			*(*float64)(p) = f
			return i + 9
		}
	}
	f, next := number(d, i)
	if next < 0 {
		return null(d, i)
	}
	*(*float64)(p) = f
	return next
}

func float32Into(d []byte, i int, p unsafe.Pointer) int {
	f, next := number(d, i)
	if next < 0 {
		return null(d, i)
	}
	if !(math.Abs(f) <= math.MaxFloat32) {
		return notMine
	}
	*(*float32)(p) = float32(f)
	return next
}

// highBits are those that no byte of ASCII has.
const highBits = 0x8080808080808080

func text(d []byte, i int, p unsafe.Pointer) int {
	if len(d)-i > 8 {
		// Short ASCII, of which all is in one word.
		n := uint(d[i] - majorText<<5)
		if word := binary.LittleEndian.Uint64(d[i+1:]); n <= 8 && word<<(64-8*n)&highBits == 0 {
			to := i + 1 + int(n)
			*(*string)(p) = string(d[i+1 : to])
			return to
		}
	}
	from, to := span(d, i, majorText)
	if to < 0 {
		return null(d, i)
	}
	if !valid(d[from:to]) {
		return notMine
	}
	*(*string)(p) = string(d[from:to])
	return to
}
