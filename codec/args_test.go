package codec_test

import (
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

type moved struct {
	codec.Positional
	X, Y   int
	hidden int
	Skip   string `json:"-"`
	Who    *string
	Extra  codec.Value
	Rest   any
}

func TestArgs(t *testing.T) {
	who := "me"
	one := 1
	for _, c := range []struct {
		in   any
		want []any
	}{
		{codec.None{}, nil},
		{&codec.None{}, nil},
		{nil, []any{nil}},
		{5, []any{5}},
		{&one, []any{&one}},
		{(*moved)(nil), []any{(*moved)(nil)}},
		{[]int{1, 2}, []any{[]int{1, 2}}},
		{sampleTick, []any{sampleTick}},
		{moved{X: 1, Y: 2, hidden: 3, Skip: "no", Who: &who}, []any{1, 2, &who, codec.Value{}, nil}},
		{&moved{X: 1}, []any{1, 0, (*string)(nil), codec.Value{}, nil}},
		{struct{ codec.Positional }{}, []any{}},
	} {
		if got := codec.Args(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Args(%#v) = %#v, want %#v", c.in, got, c.want)
		}
	}
	if size := reflect.TypeFor[codec.Positional]().Size(); size != 0 {
		t.Errorf("Positional takes %d bytes", size)
	}
}

func TestAppendArgs(t *testing.T) {
	for _, c := range []struct {
		args []any
		json string
		bare string
	}{
		{nil, "[]", "\x80"},
		{[]any{1, "a"}, `[1,"a"]`, "\x82\x01\x61a"},
		{[]any{"$x", 1}, `["$$x",1]`, "\x82\x63$$x\x01"},
		{[]any{"$BigInt", "5"}, `["$$BigInt","5"]`, "\x82\x68$$BigInt\x615"},
		{[]any{"$x"}, `["$x"]`, "\x81\x62$x"},
		{[]any{"$x", 1, 2}, `["$x",1,2]`, "\x83\x62$x\x01\x02"},
		{[]any{"x", "$y"}, `["x","$y"]`, "\x82\x61x\x62$y"},
		{[]any{codec.RawValue(codec.JSON, []byte(` "\u0024x"`)), 1}, `["$$x",1]`, "\x82\x63$$x\x01"},
	} {
		got, err := codec.AppendArgs([]byte("<"), codec.JSON, c.args)
		if err != nil || string(got) != "<"+c.json {
			t.Errorf("%v: %s %v, want %s", c.args, got, err, c.json)
		}
		for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR} {
			got, err = codec.AppendArgs([]byte("<"), enc, c.args)
			if err != nil || string(got) != "<"+c.bare {
				t.Errorf("%v in %v: %q %v, want %q", c.args, enc, got, err, c.bare)
			}
		}
		for _, enc := range allEncodings {
			data := encodedArgs(t, enc, c.args...)
			list, err := codec.SplitArgs(enc, data)
			if err != nil || len(list) != len(c.args) {
				t.Errorf("%v in %v: %d arguments, %v", c.args, enc, len(list), err)
				continue
			}
			first, err := codec.FirstArg(enc, data)
			switch {
			case err != nil, len(list) == 0 && !first.IsUndefined():
				t.Errorf("%v in %v: the first is %v, %v", c.args, enc, first, err)
			case len(list) > 0 && string(first.Bytes()) != string(list[0].Bytes()):
				t.Errorf("%v in %v: the first is %q, want %q", c.args, enc, first.Bytes(), list[0].Bytes())
			}
			again := make([]any, len(list))
			for i, v := range list {
				again[i] = v
			}
			if joined := encodedArgs(t, enc, again...); string(joined) != string(data) {
				t.Errorf("%v in %v: split and joined %q, want %q", c.args, enc, joined, data)
			}
		}
	}
}

func TestDecodeArgs(t *testing.T) {
	type pair struct {
		codec.Positional
		Name string
		N    int
	}
	var undefined codec.Value
	for _, enc := range allEncodings {
		args := func(args ...any) []byte { return encodedArgs(t, enc, args...) }
		decodes(t, enc, args(5, "ignored"), 5)
		decodes(t, enc, args([]any{"$x", 1}), []any{"$x", int64(1)})
		decodes(t, enc, args("$x", 1), "$x")
		decodes(t, enc, args("$BigInt", "5"), "$BigInt")
		decodes(t, enc, args("$BigInt", 5), pair{Name: "$BigInt", N: 5})
		decodes(t, enc, args("a", 5, "more"), pair{Name: "a", N: 5})
		decodes(t, enc, args(1, 2), moved{X: 1, Y: 2})
		decodes(t, enc, args(1, 2, nil, codec.Undefined{}, 3), moved{X: 1, Y: 2, Extra: mustValue(t, enc, codec.Undefined{}), Rest: int64(3)})
		decodes(t, enc, args(), (*int)(nil))
		decodes[any](t, enc, args(), nil)
		decodes(t, enc, args(), undefined)
		decodes(t, enc, args(), codec.None{})
		decodes(t, enc, args(1, "x"), codec.None{})
		decodes(t, enc, args(codec.Value{}), 0)
		decodes(t, enc, nil, (*int)(nil))
		decodes(t, enc, mustValue(t, enc, nil).Bytes(), (*int)(nil))
		decodes(t, enc, mustValue(t, enc, 5).Bytes(), 5)
		decodes(t, enc, mustValue(t, enc, map[string]any{"id": 1}).Bytes(), tick{ID: 1})
		decodes(t, enc, mustValue(t, enc, codec.Set[int]{3}).Bytes(), codec.Set[int]{3})

		var n int
		err := codec.DecoderFor[int]().DecodeArgs(enc, args(), &n)
		var typ *codec.TypeError
		if !errors.As(err, &typ) || !strings.Contains(err.Error(), "argument 0") {
			t.Errorf("%v: missing argument: %v", enc, err)
		}
		err = codec.DecoderFor[pair]().DecodeArgs(enc, args("a"), new(pair))
		if !errors.As(err, &typ) || !strings.Contains(err.Error(), "argument 1") || !strings.Contains(err.Error(), "pair.N") {
			t.Errorf("%v: missing argument of a struct: %v", enc, err)
		}
		err = codec.DecoderFor[pair]().DecodeArgs(enc, args("a", "b"), new(pair))
		if !errors.As(err, &typ) || !strings.Contains(err.Error(), "argument 1") {
			t.Errorf("%v: wrong argument of a struct: %v", enc, err)
		}
		stale := &n
		if err := codec.DecoderFor[*int]().DecodeArgs(enc, args(), &stale); err != nil || stale != nil {
			t.Errorf("%v: missing argument into a pointer: %v, %v", enc, stale, err)
		}
		// A number is a time beside any, in whatever argument.
		type timed struct {
			codec.Positional
			At  time.Time
			Any any
		}
		var at timed
		if err := codec.DecoderFor[timed]().DecodeArgs(enc, args(5, 6), &at); err != nil || at.At.Unix() != 5 {
			t.Errorf("%v: number for a time beside any: %v, %v", enc, at, err)
		}
		data := args(1, 2)
		for _, bad := range [][]byte{data[:len(data)-1], append(data[:len(data):len(data)], data...)} {
			var syntax *codec.SyntaxError
			n = -1
			if err := codec.DecoderFor[int]().DecodeArgs(enc, bad, &n); !errors.As(err, &syntax) || n != -1 {
				t.Errorf("%v: bad tail: %v, stored %d", enc, err, n)
			}
			if _, err := codec.SplitArgs(enc, bad); !errors.As(err, &syntax) {
				t.Errorf("%v: SplitArgs of a bad tail: %v", enc, err)
			}
		}
	}
	// Indefinite lengths, as some CBOR libraries write them.
	decodes(t, codec.BARE, []byte{0x9f, 5, 6, 0xff}, 5)
	decodes(t, codec.BARE, []byte{0x9f, 0x7f, 0x62, '$', '$', 0x61, 'x', 0xff, 6, 0xff}, "$x")
	decodes(t, codec.BARE, []byte{0x9f, 0x61, '$', 6, 7, 0xff}, "$")
	decodes(t, codec.BARE, []byte{0x9f, 0x61, '$', 0xff}, "$")
}

// TestSplitArgsOfTwo: two arguments, or one value that looks like two, in the
// forms that decide it late.
func TestSplitArgsOfTwo(t *testing.T) {
	for _, c := range []struct {
		enc  codec.Encoding
		args string
		want []any
	}{
		{codec.BARE, "\x82\x7f\x63abc\xff\x01", []any{"abc", int64(1)}},
		{codec.BARE, "\x9f\x7f\x61a\x61b\xff\x01\xff", []any{"ab", int64(1)}},
		{codec.BARE, "\x82\x7f\xff\x01", []any{"", int64(1)}},
		{codec.BARE, "\x82\x7f\x61$\x62$x\xff\x01", []any{"$x", int64(1)}},
		{codec.BARE, "\x82\x7f\x61$\x66BigInt\xff\x615", []any{big.NewInt(5)}},
		{codec.BARE, "\x82\x6a$Undefined\x00", []any{}},
		{codec.CBOR, "\x9f\x6a$Undefined\x00\xff", []any{}},
		{codec.JSON, `["$Undefined",0]`, []any{}},
		{codec.JSON, ` [ "\u0024BigInt" , "5" ] `, []any{big.NewInt(5)}},
		{codec.JSON, `["\u0024$\n",1]`, []any{"$\n", int64(1)}},
	} {
		list, err := codec.SplitArgs(c.enc, []byte(c.args))
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		got := make([]any, len(list))
		for i, v := range list {
			if err := v.Decode(&got[i]); err != nil {
				t.Errorf("%q: %v", c.args, err)
			}
		}
		if !equalMeaning(got, c.want) {
			t.Errorf("%q: %v, want %v", c.args, got, c.want)
		}
		if len(c.want) > 0 {
			decodes(t, c.enc, []byte(c.args), c.want[0])
		}
	}
}

func decodes[T any](t *testing.T, enc codec.Encoding, args []byte, want T) {
	t.Helper()
	var got T
	if err := codec.DecoderFor[T]().DecodeArgs(enc, args, &got); err != nil {
		t.Errorf("%v %q into %T: %v", enc, args, want, err)
	} else if !reflect.DeepEqual(normalValue(got), normalValue(want)) {
		t.Errorf("%v %q into %T: %#v, want %#v", enc, args, want, got, want)
	}
}

// normalValue makes Values comparable: undefined has several forms.
func normalValue(v any) any {
	if m, ok := v.(moved); ok && m.Extra.IsUndefined() {
		m.Extra = codec.Value{}
		return m
	}
	return v
}

func mustValue(t *testing.T, enc codec.Encoding, v any) codec.Value {
	t.Helper()
	data, err := codec.Marshal(enc, v)
	if err != nil {
		t.Fatal(err)
	}
	return codec.RawValue(enc, data)
}

func TestDecodeArgsAllocatesNothing(t *testing.T) {
	type fixed struct {
		ID    int64
		Price float64
		Up    bool
	}
	in := fixed{1 << 40, 2.5, true}
	for _, enc := range allEncodings {
		args := encodedArgs(t, enc, in)
		decoder := codec.DecoderFor[fixed]()
		var out fixed
		if n := testing.AllocsPerRun(200, func() {
			if err := decoder.DecodeArgs(enc, args, &out); err != nil {
				t.Fatal(err)
			}
		}); n >= 1 && !raceEnabled {
			t.Errorf("%v: %v allocations", enc, n)
		}
		if out != in {
			t.Errorf("%v: %+v", enc, out)
		}
	}
}

func TestValue(t *testing.T) {
	secret := "top-secret"
	for _, enc := range allEncodings {
		v := mustValue(t, enc, secret)
		for _, text := range []string{v.String(), v.GoString()} {
			if strings.Contains(text, secret) || !strings.Contains(text, enc.String()) {
				t.Errorf("%v: %s", enc, text)
			}
		}
		if v.IsNull() || v.IsUndefined() {
			t.Errorf("%v: a string is null or undefined", enc)
		}
		if v := mustValue(t, enc, nil); !v.IsNull() || v.IsUndefined() {
			t.Errorf("%v: null is not", enc)
		}
		if v := mustValue(t, enc, codec.Undefined{}); v.IsNull() || !v.IsUndefined() {
			t.Errorf("%v: undefined is not", enc)
		}
		var copied codec.Value
		if err := v.Decode(&copied); err != nil || string(copied.Bytes()) != string(v.Bytes()) || copied.Encoding() != enc {
			t.Errorf("%v: copy %v, %v", enc, copied, err)
		}
		copied.Bytes()[0]++
		if v.Decode(new(string)) != nil {
			t.Errorf("%v: the copy aliases its source", enc)
		}
	}
	if zero := (codec.Value{}); !zero.IsUndefined() || zero.IsNull() || zero.String() != "undefined" {
		t.Error("the zero Value is not undefined")
	}
	var p = new(int)
	if err := (codec.Value{}).Decode(&p); err != nil || p != nil {
		t.Error("undefined does not decode to nil", err)
	}
	for _, dst := range []any{nil, 5, (*int)(nil)} {
		if err := codec.Unmarshal(codec.BARE, []byte{1}, dst); err == nil {
			t.Errorf("decoded into %#v", dst)
		}
	}
}
