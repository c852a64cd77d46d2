package codec_test

import (
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"time"
)

// wireWriter writes CBOR that mostly suits a Go type and is odd at times. What
// it writes is decided by choices, so that a fuzzer can steer it.
type wireWriter struct {
	choices []byte
	out     []byte
	// left bounds the items.
	left int
}

// pick returns a number below n.
func (w *wireWriter) pick(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := int(w.choices[0])
	w.choices = w.choices[1:]
	return c % n
}

func (w *wireWriter) head(major byte, n uint64) {
	width := 0
	switch {
	case n >= 1<<32:
		width = 4
	case n >= 1<<16:
		width = 3
	case n >= 1<<8:
		width = 2
	case n >= 24:
		width = 1
	}
	if w.pick(16) == 15 { // not the shortest
		width = min(4, width+1+w.pick(3))
	}
	if width == 0 {
		w.out = append(w.out, major<<5|byte(n))
		return
	}
	w.out = append(w.out, major<<5|byte(23+width))
	full := binary.BigEndian.AppendUint64(nil, n)
	w.out = append(w.out, full[8-1<<(width-1):]...)
}

var wireTexts = []string{
	"", "a", "id", "hello, world", "$", "$x", "$$", "$BigInt", "$Uint8Array", "$Undefined", "$Set", "5", "AAE=", "héllo",
	"\xff", "a\x80", "2024-02-29T12:34:56Z", strings.Repeat("long ", 6), strings.Repeat("é", 140), "\u212a",
}

var wireFloats = []float64{
	0, 1, 1.5, -1, -7, 255, 256, 1e6, 1<<53 - 1, 1 << 53, -1 << 53, 1e300, 5e-324, 0.1, 65504, math.MaxFloat32, 1e39,
	math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.Float64frombits(0x7ff0000000000001), 1 << 63,
}

var wireInts = []uint64{
	0, 1, 5, 23, 24, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32,
	1<<53 - 1, 1 << 53, 1<<63 - 1, 1 << 63, math.MaxUint64,
}

// text writes a text, mostly in one piece.
func (w *wireWriter) text(s string) {
	if w.pick(64) == 63 {
		w.out = append(w.out, 0x7f)
		w.head(3, uint64(len(s)/2))
		w.out = append(w.out, s[:len(s)/2]...)
		w.head(3, uint64(len(s)-len(s)/2))
		w.out = append(append(w.out, s[len(s)/2:]...), 0xff)
		return
	}
	w.head(3, uint64(len(s)))
	w.out = append(w.out, s...)
}

func (w *wireWriter) integer(small bool) {
	n := uint64(w.pick(24))
	if !small {
		n = wireInts[w.pick(len(wireInts))]
	}
	w.head(byte(w.pick(4)/3), n)
}

func (w *wireWriter) float() {
	f := wireFloats[w.pick(len(wireFloats))]
	switch w.pick(6) {
	case 5:
		w.out = binary.BigEndian.AppendUint16(append(w.out, 0xf9), uint16(w.pick(256))<<8|uint16(w.pick(256)))
	case 4:
		w.out = binary.BigEndian.AppendUint32(append(w.out, 0xfa), math.Float32bits(float32(f)))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, 0xfb), math.Float64bits(f))
	}
}

func (w *wireWriter) bytes() {
	if w.pick(2) == 1 {
		w.out = append(w.out, 0xd8, 64)
	}
	n := w.pick(6)
	w.head(2, uint64(n))
	for range n {
		w.out = append(w.out, byte(w.pick(256)))
	}
}

