package codec_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

type (
	symbol  string
	symbols []symbol
	side    int8
	ids     []uint8

	base struct {
		ID   int64  `json:"id"`
		Kind string `json:"kind"`
	}
	hidden struct{ Depth uint16 }

	order struct {
		base
		hidden
		Kind  symbol           `json:"kind"`
		Side  side             `json:"side"`
		Price float32          `json:"price"`
		Tags  symbols          `json:"tags"`
		Meta  map[symbol]side  `json:"meta"`
		Notes map[string]*tick `cbor:"notes" json:"ignored"`
		Raw   []byte           `json:"raw,omitempty"`
		Sum   [4]byte          `json:"sum"`
		Skip  chan int         `json:"-"`
		_     int
	}
	untagged struct {
		OK, Kelvin     bool
		X, Y, Z        float64
		LongFieldName  *uint64
		AnotherField   **string
		Matrix         [2][3]float32
		Index          map[string]int
		Blob           ids
		Points         []struct{ X, Y int16 }
		VeryLongNameOf int `json:"a name of more than twenty-four bytes"`
	}
	cased struct {
		A int `json:"key"`
		B int `json:"KEY"`
		C int
	}
	shift struct {
		codec.Positional
		X   int
		To  *tick
		Why string
	}
	tree struct {
		Value int
		Kids  []tree
	}
	dated struct {
		At     time.Time
		Text   string
		Zero   *float64
		Others map[string]time.Time
	}
	grid struct{ Rows [][]float64 }

	// What the CBOR library has rules of its own for.
	numbered struct {
		A int `cbor:"1,keyasint"`
		B int `cbor:"2,keyasint"`
	}
	listed struct {
		_    struct{} `cbor:",toarray"`
		A, B int
	}
	outer struct{ *base }
	left  struct{ A, B int }
	right struct{ A, C int }
	twice struct {
		left
		right
	}
)

// typedTarget is a type that the fast path and the reference are compared on.
type typedTarget struct {
	typ      reflect.Type
	spread   bool
	compiled bool
	// compare decodes args both ways and reports whether the fast path took
	// them.
	compare func(t testing.TB, enc codec.Encoding, args []byte) bool
	// full is an encoded value of the type, nothing when the encoding has
	// none.
	full func(t testing.TB, enc codec.Encoding) []byte
}

func targetOf[T any](compiled bool, full func() T) typedTarget {
	typ := reflect.TypeFor[T]()
	fast, reference := codec.DecoderFor[T](), codec.ReferenceFor[T]()
	spread := typ.Kind() == reflect.Struct && typ.NumField() > 0 && typ.Field(0).Type == reflect.TypeFor[codec.Positional]()
	return typedTarget{typ, spread, compiled, func(t testing.TB, enc codec.Encoding, args []byte) bool {
		for _, start := range []func() T{func() (zero T) { return zero }, full} {
			got, want := start(), start()
			given := bytes.Clone(args)
			err, wantErr := fast.DecodeArgs(enc, given, &got), reference.DecodeArgs(enc, args, &want)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%v %x into %v:\nerror %v\nwant  %v", enc, args, typ, err, wantErr)
			}
			for i := range given {
				given[i] = 0xaa // nothing may alias it
			}
			if !identical(reflect.ValueOf(got), reflect.ValueOf(want)) {
				t.Fatalf("%v %x into %v (%v):\ngot  %#v\nwant %#v", enc, args, typ, err, got, want)
			}
			// As values: the array, and what may be the only thing in it.
			only := args[min(1, len(args)):]
			if enc == codec.JSON {
				only = bytes.TrimSuffix(only, []byte("]"))
			}
			for _, value := range [][]byte{args, only} {
				got, want := start(), start()
				given := bytes.Clone(value)
				err, wantErr := codec.Unmarshal(enc, given, &got), codec.ReferenceUnmarshal(enc, value, &want)
				clear(given) // nothing may alias it
				if fmt.Sprint(err) != fmt.Sprint(wantErr) || !identical(reflect.ValueOf(got), reflect.ValueOf(want)) {
					t.Fatalf("%v %x as %v:\ngot  %#v, %v\nwant %#v, %v", enc, value, typ, got, err, want, wantErr)
				}
			}
		}
		return enc != codec.JSON && fast.Compiled(args)
	}, func(t testing.TB, enc codec.Encoding) []byte {
		data, err := codec.AppendArgs(nil, enc, codec.Args(full()))
		if err != nil && enc == codec.BARE {
			t.Fatal(err)
		}
		return data
	}}
}

