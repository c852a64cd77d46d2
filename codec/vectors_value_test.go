package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// valueVector is one entry of testdata/vectors/values.json.
type valueVector struct {
	Name, Encoding, Hex, Text, Form string
	Decoded                         json.RawMessage
}

func (v valueVector) data(t *testing.T) []byte {
	t.Helper()
	if v.Encoding == "json" {
		return []byte(v.Text)
	}
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func loadValueVectors(t testing.TB) []valueVector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []valueVector
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d vectors", len(list))
	}
	return list
}

// decodedMeaning turns the typed JSON of the vectors into what decoding into any is to
// yield.
func decodedMeaning(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return meaning(t, v)
}

func meaning(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			t.Fatal(err)
		}
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f)
		}
		return f
	case []any:
		return meanings(t, v)
	case map[string]any:
		if len(v) == 1 || len(v) == 2 && v["$typedarray"] != nil {
			for key, arg := range v {
				if special, ok := specialMeaning(t, key, arg, v); ok {
					return special
				}
			}
		}
		out := map[string]any{}
		for key, member := range v {
			out[key] = meaning(t, member)
		}
		return out
	}
	return v
}

func meanings(t *testing.T, list []any) []any {
	t.Helper()
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = meaning(t, e)
	}
	return out
}

func specialMeaning(t *testing.T, key string, arg any, whole map[string]any) (any, bool) {
	t.Helper()
	switch key {
	case "$bigint":
		n, ok := new(big.Int).SetString(arg.(string), 10)
		if !ok {
			t.Fatalf("bad BigInt %v", arg)
		}
		return n, true
	case "$bytes", "$arraybuffer":
		b, err := hex.DecodeString(arg.(string))
		if err != nil {
			t.Fatal(err)
		}
		return b, true
	case "$undefined":
		return nil, true
	case "$float":
		return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0": 0}[arg.(string)], true
	case "$date":
		d, err := time.Parse(time.RFC3339, arg.(string))
		if err != nil {
			t.Fatal(err)
		}
		return d, true
	case "$set":
		return codec.Set[any](meanings(t, arg.([]any))), true
	case "$map":
		m := codec.Map[any, any]{}
		for _, e := range arg.([]any) {
			pair := meanings(t, e.([]any))
			m = append(m, codec.Entry[any, any]{Key: pair[0], Value: pair[1]})
		}
		return m, true
	case "$typedarray":
		return meanings(t, whole["values"].([]any)), true
	}
	return nil, false
}

