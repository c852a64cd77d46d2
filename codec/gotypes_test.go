package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

var allEncodings = []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON}

// celsius has JSON methods, level text methods.
type celsius struct{ degrees float64 }

func (c celsius) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"c": c.degrees, "list": []any{"$x", 1}})
}

func (c *celsius) UnmarshalJSON(b []byte) error {
	var v struct {
		C    float64
		List []any
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v.List) != 2 || v.List[0] != "$x" {
		return fmt.Errorf("list is %v", v.List)
	}
	c.degrees = v.C
	return nil
}

type level int

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("+", int(l))), nil }
func (l *level) UnmarshalText(b []byte) error {
	*l = level(len(b))
	return nil
}

type embedded struct{ Inner int }

type everything struct {
	embedded
	Bool     bool
	Int      int64
	Big      int64   `json:"big_one"`
	Uint     uint64  `cbor:"cborName" json:"jsonName"`
	Float    float64 `json:",omitempty"`
	Float32  float32
	Text     string
	Bytes    []byte
	Array    [3]byte
	Numbers  []int64
	Pointer  *string
	Nil      *string
	Map      map[string]int
	Time     time.Time
	Zero     time.Time
	Temp     celsius
	Level    level
	ByLevel  map[level]string
	Addr     netip.Addr
	BigInt   *big.Int
	Skipped  string `json:"-"`
	Raw      json.RawMessage
	Any      any
	Value    codec.Value
	Set      codec.Set[string]
	Duration time.Duration
	Next     *everything `json:",omitempty"`
}

func fullValue() everything {
	text := "pointed"
	return everything{
		embedded: embedded{Inner: 7}, Bool: true, Int: -5, Big: math.MinInt64, Uint: math.MaxUint64,
		Float: 1 << 40, Float32: 0.5, Text: "héllo\n\"x\"", Bytes: []byte{0, 255}, Array: [3]byte{1, 2, 3},
		Numbers: []int64{1, 1 << 40, -1 << 40}, Pointer: &text, Map: map[string]int{"b": 2, "a": 1},
		Time: time.Date(2024, 2, 29, 12, 34, 56, 789e6, time.UTC), Temp: celsius{21.5}, Level: 3,
		ByLevel: map[level]string{2: "two"}, Addr: netip.MustParseAddr("10.1.2.3"),
		BigInt: new(big.Int).Lsh(big.NewInt(-3), 80), Raw: json.RawMessage(`{"k":[1,"$y",2.5]}`),
		Any:      []any{"$BigInt", "5"},
		Value:    codec.RawValue(codec.JSON, []byte(`["$BigInt","12"]`)),
		Set:      codec.Set[string]{"$a", "b"},
		Duration: time.Second,
		Next:     &everything{Raw: json.RawMessage("null"), Map: map[string]int{}, BigInt: big.NewInt(0)},
	}
}

func TestGoTypesSurviveEveryEncoding(t *testing.T) {
	want := fullValue()
	want.Skipped = "stays here"
	for _, enc := range allEncodings {
		data, err := codec.Marshal(enc, want)
		if err != nil {
			t.Fatalf("%v: %v", enc, err)
		}
		var got everything
		if err := codec.Unmarshal(enc, data, &got); err != nil {
			t.Fatalf("%v: %v", enc, err)
		}
		if got.Skipped != "" {
			t.Errorf("%v: the field tagged - travelled", enc)
		}
		got.Skipped = want.Skipped
		if got.BigInt.Cmp(want.BigInt) != 0 {
			t.Errorf("%v: BigInt %v", enc, got.BigInt)
		}
		var n int
		if err := got.Value.Decode(&n); err != nil || n != 12 {
			t.Errorf("%v: Value %v %v", enc, n, err)
		}
		var a, b any
		if json.Unmarshal(got.Raw, &a) != nil || json.Unmarshal(want.Raw, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%v: Raw %s", enc, got.Raw)
		}
		got.BigInt, got.Value, got.Raw = want.BigInt, want.Value, want.Raw
		if got.Next == nil || got.Next.BigInt == nil || got.Next.BigInt.Sign() != 0 {
			t.Fatalf("%v: Next %+v", enc, got.Next)
		}
		got.Next = want.Next
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v:\ngot  %+v\nwant %+v", enc, got, want)
		}
	}
}

