package codec_test

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/codec"
)

// anyValue generates what decoding into any can yield. portable leaves out
// what only BARE carries.
func anyValue(portable bool) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any { return drawValue(t, 4, portable) })
}

var someText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"$", "$x", "$$", "$BigInt", "$Set", "$Undefined", "x$"}))

func drawValue(t *rapid.T, depth int, portable bool) any {
	kinds := 13
	if portable {
		kinds = 11
	}
	switch kind := rapid.IntRange(0, kinds-1).Draw(t, "kind"); {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind == 2:
		return rapid.Int64Range(-(1<<53-1), 1<<53-1).Draw(t, "int")
	case kind == 3:
		return rapid.Float64Range(-1e308, 1e308).Filter(func(f float64) bool {
			return f != float64(int64(f)) || f > 1<<53 || f < -1<<53
		}).Draw(t, "float")
	case kind == 4:
		return someText.Draw(t, "text")
	case kind == 5:
		return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
	case kind == 6:
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "big"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		return n
	case kind == 11:
		return time.UnixMilli(rapid.Int64Range(-6e13, 2.5e14).Draw(t, "date")).UTC()
	case depth == 0:
		return nil
	case kind == 7, kind == 8:
		return drawList(t, depth, portable)
	case kind == 9:
		return codec.Set[any](drawList(t, depth, portable))
	case kind == 10:
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			m[someText.Draw(t, "key")] = drawValue(t, depth-1, portable)
		}
		return m
	}
	m := codec.Map[any, any]{}
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		m = append(m, codec.Entry[any, any]{Key: drawValue(t, depth-1, portable), Value: drawValue(t, depth-1, portable)})
	}
	return m
}

func drawList(t *rapid.T, depth int, portable bool) []any {
	list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
	for i := range list {
		list[i] = drawValue(t, depth-1, portable)
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		enc := rapid.SampledFrom(allEncodings).Draw(t, "encoding")
		want := anyValue(enc != codec.BARE).Draw(t, "value")
		data, err := codec.Marshal(enc, want)
		if err != nil {
			t.Fatal(err)
		}
		if err := codec.Valid(enc, data); err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		var got any
		if err := codec.Unmarshal(enc, data, &got); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if !equalMeaning(want, got) {
			t.Fatalf("%q: got %#v, want %#v", data, got, want)
		}
	})
}

// TestTranscode: a Value of one encoding, encoded in another, means the same.
func TestTranscode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(true).Draw(t, "value")
		from := rapid.SampledFrom(allEncodings).Draw(t, "from")
		to := rapid.SampledFrom(allEncodings).Draw(t, "to")
		data, err := codec.Marshal(from, want)
		if err != nil {
			t.Fatal(err)
		}
		direct, err := codec.Marshal(to, want)
		if err != nil {
			t.Fatal(err)
		}
		nested, err := codec.Marshal(to, map[string]any{"v": codec.RawValue(from, data)})
		if err != nil {
			t.Fatal(err)
		}
		converted, err := codec.Marshal(to, codec.RawValue(from, data))
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		var c map[string]codec.Value
		var d any
		for _, err := range []error{
			codec.Unmarshal(to, direct, &a), codec.Unmarshal(to, converted, &b), codec.Unmarshal(to, nested, &c), c["v"].Decode(&d),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !equalMeaning(a, b) || !equalMeaning(a, want) || !equalMeaning(d, want) {
			t.Fatalf("%#v directly, %#v converted, %#v nested, want %#v", a, b, d, want)
		}
	})
}

// TestArgsRoundTrip: arguments come back one by one, whatever they look like
// together.
func TestArgsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		enc := rapid.SampledFrom(allEncodings).Draw(t, "encoding")
		args := rapid.SliceOfN(anyValue(enc != codec.BARE), 0, 4).Draw(t, "args")
		data, err := codec.AppendArgs(nil, enc, args)
		if err != nil {
			t.Fatal(err)
		}
		list, err := codec.SplitArgs(enc, data)
		if err != nil || len(list) != len(args) {
			t.Fatalf("%q: %d of %d arguments, %v", data, len(list), len(args), err)
		}
		for i, v := range list {
			var got any
			if err := v.Decode(&got); err != nil || !equalMeaning(args[i], got) {
				t.Fatalf("%q: argument %d is %#v, want %#v, %v", data, i, got, args[i], err)
			}
		}
		var first any
		if err := codec.DecoderFor[any]().DecodeArgs(enc, data, &first); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if len(args) > 0 && !equalMeaning(args[0], first) {
			t.Fatalf("%q: first argument %#v, want %#v", data, first, args[0])
		}
	})
}
