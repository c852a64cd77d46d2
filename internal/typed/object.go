package typed

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"
)

// object is the decoder of a struct.
type object struct {
	// fields end with one that has no name and matches nothing.
	fields []field
	// first is the field whose name sorts first.
	first int
	// distinct: no two names differ only by case, so at most one field
	// matches a key, however it is written.
	distinct bool
}

// maxFields is the number of bits in which object notes what it has seen.
const maxFields = 64

// field is a field of a struct. Its encoded name, head included, is compared
// eight bytes at once: want under mask, and rest behind them.
type field struct {
	want, mask uint64
	rest       string
	size       int
	decode     decode
	offset     uintptr
	name       string
	// sorted is the field whose name comes next in the order in which an encoder
	// that sorts writes them.
	sorted int
}

// newField prepares everything but the place.
func newField(name string) field {
	key := append(textHead(len(name)), name...)
	var word, mask [8]byte
	for i := range min(len(key), 8) {
		word[i], mask[i] = key[i], 0xff
	}
	return field{
		want: binary.LittleEndian.Uint64(word[:]),
		mask: binary.LittleEndian.Uint64(mask[:]),
		rest: string(key[min(len(key), 8):]),
		size: len(key),
		name: name,
	}
}

// textHead is the shortest head of a text of n bytes.
func textHead(n int) []byte {
	switch {
	case n < 24:
		return []byte{majorText<<5 | byte(n)}
	case n < 1<<8:
		return []byte{majorText<<5 | 24, byte(n)}
	}
	return []byte{majorText<<5 | 25, byte(n >> 8), byte(n)}
}

// sentinel is the last field: no word is 1 without a bit in it.
func sentinel() field { return field{want: 1} }

// is reports whether the key at d[i], of which word has the first bytes, is
// that of the field.
func (f *field) is(word uint64, d []byte, i int) bool {
	return word&f.mask == f.want && len(d)-i >= f.size &&
		(f.rest == "" || string(d[i+8:i+f.size]) == f.rest)
}

func (o *object) decode(d []byte, i int, p unsafe.Pointer) int {
	n, next := members(d, i)
	if next < 0 {
		return null(d, i)
	}
	var seen uint64
	// Members mostly come in the order of the fields, as JavaScript writes them,
	// or in that of their encoded names, as Go does.
	guess, sorted := 0, o.first
	for ; n > 0; n-- {
		var word uint64
		if len(d)-next >= 8 {
			word = binary.LittleEndian.Uint64(d[next:])
		} else {
			word = lastWord(d, next)
		}
		k := guess
		f := &o.fields[k]
		if f.is(word, d, next) {
			next += f.size
		} else if f = &o.fields[sorted]; f.is(word, d, next) {
			k = sorted
			next += f.size
		} else if k, next = o.find(word, d, next, guess); k < 0 {
			// Nobody wants this member.
			if next < 0 {
				return notMine
			}
			if next = skip(d, next, 0); next < 0 {
				return notMine
			}
			continue
		} else {
			f = &o.fields[k]
		}
		if seen&(1<<k) != 0 {
			return notMine
		}
		seen |= 1 << k
		if next = f.decode(d, next, unsafe.Add(p, f.offset)); next < 0 {
			return notMine
		}
		guess, sorted = k+1, f.sorted
	}
	return next
}

// sort notes the order of the encoded names: the shorter ones come first.
func (o *object) sort() {
	order := make([]int, len(o.fields)-1)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := o.fields[a].name, o.fields[b].name
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
	})
	last := len(order) // the sentinel
	for _, k := range slices.Backward(order) {
		o.fields[k].sorted = last
		last = k
	}
	o.first, o.fields[len(order)].sorted = last, len(order)
}

// lastWord is the word at d[i], of which less than eight bytes are left, with
// zeros behind the end of d.
func lastWord(d []byte, i int) (word uint64) {
	for shift := 0; i < len(d); i++ {
		word |= uint64(d[i]) << shift
		shift += 8
	}
	return word
}

// find returns the field of the key at d[i] and the index behind the key, or
// -1 for no field, with notMine when the key is not.
func (o *object) find(word uint64, d []byte, i, guess int) (k, next int) {
	fields := o.fields[:len(o.fields)-1]
	for k := range fields {
		if fields[k].is(word, d, i) {
			return k, i + fields[k].size
		}
	}
	from, to := span(d, i, majorText)
	if to < 0 || !valid(d[from:to]) {
		return -1, notMine
	}
	key := unsafe.String(unsafe.SliceData(d[from:to]), to-from) // not kept
	if k := guess; k < len(fields) && o.distinct && fold(fields[k].name, key) {
		return k, to
	}
	for k := range fields {
		if fold(fields[k].name, key) {
			if !o.distinct {
				return -1, notMine
			}
			return k, to
		}
	}
	return -1, to
}

// fold reports whether the key matches the name when case is ignored, as the
// reference has it.
func fold(name, key string) bool { return len(name) == len(key) && strings.EqualFold(name, key) }