// TestWrittenForms holds what each encoding writes, as text where it has one.
func TestWrittenForms(t *testing.T) {
	day := time.Date(2024, 2, 29, 13, 34, 56, 789_999_999, time.FixedZone("", 3600))
	for _, c := range []struct {
		in   any
		want string
	}{
		{int64(1 << 32), "4294967296e0"},
		{int64(1<<53 - 1), "9007199254740991e0"},
		{int64(-1<<31 - 1), "-2147483649e0"},
		{uint32(math.MaxUint32), "4294967295"},
		{float64(1 << 53), "9007199254740992e0"},
		{1e300, "1e+300"},
		{1e21, "1e+21"},
		{1e20, "100000000000000000000e0"},
		{0.1, "0.1"},
		{1e-7, "1e-07"},
		{3.0, "3"},
		{math.Copysign(0, -1), "0"},
		{int64(-(1<<53 - 1)), "-9007199254740991e0"},
		{int64(1 << 53), `["$BigInt","9007199254740992"]`},
		{int64(-1 << 53), `["$BigInt","-9007199254740992"]`},
		{day, `"2024-02-29T12:34:56.789Z"`},
		{time.Time{}, "null"},
		{codec.Undefined{}, `["$Undefined",0]`},
		{[]any{codec.Undefined{}}, `[["$Undefined",0]]`},
		{map[string]any{"a": codec.Undefined{}, "b": 1}, `{"b":1}`},
		{struct {
			A codec.Undefined
			B codec.Value
			C int
		}{}, `{"C":0}`},
		{codec.Set[any]{"$x", 1}, `["$Set",["$x",1]]`},
		{codec.Set[any]{[]any{"$x", 1}}, `["$Set",[["$$x",1]]]`},
		{[]any{[]any{"$x", 1}, 2}, `[["$$x",1],2]`},
		{[]any{"$x", []any{"$x", 1}}, `["$$x",["$$x",1]]`},
		{codec.RawValue(codec.BARE, []byte{0xc2, 0x41, 5}), `["$BigInt","5"]`},
		{map[string]any{"z": 1, "a": nil}, `{"a":null,"z":1}`},
		{"\u2028<&>\x01\t", "\"\u2028<&>\\u0001\\t\""},
		{codec.None{}, `["$Undefined",0]`},
		{[]int(nil), "null"},
		{json.Number("5"), `"5"`},
	} {
		got, err := codec.Marshal(codec.JSON, c.in)
		if err != nil {
			t.Errorf("%#v: %v", c.in, err)
		} else if string(got) != c.want {
			t.Errorf("%#v: %s, want %s", c.in, got, c.want)
		}
		// The CBOR encoding carries the same compat forms.
		data, err := codec.Marshal(codec.CBOR, c.in)
		if err != nil {
			t.Errorf("%#v in CBOR: %v", c.in, err)
			continue
		}
		again, err := codec.Marshal(codec.JSON, codec.RawValue(codec.CBOR, data))
		if err != nil || string(again) != c.want {
			t.Errorf("%#v by way of CBOR: %s %v, want %s", c.in, again, err, c.want)
		}
	}
}

// stamps has texts that look like times beside a time.
type stamps struct {
	T time.Time
	S string
	M map[string]string
}