// identical is reflect.DeepEqual, but for floats, of which it compares the
// bits.
func identical(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Float32:
		return math.Float32bits(float32(a.Float())) == math.Float32bits(float32(b.Float()))
	case reflect.Float64:
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float())
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return a.Elem().Type() == b.Elem().Type() && identical(a.Elem(), b.Elem())
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
			return false
		}
		for i := range a.Len() {
			if !identical(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !identical(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			s, t := a.Interface().(time.Time), b.Interface().(time.Time)
			return s.Equal(t) && s.Location().String() == t.Location().String()
		}
		for i := range a.NumField() {
			if !identical(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pointer[T any](v T) *T { return &v }

func typedTargets() []typedTarget {
	return []typedTarget{
		targetOf(true, func() tick { return sampleTick }),
		targetOf(true, func() bool { return true }),
		targetOf(true, func() int { return -70000 }),
		targetOf(true, func() side { return -3 }),
		targetOf(true, func() uint16 { return 600 }),
		targetOf(true, func() uint64 { return math.MaxUint64 }),
		targetOf(true, func() float32 { return 0.5 }),
		targetOf(true, func() float64 { return math.Pi }),
		targetOf(true, func() symbol { return "ACME" }),
		targetOf(true, func() []byte { return []byte{1, 2, 255} }),
		targetOf(true, func() [3]byte { return [3]byte{1, 2, 3} }),
		targetOf(true, func() []string { return []string{"a", "$b", "", "d"} }),
		targetOf(true, func() []float64 { return []float64{1, 2.5, -1e300} }),
		targetOf(true, func() map[string]string { return map[string]string{"a": "b", "": "x"} }),
		targetOf(true, func() *[]*int { return pointer([]*int{pointer(1), nil}) }),
		targetOf(true, func() grid { return grid{[][]float64{{1, 2}, nil, {}, {0.5}}} }),
		targetOf(true, func() cased { return cased{1, 2, 3} }),
		targetOf(true, func() shift { return shift{X: 5, To: &tick{ID: 4}, Why: "because"} }),
		targetOf(true, func() order {
			return order{
				base: base{ID: 1 << 40, Kind: "hidden"}, hidden: hidden{7}, Kind: "limit", Side: -1, Price: 99.5, Tags: symbols{"x", "y"},
				Meta: map[symbol]side{"m": 5}, Notes: map[string]*tick{"n": {Sym: "N"}, "nil": nil}, Raw: []byte("raw"), Sum: [4]byte{1, 2, 3, 4},
			}
		}),
		targetOf(true, func() untagged {
			return untagged{
				OK: true, X: 1.5, Z: -2, LongFieldName: pointer(uint64(1 << 60)), AnotherField: pointer(pointer("text")), Matrix: [2][3]float32{{1, 2, 3}, {4, 5, 6}},
				Index: map[string]int{"one": 1}, Blob: ids{9, 8}, Points: []struct{ X, Y int16 }{{1, 2}, {3, 4}}, VeryLongNameOf: 77,
			}
		}),
		targetOf(false, func() tree { return tree{1, []tree{{2, nil}, {3, []tree{{4, nil}}}}} }),
		targetOf(true, func() time.Time { return time.UnixMilli(1e12 + 7).UTC() }),
		targetOf(true, func() []time.Time { return []time.Time{time.UnixMilli(-1e10).UTC(), {}} }),
		targetOf(true, func() dated { return dated{time.Unix(1e9, 0).UTC(), "2024-02-29T12:34:56Z", pointer(0.0), nil} }),
		targetOf(false, func() any { return "x" }),
		targetOf(false, func() numbered { return numbered{1, 2} }),
		targetOf(false, func() listed { return listed{A: 1, B: 2} }),
		targetOf(false, func() outer { return outer{} }),
		targetOf(false, func() twice { return twice{left{1, 2}, right{3, 4}} }),
		targetOf(false, func() level { return 3 }),
		targetOf(false, func() *big.Int { return big.NewInt(5) }),
		targetOf(false, func() map[int]string { return map[int]string{} }),
		targetOf(false, func() [257]string { return [257]string{"too large"} }),
	}
}

// TestTypedEqualsReference compares the fast path with the reference on
// values that are written as actors write them, and on odd ones.
func TestTypedEqualsReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rounds := 2000
	if testing.Short() || raceEnabled {
		rounds = 300
	}
	for _, target := range typedTargets() {
		t.Run(target.typ.String(), func(t *testing.T) {
			for _, enc := range allEncodings {
				taken := target.compare(t, enc, target.full(t, enc))
				if enc == codec.BARE && taken != target.compiled {
					t.Errorf("the fast path takes what is sent: %v", taken)
				}
			}
			for _, args := range oddArgs {
				target.compare(t, codec.BARE, unhex(t, args))
			}
			taken, choices := 0, make([]byte, 512)
			for round := range rounds {
				for i := range choices {
					choices[i] = byte(random.Uint32())
				}
				w := wireWriter{choices: choices, left: 100}
				args := w.args(target.typ, target.spread)
				if target.compare(t, codec.BARE, args) {
					taken++
				}
				if round%4 > 0 {
					continue
				}
				if text, err := codec.Marshal(codec.JSON, codec.RawValue(codec.BARE, args)); err == nil {
					target.compare(t, codec.JSON, text)
				}
			}
			if target.compiled == (taken < rounds/50) {
				t.Errorf("the fast path takes %d of %d", taken, rounds)
			}
		})
	}
}

// oddArgs are what is easy to get wrong.
var oddArgs = []string{
	"81a16269641b0000000000000005", // a BigInt
	"81fb8000000000000000", "81fa80000000", "82fb3ff000000000000001",
	"81f97e00", "81fa7fc00001", "81fb7ff0000000000001",
	"8262246105", "818262246105", "81a1617982652442696749624e", // like a compat form
	"81a2626964016269640a", "81a26269640162494402", // a member twice
	"81f7", "80", "8005", "8101ff", "810101", "", "f6", "05", "9f01ff", "9a0000000105",
	"81d84041ff", "81d840624142", "81d841420102", "81c24105",
	"829f01ff02", "8201f820", "81a16175f820", "81a16175f818", "81a1617561ff", "81a161ff01", // in what nobody wants
	"81a1624964f6", "8181f6",
	"81a164" + "6d657461" + "a2616105" + "6162f6",          // meta: null behind a number
	"81a166506f696e747385a16158" + "09a0a0a0a1615907",      // Points: parts, and more than there were
	"81a166506f696e747381a0", "81a1664d617472697881820102", // fewer
	"81a1654e6f746573a1616ea16269640a",                                 // by another case
	"81a1780269640a", "81a16362f6648101", "81a164" + "53596d21" + "01", // names in other heads
	"81c11a00000005", "81c13a00000005", "81c1f97e00", "81c1fbc1e0000000000000", "81c1fb41d26580b4872b02", "81c11b00ffffffffffffff", "81c0f6", "81c005", // times
	"81c1fb42cd2f46ac2f8000", "81c11b0000003afff4417f", "81c11b0000003afff44180", "81c13b0000000e79747bff", "81c13b0000000e79747c00",
	"81c074323032342d30322d32395431323a33343a35365a", "8174323032342d30322d32395431323a33343a35365a", "8174323032342d30322d33305431323a33343a35365a",
	"8174323032342d30322d32395431323a33343a35367a", "8174323032342d30322d32397431323a33343a35365a", "8178193230323" + "42d30322d32395431323a33343a35362b30313a3030",
	"8173323032342d30322d323954333a33343a35365a",
	"8301f6f6", "8401f66161f820", "8301a0",
	"819b2000000000000000", "81bb2000000000000000", "819bffffffffffffffff", "81bbffffffffffffffff", // more than there is memory
	"81a1627a7aa16161", "81a1627a7aa1616105", // an object that nobody wants, in part and in full
	"816180", "81a1618001", "81826180616a", // the least that is not ASCII
	"81c1fbc22cf2e8f8000083", "81c1fbc22cf2e8f800004f", "81c1fbc22cf2e8f8000034", // where the year 0 begins
	"818401020361", "81840102036161", // beyond the length of an array
}

func FuzzTypedEqualsReference(f *testing.F) {
	targets := typedTargets()
	for _, target := range targets {
		for _, enc := range allEncodings {
			f.Add(target.full(f, enc))
		}
	}
	for _, args := range oddArgs {
		f.Add(unhex(f, args))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, target := range targets {
			target.compare(t, codec.BARE, data)
			target.compare(t, codec.JSON, data)
			// The same bytes, as choices of what to write.
			w := wireWriter{choices: data, left: 60}
			if args := w.args(target.typ, target.spread); len(data) > 0 && int(data[0])%len(targets) == i {
				target.compare(t, codec.BARE, args)
			}
		}
	})
}

// TestTypedFloats compares every float of 16 bits.
func TestTypedFloats(t *testing.T) {
	targets := []typedTarget{targetOf(true, func() float64 { return 1 }), targetOf(true, func() float32 { return 1 }), targetOf(true, func() side { return 1 })}
	for bits := range 1 << 16 {
		args := []byte{0x81, 0xf9, byte(bits >> 8), byte(bits)}
		for _, target := range targets {
			target.compare(t, codec.BARE, args)
		}
	}
}

// TestTypedLeavesTheTargetAlone: a target that holds something is merged into
// as ever, and bytes that are no value change nothing.
func TestTypedLeavesTheTargetAlone(t *testing.T) {
	decoder := codec.DecoderFor[tick]()
	args := encodedArgs(t, codec.BARE, map[string]any{"sym": "NEW", "id": 5})
	got := sampleTick
	if err := decoder.DecodeArgs(codec.BARE, args, &got); err != nil {
		t.Fatal(err)
	}
	want := sampleTick
	want.Sym, want.ID = "NEW", 5
	if got != want {
		t.Errorf("merged %+v, want %+v", got, want)
	}
	for n := range args {
		got := sampleTick
		if err := decoder.DecodeArgs(codec.BARE, args[:n], &got); n > 0 && err == nil || got != sampleTick && n > 0 {
			t.Errorf("%d of %d bytes: %+v, %v", n, len(args), got, err)
		}
	}
}

// TestTypedTakesNoMemoryOnFaith: what claims to be long, and is not or is next
// to nothing, costs no more than it is long itself, unless it is well-formed.
func TestTypedTakesNoMemoryOnFaith(t *testing.T) {
	type wide struct{ A [64]int }
	null := strings.Repeat("\xf6", 1<<16)
	for name, args := range map[string]string{
		"longer than the data": "\x81\x9a\x7f\xff\xff\xff\xf6",
		"truncated":            "\x81\x9a\x00\x01\x00\x01" + null[1:],
		"malformed":            "\x81\x9a\x00\x01\x00\x00" + null[1:] + "\xff",
	} {
		data := []byte(args)
		for name, refused := range map[string]func() bool{
			name + " slice": func() bool { return codec.DecoderFor[[]wide]().DecodeArgs(codec.BARE, data, new([]wide)) != nil },
			name + " map": func() bool {
				data := bytes.Clone(data)
				data[1] |= 5 << 5
				return codec.DecoderFor[map[symbol]wide]().DecodeArgs(codec.BARE, data, new(map[symbol]wide)) != nil
			},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if !refused() {
				t.Errorf("%s: no error", name)
			}
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("%s: %d bytes of data took %d", name, len(data), took)
			}
		}
	}
}