// time writes a time in one of the forms in which they come.
func (w *wireWriter) time() {
	switch w.pick(4) {
	case 0:
		w.out = append(w.out, 0xc1)
		w.integer(w.pick(2) == 0)
	case 1:
		w.out = append(w.out, 0xc1)
		w.float()
	case 2:
		w.out = append(w.out, 0xc0)
		fallthrough
	default:
		at := time.UnixMilli(int64(w.pick(256)*w.pick(256)) * 1e9)
		if w.pick(4) > 0 {
			at = at.UTC()
		}
		w.text(at.Format([]string{"2006-01-02T15:04:05.000Z07:00", time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05,5Z", "2006-01-02T3:04:05.000Z", "2006-01-02T3:04:05Z"}[w.pick(6)]))
	}
}

// list writes n elements or members, at times without saying how many.
func (w *wireWriter) list(major byte, n int, item func()) {
	open := w.pick(64) == 63
	if open {
		w.out = append(w.out, major<<5|31)
	} else {
		w.head(major, uint64(n))
	}
	for range n {
		item()
	}
	if open {
		w.out = append(w.out, 0xff)
	}
}

// any writes an item of any kind.
func (w *wireWriter) any(depth int) {
	w.left--
	if depth <= 0 || w.left <= 0 {
		w.integer(true)
		return
	}
	switch w.pick(12) {
	case 0, 1:
		w.integer(false)
	case 2, 3:
		w.float()
	case 4, 5:
		w.text(wireTexts[w.pick(len(wireTexts))])
	case 6:
		w.bytes()
	case 7:
		w.out = append(w.out, []byte{0xf4, 0xf5, 0xf6, 0xf7, 0xf6, 0xf5, 0xf0, 0xff}[w.pick(8)])
	case 8:
		w.list(4, w.pick(4), func() { w.any(depth - 1) })
	case 9:
		w.list(5, w.pick(4), func() {
			if w.pick(16) == 15 {
				w.any(depth - 1)
			} else {
				w.text(wireTexts[w.pick(len(wireTexts))])
			}
			w.any(depth - 1)
		})
	case 10:
		w.list(4, 2, func() { w.text(wireTexts[w.pick(len(wireTexts))]) })
	case 11:
		w.head(6, []uint64{0, 1, 2, 3, 21, 64, 65, 72, 258, 259, 55799, 1000}[w.pick(12)])
		w.any(depth - 1)
	}
}

// value writes an item that suits the type t, mostly.
func (w *wireWriter) value(t reflect.Type, depth int) {
	w.left--
	switch {
	case depth <= 0 || w.left <= 0 || w.pick(48) == 47:
		w.any(2)
		return
	case w.pick(24) == 23:
		w.out = append(w.out, 0xf6+byte(w.pick(2)))
		return
	}
	if t == reflect.TypeFor[time.Time]() {
		w.time()
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		w.out = append(w.out, 0xf4+byte(w.pick(2)))
	case reflect.Float32, reflect.Float64:
		if w.pick(4) > 0 {
			w.float()
			return
		}
		w.integer(w.pick(2) == 0)
	case reflect.String:
		w.text(wireTexts[w.pick(len(wireTexts))])
	case reflect.Pointer:
		w.value(t.Elem(), depth)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 && w.pick(2) == 0 {
			w.bytes()
			return
		}
		w.list(4, w.pick(5), func() { w.value(t.Elem(), depth-1) })
	case reflect.Map:
		w.list(5, w.pick(4), func() {
			w.text(wireTexts[w.pick(len(wireTexts))])
			w.value(t.Elem(), depth-1)
		})
	case reflect.Struct:
		w.object(t, depth)
	default:
		if w.pick(8) == 7 {
			w.float()
			return
		}
		w.integer(w.pick(4) > 0)
	}
}

// object writes members for the fields of t: all or some, in order or not,
// some twice, and others that nobody knows.
func (w *wireWriter) object(t reflect.Type, depth int) {
	type member struct {
		name string
		typ  reflect.Type
	}
	var members []member
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if name == "" {
			name = f.Name
		}
		if f.Anonymous || w.pick(16) == 15 {
			continue
		}
		switch w.pick(24) {
		case 20, 21:
			name = strings.ToLower(name)
		case 22:
			name = strings.ToUpper(name)
		case 23:
			name = strings.Replace(name, "k", "\u212a", 1)
		}
		members = append(members, member{name, f.Type})
	}
	for i := range members {
		if w.pick(8) == 7 {
			j := w.pick(len(members))
			members[i], members[j] = members[j], members[i]
		}
	}
	if len(members) > 0 && w.pick(32) == 31 {
		members = append(members, members[0])
	}
	if w.pick(8) == 7 {
		members = append([]member{{wireTexts[w.pick(len(wireTexts))], nil}}, members...)
	}
	i := 0
	w.list(5, len(members), func() {
		w.text(members[i].name)
		if members[i].typ == nil {
			w.any(3)
		} else {
			w.value(members[i].typ, depth-1)
		}
		i++
	})
}

// args writes an argument array for t, which spreads over its fields or not.
func (w *wireWriter) args(t reflect.Type, spread bool) []byte {
	if spread {
		var types []reflect.Type
		for i := 1; i < t.NumField(); i++ {
			types = append(types, t.Field(i).Type)
		}
		types = append(types, reflect.TypeFor[int]())
		i := 0
		w.list(4, len(types)-1+w.pick(3)/2, func() { w.value(types[i], 6); i++ })
	} else {
		n := 0
		w.list(4, 1+w.pick(8)/6, func() {
			if n++; n == 1 {
				w.value(t, 6)
			} else {
				w.any(2)
			}
		})
	}
	switch w.pick(64) {
	case 63:
		w.out = w.out[:len(w.out)-w.pick(len(w.out))]
	case 62:
		w.out = append(w.out, byte(w.pick(256)))
	}
	return w.out
}
