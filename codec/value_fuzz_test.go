package codec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// fuzzTarget has a field for every way of decoding.
type fuzzTarget struct {
	A   int
	B   uint8
	C   float64
	D   string
	E   []byte
	F   []fuzzTarget
	G   map[string]any
	H   *big.Int
	I   time.Time
	J   codec.Value
	K   codec.Set[any]
	L   codec.Map[any, any]
	M   *string
	N   celsius
	O   level
	Any any `json:"any"`
}

func addVectors(f *testing.F) {
	for _, v := range loadValueVectors(f) {
		if v.Encoding == "json" {
			f.Add([]byte(v.Text))
		} else if b, err := hex.DecodeString(v.Hex); err == nil {
			f.Add(b)
		}
	}
	for _, s := range []string{
		`{"A":1e2,"any":[["$Set",[["$Uint8Array","AA=="]]],["$Set",["$Set",[1]],3]]}`, `["$Set",["$BigInt","5"],3]`,
		"\x9f\x61$\x01\xff", "\xbf\x7f\x61A\xff\x01\xff", "\xd9\x01\x02\x9f\x01\xff", "\xd9\x01\x03\xbf\x01\x02\xff",
		"\xa1\x61I\xc1\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00", "\xd8\x50\x42\x3c\x00", "\xd8\x4b\x48\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x82\x67$BigInt\x62-0", "\xd9\xd9\xf7\xf6", "\xc0\xc0\x60",
	} {
		f.Add([]byte(s))
	}
}

// fuzzDecode decodes data in one encoding into everything. Nothing may panic,
// every failure is typed, and what decoded encodes again to what decodes to
// the same.
func fuzzDecode(t *testing.T, enc codec.Encoding, data []byte) {
	check := func(what string, err error) {
		var typ *codec.TypeError
		var syntax *codec.SyntaxError
		if err != nil && !errors.As(err, &typ) && !errors.As(err, &syntax) {
			t.Fatalf("%s: untyped error %v", what, err)
		}
	}
	valid := codec.Valid(enc, data)
	check("Valid", valid)
	var v any
	err := codec.Unmarshal(enc, data, &v)
	check("any", err)
	if err == nil && valid != nil {
		t.Fatalf("decoded what is not valid: %v", valid)
	}
	check("struct", codec.Unmarshal(enc, data, new(fuzzTarget)))
	check("slice", codec.Unmarshal(enc, data, new([]int)))
	check("args", codec.DecoderFor[fuzzTarget]().DecodeArgs(enc, data, new(fuzzTarget)))
	check("positional", codec.DecoderFor[moved]().DecodeArgs(enc, data, new(moved)))
	list, splitErr := codec.SplitArgs(enc, data)
	check("SplitArgs", splitErr)
	if (splitErr == nil) != (valid == nil) {
		t.Fatalf("Valid says %v, SplitArgs %v", valid, splitErr)
	}
	var want codec.Value
	if len(list) > 0 {
		want = list[0]
	}
	first, firstErr := codec.FirstArg(enc, data)
	if (firstErr == nil) != (splitErr == nil) || first.Encoding() != want.Encoding() || !bytes.Equal(first.Bytes(), want.Bytes()) {
		t.Fatalf("FirstArg says %x, %v, SplitArgs %x, %v", first.Bytes(), firstErr, want.Bytes(), splitErr)
	}
	for _, arg := range list {
		if err := codec.Valid(enc, arg.Bytes()); err != nil {
			t.Fatalf("split off an argument that is not valid: %v", err)
		}
		_ = arg.String()
	}
	if err != nil {
		return
	}
	for _, to := range allEncodings {
		again, err := codec.Marshal(to, v)
		check("Marshal", err)
		if err != nil {
			continue // NaN, a Map, a date beyond the format
		}
		var w any
		if err := codec.Unmarshal(to, again, &w); err != nil {
			t.Fatalf("%v: cannot decode what was encoded, %x: %v", to, again, err)
		}
		once, err := codec.Marshal(to, w)
		if err != nil || !bytes.Equal(once, again) {
			t.Fatalf("%v: %x became %x, %v", to, again, once, err)
		}
	}
}

func FuzzDecodeCBOR(f *testing.F) {
	addVectors(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzDecode(t, codec.BARE, data)
		fuzzDecode(t, codec.CBOR, data)
	})
}

func FuzzDecodeJSON(f *testing.F) {
	addVectors(f)
	f.Fuzz(func(t *testing.T, data []byte) { fuzzDecode(t, codec.JSON, data) })
}

// FuzzTypedAgreesWithAny: a struct without any in it takes another road than
// any does; both must come to the same.
func FuzzTypedAgreesWithAny(f *testing.F) {
	addVectors(f)
	f.Add([]byte("\xa1\x61A\xfb\x40\x14\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xa1\x61A\x82\x67$BigInt\x61\x35"))
	f.Add([]byte("\xa1\x61A\x1b\x00\x00\x00\x00\x00\x00\x00\x05"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, enc := range allEncodings {
			var closed struct{ A int64 }
			var open struct {
				A   int64
				Any any
			}
			a, b := codec.Unmarshal(enc, data, &closed), codec.Unmarshal(enc, data, &open)
			if a == nil && b == nil && closed.A != open.A {
				t.Fatalf("%v: %d and %d", enc, closed.A, open.A)
			}
			if a != nil && b == nil {
				t.Fatalf("%v: %v, but with any it decodes", enc, a)
			}
		}
	})
}
