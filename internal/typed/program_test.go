package typed

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

type (
	point  struct{ X, Y int }
	linked struct {
		Value int
		Next  *linked
	}
	textual string
	onSide  struct{ point }
	pointed struct{ *point }
)

func (*textual) UnmarshalText([]byte) error { return nil }

func TestCompile(t *testing.T) {
	for _, good := range []any{
		true, 1, int8(1), uint64(1), float32(1), "", []byte{}, [4]byte{}, []string{}, [2][]int{}, map[string]point{}, &point{}, onSide{},
		struct{}{}, time.Duration(1), time.Time{}, []time.Time{}, map[string][]*point{}, []struct{ A, B point }{},
		struct {
			A int `json:"a"`
			B any `json:"-"`
			c any
		}{},
	} {
		if Compile(reflect.TypeOf(good), nil) == nil {
			t.Errorf("%T is not compiled", good)
		}
	}
	type many struct {
		onSide
		point // the fields of one and the same type twice
	}
	for _, bad := range []any{
		linked{}, []linked{}, pointed{}, many{}, textual(""), []textual{}, map[textual]int{}, map[int]int{}, struct{ time.Time }{}, big.Int{},
		json.RawMessage{}, [maxSize + 1]byte{}, uintptr(1), complex(1, 1), make(chan int), func() {}, []any{},
		struct {
			A int `cbor:"1,keyasint"`
		}{},
		struct {
			_ struct{} `cbor:",toarray"`
			A int
		}{},
		reflect.New(reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: "cbor:\"\\xff\""}})).Elem().Interface(),
		struct {
			A int `json:"B"`
			B int
		}{},
		struct {
			point `json:"named"`
		}{},
		reflect.New(reflect.StructOf(manyFields(maxFields + 1))).Elem().Interface(),
	} {
		if Compile(reflect.TypeOf(bad), nil) != nil {
			t.Errorf("%T is compiled", bad)
		}
	}
	if Compile(reflect.StructOf(manyFields(maxFields)), nil) == nil {
		t.Errorf("%d fields are not compiled", maxFields)
	}
}

func manyFields(n int) (fields []reflect.StructField) {
	for i := range n {
		name := "F" + string(rune('A'+i/26)) + string(rune('A'+i%26))
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[int]()})
	}
	return fields
}

// TestDecoderOfAnotherType: a program never writes into what it was not
// compiled for.
func TestDecoderOfAnotherType(t *testing.T) {
	program := Compile(reflect.TypeFor[point](), nil)
	for _, d := range []Decoder[int]{DecoderOf[int](program), DecoderOf[int](nil), {}} {
		if n := 5; d.Decode([]byte("\x81\x01"), &n) || n != 5 {
			t.Errorf("decoded %d", n)
		}
	}
}

func TestSpread(t *testing.T) {
	d := DecoderOf[point](Compile(reflect.TypeFor[point](), []int{1, 0}))
	for args, want := range map[string]point{
		"\x82\x01\x02":     {2, 1},
		"\x83\x01\x02\xa0": {2, 1},
	} {
		var got point
		if !d.Decode([]byte(args), &got) || got != want {
			t.Errorf("%x: %v, want %v", args, got, want)
		}
	}
	for _, args := range []string{"", "\x80", "\x81\x01", "\x82\x01", "\x82\x01\x02\x03", "\x83\x01\x02", "\x01", "\x82\x01\x61a"} {
		got := point{5, 6}
		if d.Decode([]byte(args), &got) || got != (point{5, 6}) {
			t.Errorf("%x: %v", args, got)
		}
	}
	none := DecoderOf[point](Compile(reflect.TypeFor[point](), []int{}))
	if !none.Decode([]byte("\x81\x01"), new(point)) {
		t.Error("a list of no places does not take what nobody wants")
	}
}

// TestLongNames: names are compared eight bytes at once, also at the very end
// of the data, where there are none.
func TestLongNames(t *testing.T) {
	name := "abcdefghijklmnopqrstuvwxyz0123456789"
	for n := 1; n <= len(name); n++ {
		typ := reflect.StructOf([]reflect.StructField{
			{Name: "Other", Type: reflect.TypeFor[int](), Tag: reflect.StructTag(`json:"` + name[:n] + `_"`)},
			{Name: "Field", Type: reflect.TypeFor[bool](), Tag: reflect.StructTag(`json:"` + name[:n] + `"`)},
		})
		p := Compile(typ, nil)
		args := append([]byte("\x81\xa1"), textHead(n)...)
		args = append(append(args, name[:n]...), itemTrue)
		v := reflect.New(typ)
		if !p.run(args, v.UnsafePointer()) || !v.Elem().Field(1).Bool() {
			t.Errorf("a name of %d bytes is not found", n)
		}
		for cut := range args {
			if p.run(args[:cut:cut], v.UnsafePointer()) {
				t.Errorf("a name of %d bytes is found in %d of %d bytes", n, cut, len(args))
			}
		}
		last := args[len(args)-2]
		args[len(args)-2] = '!'
		if v := reflect.New(typ); !p.run(args, v.UnsafePointer()) || v.Elem().Field(1).Bool() {
			t.Errorf("another name of %d bytes is taken for it, its end was %c", n, last)
		}
	}
}

func TestSkipIsBounded(t *testing.T) {
	var nested []byte
	for range maxSkipped {
		nested = append(nested, 0x81)
	}
	if skip(append(nested, 0), 0, 0) < 0 {
		t.Errorf("%d levels are not skipped", maxSkipped)
	}
	if skip(append(nested, 0x81, 0), 0, 0) >= 0 {
		t.Errorf("%d levels are skipped", maxSkipped+1)
	}
}

// TestGarbage: nothing panics, nor reads or writes where it must not, which
// the race detector would notice.
func TestGarbage(t *testing.T) {
	type all struct {
		A bool              `json:"a"`
		B []int16           `json:"b"`
		C map[string]*point `json:"c"`
		D [3]byte           `json:"d"`
		E []point           `json:"e"`
		F *string           `json:"f"`
	}
	d := DecoderOf[all](Compile(reflect.TypeFor[all](), nil))
	valid := []byte("\x81\xa6\x61a\xf5\x61b\x82\x01\x02\x61c\xa1\x61k\xa2\x61X\x01\x61Y\x02\x61d\x43abc\x61e\x81\xa1\x61X\x05\x61f\x61t")
	if !d.Decode(valid, new(all)) {
		t.Fatal("what is mutated is not valid")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		data := append([]byte(nil), valid[:1+random.IntN(len(valid))]...)
		for range random.IntN(4) {
			data[random.IntN(len(data))] = byte(random.Uint32())
		}
		d.Decode(data[:len(data):len(data)], new(all))
	}
}