func TestDecodeTargets(t *testing.T) {
	type point struct{ X, Y int }
	wide := uint64(math.MaxUint64)
	for _, c := range []struct {
		json string
		want any
	}{
		{"4294967296.0", int64(1 << 32)},
		{"9007199254740991e0", int64(1<<53 - 1)},
		{"1e3", 1000},
		{"7", 7.0},
		{"7", big.NewInt(7)},
		{`["$BigInt","7"]`, 7},
		{`["$BigInt","7"]`, uint8(7)},
		{`["$BigInt","-7"]`, int8(-7)},
		{`["$BigInt","-0"]`, 0},
		{`["$BigInt","18446744073709551615"]`, wide},
		{`["$BigInt","7"]`, 7.0},
		{"18446744073709551615", wide},
		{`["$Uint8Array","AAE="]`, []byte{0, 1}},
		{`[0,1]`, []byte{0, 1}},
		{`["$Set",[1,2]]`, []int{1, 2}},
		{`["$Set",["$BigInt","5"]]`, []string{"$BigInt", "5"}},
		{`["$Set",[1,2]]`, codec.Set[int]{1, 2}},
		{`[1,2]`, codec.Set[int]{1, 2}},
		{`["$$x","y"]`, []string{"$x", "y"}},
		{`["$Set",{"k":["$Set",["$$x",1]]},3]`, []any{"$Set", map[string]any{"k": codec.Set[any]{"$$x", int64(1)}}, int64(3)}},
		{`["$Undefined",0]`, (*int)(nil)},
		{"null", (*int)(nil)},
		{"null", 0},
		{`{"x":1,"Y":2,"z":3}`, point{1, 2}},
		{`"2024-02-29T12:34:56.789Z"`, time.Date(2024, 2, 29, 12, 34, 56, 789e6, time.UTC)},
		{`{"T":"2024-02-29T12:34:56.789Z","S":"2024-02-29T12:34:56Z","M":{"2024-02-29T12:34:56Z":"2024-02-29T12:34:56+01:00"}}`, stamps{
			time.Date(2024, 2, 29, 12, 34, 56, 789e6, time.UTC), "2024-02-29T12:34:56Z",
			map[string]string{"2024-02-29T12:34:56Z": "2024-02-29T12:34:56+01:00"},
		}},
		{`"\ud83e\udd80\u00e9\/"`, "🦀é/"},
		{`{"a":1}`, codec.Map[string, int]{{"a", 1}}},
		{` [ 1 , 2 ] `, []int{1, 2}},
	} {
		value := codec.RawValue(codec.JSON, []byte(c.json))
		for _, enc := range allEncodings {
			data, err := codec.Marshal(enc, value)
			if err != nil {
				t.Errorf("%s: %v", c.json, err)
				continue
			}
			for _, src := range []codec.Value{value, codec.RawValue(enc, data)} {
				dst := reflect.New(reflect.TypeOf(c.want))
				if err := src.Decode(dst.Interface()); err != nil {
					t.Errorf("%s in %v into %T: %v", c.json, src.Encoding(), c.want, err)
				} else if got := dst.Elem().Interface(); !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s in %v into %T: %v", c.json, src.Encoding(), c.want, got)
				}
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		json string
		dst  any
	}{
		{"1.5", new(int)},
		{"300", new(uint8)},
		{"-1", new(uint)},
		{"1e20", new(int64)},
		{`["$BigInt","9223372036854775808"]`, new(int64)},
		{`["$BigInt","99999999999999999999"]`, new(uint64)},
		{`"7"`, new(int)},
		{"7", new(string)},
		{`["$Uint8Array","AAE="]`, new(string)},
		{"true", new(int)},
		{"{}", new([]int)},
		{"[]", new(map[string]int)},
		{`"secret-value"`, new(time.Time)},
		{`"secret-value"`, new(netip.Addr)},
		{`"secret-value"`, new(struct{ A int })},
		{`{"A":"secret-value"}`, new(struct{ A int })},
		{`{"A":{"B":"secret-value"}}`, new(struct{ A struct{ B time.Time } })},
		{`"secret-value"`, new(codec.Map[string, int])},
		{`"secret-value"`, new(celsius)},
		{"1700000000", new(time.Time)},
		{"1700000000.5", new(struct{ A time.Time })},
		{`{"A":1700000000}`, new(struct{ A time.Time })},
		{`{"A":"1999-99-99T00:00:00Z"}`, new(struct{ A time.Time })},
		{"1e999", new(float64)},
		{"1e300", new(float32)},
	} {
		for _, enc := range allEncodings {
			data := []byte(c.json)
			if enc != codec.JSON {
				var err error
				if data, err = codec.Marshal(enc, codec.RawValue(codec.JSON, data)); err != nil {
					continue
				}
			}
			err := codec.Unmarshal(enc, data, c.dst)
			var typ *codec.TypeError
			var syntax *codec.SyntaxError
			if !errors.As(err, &typ) && !errors.As(err, &syntax) {
				t.Errorf("%s in %v into %T: error %v", c.json, enc, c.dst, err)
			} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "99999") {
				t.Errorf("%s in %v into %T: the error quotes the value: %v", c.json, enc, c.dst, err)
			}
		}
	}
	var field *codec.TypeError
	err := codec.Unmarshal(codec.JSON, []byte(`{"A":"x"}`), new(struct{ A int }))
	if !errors.As(err, &field) || !strings.HasSuffix(field.Field, ".A") || field.Go != "int" {
		t.Errorf("the error does not name the field: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	type node struct{ Next *node }
	loop := &node{}
	loop.Next = loop
	list := []any{nil}
	list[0] = list
	set := codec.Set[any]{nil}
	set[0] = set
	deep := any(1)
	for range 500 {
		deep = []any{deep}
	}
	for name, c := range map[string]struct {
		in  any
		enc []codec.Encoding
	}{
		"channel":       {make(chan int), allEncodings},
		"function":      {struct{ F func() }{func() {}}, allEncodings},
		"invalid UTF-8": {"a\xff", allEncodings},
		"in a key":      {map[string]int{"\xff": 1}, allEncodings},
		"behind a $":    {[]any{"$\xff", 1}, allEncodings},
		"NaN":           {math.NaN(), []codec.Encoding{codec.JSON}},
		"infinity":      {math.Inf(-1), []codec.Encoding{codec.JSON}},
		"Map":           {codec.Map[string, int]{{"a", 1}}, []codec.Encoding{codec.CBOR, codec.JSON}},
		"map[int]":      {map[int]int{1: 1}, []codec.Encoding{codec.CBOR, codec.JSON}},
		"year 300000":   {time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), allEncodings},
		"own method":    {failing{}, allEncodings},
		"cycle":         {loop, allEncodings},
		"cyclic slice":  {list, allEncodings},
		"cyclic Set":    {set, allEncodings},
		"deep":          {deep, allEncodings},
		"bad Value":     {codec.RawValue(codec.BARE, []byte{0x82, 1}), allEncodings},
		"bad JSON":      {codec.RawValue(codec.JSON, []byte("[1")), allEncodings},
		"bad in struct": {struct{ V codec.Value }{codec.RawValue(codec.JSON, []byte("[1"))}, allEncodings},
		"huge BigInt":   {new(big.Int).Lsh(big.NewInt(1), 40_000), []codec.Encoding{codec.CBOR, codec.JSON}},
	} {
		for _, enc := range c.enc {
			_, err := codec.Marshal(enc, c.in)
			var typ *codec.TypeError
			var syntax *codec.SyntaxError
			if !errors.As(err, &typ) && !errors.As(err, &syntax) {
				t.Errorf("%s in %v: error %v", name, enc, err)
			}
			prefix := []byte("kept")
			if got, err := codec.AppendArgs(prefix, enc, []any{c.in}); err == nil || string(got) != "kept" {
				t.Errorf("%s in %v: AppendArgs returned %q, %v", name, enc, got, err)
			}
		}
	}
	if _, err := codec.Marshal(codec.JSON, failing{}); !errors.Is(err, errFailing) || strings.Contains(err.Error(), "secret") {
		t.Errorf("the method's error is hidden or quoted: %v", err)
	}
}

var errFailing = errors.New("secret inside")

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errFailing }