// equalMeaning compares decoded values; NaN equals NaN, times by instant, BigInts by
// value.
func equalMeaning(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	case *big.Int:
		b, ok := b.(*big.Int)
		return ok && a.Cmp(b) == 0
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && equalMeanings(a, b)
	case codec.Set[any]:
		b, ok := b.(codec.Set[any])
		return ok && equalMeanings(a, b)
	case codec.Map[any, any]:
		b, ok := b.(codec.Map[any, any])
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalMeaning(a[i].Key, b[i].Key) || !equalMeaning(a[i].Value, b[i].Value) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equalMeaning(v, w) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func equalMeanings(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalMeaning(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestVectorsDecode(t *testing.T) {
	for i, v := range loadValueVectors(t) {
		t.Run(fmt.Sprintf("%d %s %s", i, v.Name, v.Encoding), func(t *testing.T) {
			encodings := []codec.Encoding{codec.JSON}
			if v.Encoding == "cbor" {
				encodings = []codec.Encoding{codec.BARE, codec.CBOR}
			}
			want := decodedMeaning(t, v.Decoded)
			for _, enc := range encodings {
				var got any
				if err := codec.Unmarshal(enc, v.data(t), &got); err != nil {
					t.Fatalf("%v: %v", enc, err)
				}
				if !equalMeaning(want, got) {
					t.Errorf("%v: got %#v, want %#v", enc, got, want)
				}
				if err := codec.Valid(enc, v.data(t)); err != nil {
					t.Errorf("%v: Valid: %v", enc, err)
				}
			}
		})
	}
}

// TestVectorsEncode encodes the meaning of every vector in every encoding and
// decodes it again; where the vector is in compat JSON, the text is the same.
func TestVectorsEncode(t *testing.T) {
	for i, v := range loadValueVectors(t) {
		t.Run(fmt.Sprintf("%d %s %s", i, v.Name, v.Encoding), func(t *testing.T) {
			want := decodedMeaning(t, v.Decoded)
			for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
				data, err := codec.Marshal(enc, want)
				if refused := refuses(enc, v.Name); refused != (err != nil) {
					t.Fatalf("%v: error %v, want one: %v", enc, err, refused)
				} else if refused {
					continue
				}
				var got any
				if err := codec.Unmarshal(enc, data, &got); err != nil {
					t.Fatalf("%v: %v", enc, err)
				}
				expect := want
				if d, ok := want.(time.Time); ok && enc != codec.BARE {
					expect = d.UTC().Format("2006-01-02T15:04:05.000Z")
				}
				if !equalMeaning(expect, got) {
					t.Errorf("%v: got %#v, want %#v", enc, got, expect)
				}
				if enc == codec.JSON && v.Encoding == "json" && sameText[v.Name] && string(data) != v.Text {
					t.Errorf("text %s, want %s", data, v.Text)
				}
				if enc == codec.CBOR && v.Encoding == "cbor" && sameText[v.Name] && !bytes.Equal(data, v.data(t)) {
					t.Errorf("bytes %x, want %s", data, v.Hex)
				}
			}
		})
	}
}

// sameText names the vectors whose form is also byte for byte ours: those
// with a compat form in them.
var sameText = map[string]bool{
	"null": true, "true": true, "false": true, "zero": true, "minusOne": true, "n24": true, "n65536": true,
	"int32max": true, "uint32max": true, "float1_5": true, "tiny": true, "pi": true,
	"big1": true, "bigU64": true, "bigOver": true, "bigNeg": true, "bytes": true, "bytesEmpty": true,
	"set": true, "setNested": true, "emptyArray": true, "emptyString": true, "unicode": true, "escapes": false,
	"dollarPair": true, "dollarPairOther": true, "dollarOne": true, "dollarTriple": true, "plainPair": true,
}

// refuses tells which meanings an encoding cannot carry.
func refuses(enc codec.Encoding, name string) bool {
	switch name {
	case "map":
		return enc != codec.BARE
	case "nan", "inf", "ninf":
		return enc == codec.JSON
	}
	return false
}

// TestNativeForms holds the bytes that both RivetKit 2.0 and 2.3 read in BARE.
func TestNativeForms(t *testing.T) {
	wide := func(major byte, n uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, n)
	}
	float := func(f float64) []byte {
		return binary.BigEndian.AppendUint64([]byte{0xfb}, math.Float64bits(f))
	}
	day := time.Date(2024, 2, 29, 12, 34, 56, 789e6, time.UTC)
	for _, c := range []struct {
		in   any
		want []byte
	}{
		{[]byte{0, 1, 0xff}, []byte{0xd8, 64, 0x43, 0, 1, 0xff}},
		{big.NewInt(5), wide(0, 5)},
		{big.NewInt(-5), wide(1, 4)},
		{uint64(math.MaxUint64), wide(0, math.MaxUint64)},
		{int64(math.MinInt64), wide(1, math.MaxInt64)},
		{new(big.Int).Lsh(big.NewInt(1), 64), []byte{0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0}},
		{int64(math.MaxUint32), []byte{0x1a, 0xff, 0xff, 0xff, 0xff}},
		{int64(math.MaxUint32 + 1), float(1 << 32)},
		{int64(math.MinInt32), []byte{0x3a, 0x7f, 0xff, 0xff, 0xff}},
		{int64(math.MinInt32 - 1), float(-1<<31 - 1)},
		{int64(1<<53 - 1), float(1<<53 - 1)},
		{int64(-(1<<53 - 1)), float(-(1<<53 - 1))},
		{int64(1 << 53), wide(0, 1<<53)},
		{int64(-(1 << 53)), wide(1, 1<<53-1)},
		{day, append([]byte{0xc1}, float(1709210096.789)...)},
		{codec.Set[int]{1, 2}, []byte{0xd9, 1, 2, 0x82, 1, 2}},
		{codec.Set[byte]{1, 2}, []byte{0xd9, 1, 2, 0x82, 1, 2}},
		{codec.Map[int, string]{{1, "a"}}, []byte{0xd9, 1, 3, 0xba, 0, 0, 0, 1, 1, 0x61, 'a'}},
		{map[int]string{1: "a"}, []byte{0xd9, 1, 3, 0xba, 0, 0, 0, 1, 1, 0x61, 'a'}},
		{codec.Undefined{}, []byte{0xf7}},
		{codec.Value{}, []byte{0xf7}},
		{[]any{"$x", 1}, []byte{0x82, 0x63, '$', '$', 'x', 1}},
		// RivetKit does not revive what is within a native Set.
		{codec.Set[any]{"$x", 1}, []byte{0xd9, 1, 2, 0x82, 0x62, '$', 'x', 1}},
		{codec.Set[any]{[]any{"$x", 1}}, []byte{0xd9, 1, 2, 0x81, 0x82, 0x62, '$', 'x', 1}},
	} {
		got, err := codec.Marshal(codec.BARE, c.in)
		if err != nil {
			t.Errorf("%T: %v", c.in, err)
			continue
		}
		if !bytes.Equal(got, c.want) {
			t.Errorf("%#v: %x, want %x", c.in, got, c.want)
		}
	}
}

// TestNativeFormsRead: what no vector shows.
func TestNativeFormsRead(t *testing.T) {
	for data, want := range map[string]any{
		"\xd8\x44\x43\x01\x02\x03":                 []byte{1, 2, 3}, // Uint8ClampedArray
		"\xc1\xf9\x7e\x00":                         nil,             // Invalid Date
		"\xc1\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00": nil,
	} {
		var got any
		if err := codec.Unmarshal(codec.BARE, []byte(data), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%x: %#v, %v, want %#v", data, got, err, want)
		}
	}
}