// TestDepth: 64 levels pass in every encoding, Sets and escapes included, alone
// and as the argument of an event.
func TestDepth(t *testing.T) {
	for name, wrap := range map[string]func(any) any{
		"array":  func(v any) any { return []any{v} },
		"object": func(v any) any { return map[string]any{"a": v} },
		"Set":    func(v any) any { return codec.Set[any]{v} },
		"escape": func(v any) any { return []any{"$", v} },
	} {
		v := any("leaf")
		for range 64 {
			v = wrap(v)
		}
		for _, enc := range allEncodings {
			data, err := codec.Marshal(enc, v)
			if err != nil {
				t.Errorf("%s in %v: %v", name, enc, err)
				continue
			}
			var got any
			if err := codec.Unmarshal(enc, data, &got); err != nil || !equalMeaning(v, got) {
				t.Errorf("%s in %v: %v", name, enc, err)
			}
			var m codec.Message
			frame := codec.AppendEvent(nil, enc, "deep", encodedArgs(t, enc, v))
			if err := codec.DecodeToClient(enc, frame, &m); err != nil {
				t.Errorf("%s in %v: event: %v", name, enc, err)
				continue
			}
			got = nil
			if err := codec.DecoderFor[any]().DecodeArgs(enc, m.Value, &got); err != nil || !equalMeaning(v, got) {
				t.Errorf("%s in %v: argument: %v", name, enc, err)
			}
		}
	}
}

// TestDatesAreExact: JavaScript multiplies the seconds by 1000 and cuts off.
func TestDatesAreExact(t *testing.T) {
	for ms := int64(1_700_000_000_000); ms < 1_700_000_000_000+5000; ms++ {
		for _, at := range []int64{ms, -ms, ms * 7 % 4e12} {
			want := time.UnixMilli(at).UTC()
			data, err := codec.Marshal(codec.BARE, want)
			if err != nil {
				t.Fatal(err)
			}
			var seconds float64
			if err := codec.Unmarshal(codec.BARE, data[1:], &seconds); err != nil {
				t.Fatal(err)
			}
			if int64(seconds*1000) != at {
				t.Fatalf("JavaScript reads %v as %v", want, int64(seconds*1000))
			}
			var got time.Time
			if err := codec.Unmarshal(codec.BARE, data, &got); err != nil || !got.Equal(want) {
				t.Fatalf("%v became %v, %v", want, got, err)
			}
		}
	}
}

func TestEqualValuesEncodeEqually(t *testing.T) {
	m := map[string]int{}
	for i := range 50 {
		m[fmt.Sprint(i)] = i
	}
	first, err := codec.Marshal(codec.BARE, m)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := codec.Marshal(codec.BARE, m)
		if err != nil || string(again) != string(first) {
			t.Fatal("maps encode in a random order", err)
		}
	}
}
