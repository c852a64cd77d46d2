package codec_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

func TestMalformedCBOR(t *testing.T) {
	for name, data := range map[string]string{
		"trailing data":           "\x01\x02",
		"truncated head":          "\x19\x01",
		"reserved information":    "\x1c",
		"indefinite number":       "\x1f",
		"stray break":             "\xff",
		"truncated text":          "\x65abc",
		"text of 2^64 bytes":      "\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
		"array of 2^63 elements":  "\x9b\x80\x00\x00\x00\x00\x00\x00\x00",
		"object of 2^63 members":  "\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
		"open array":              "\x9f\x01",
		"open object":             "\xbf\x61a\x01",
		"odd object":              "\xbf\x61a\xff",
		"open text":               "\x7f\x61a",
		"number in a text":        "\x7f\x01\xff",
		"text within bytes":       "\x5f\x61a\xff",
		"nested chunks":           "\x7f\x7f\xff\xff",
		"invalid UTF-8":           "\x62\xff\xfe",
		"UTF-8 cut between":       "\x7f\x61\xc3\x61\xa9\xff",
		"simple value":            "\xe0",
		"long simple value":       "\xf8\x20",
		"date of text":            "\xc1\x61a",
		"date of a number":        "\xc0\x01",
		"bignum of a number":      "\xc2\x01",
		"Set of a number":         "\xd9\x01\x02\x01",
		"Map of an array":         "\xd9\x01\x03\x80",
		"nested too deeply":       strings.Repeat("\x81", 1000) + "\x01",
		"tags nested too deeply":  strings.Repeat("\xd9\xd9\xf7", 1000) + "\x01",
		"objects nested too deep": strings.Repeat("\xa1\x61a", 1000) + "\x01",
	} {
		for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR} {
			refusesBytes(t, enc, name, data, true)
		}
	}
	for name, data := range map[string]string{ // well-formed, but no value
		"unknown compat form":  "\x82\x62$x\x01",
		"BigInt of a number":   "\x82\x67$BigInt\x01",
		"BigInt without digit": "\x82\x67$BigInt\x61-",
		"BigInt in hex":        "\x82\x67$BigInt\x640x10",
		"bytes not base64":     "\x82\x6b$Uint8Array\x64!!!!",
		"bytes not padded":     "\x82\x6b$Uint8Array\x63AAE",
		"Set of a text":        "\x82\x64$Set\x61a",
		"typed array cut":      "\xd8\x55\x43\x00\x00\x00",
		"float128 array":       "\xd8\x53\x50" + strings.Repeat("\x00", 16),
		"date far away":        "\xc1\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c",
	} {
		refusesBytes(t, codec.BARE, name, data, false)
	}
}

func TestMalformedJSON(t *testing.T) {
	for name, data := range map[string]string{
		"blank": " ", "trailing": "1 2", "comma": "[1,]", "no comma": "[1 2]", "no colon": `{"a" 1}`,
		"open array": "[1", "open object": `{"a":1`, "open text": `"a`, "name not a text": "{a:1}", "object comma": `{"a":1,}`,
		"leading zero": "01", "plus": "+1", "point": ".5", "open fraction": "1.", "open exponent": "1e", "minus": "-",
		"too great": "1e400", "word": "nul", "NaN": "NaN", "control character": "\"a\x01\"", "bad escape": `"\x"`, "short escape": `"\u12"`, "escape not hexadecimal": `"\u12zz"`,
		"lone surrogate": `"\ud83d"`, "surrogates reversed": `"\udd80\ud83e"`, "surrogate and text": `"\ud83dx"`, "half and newline": `"\ud83d\n0000"`,
		"invalid UTF-8": "\"\xff\"", "invalid beside an escape": "\"\\n\xff\"", "nested too deeply": strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		"objects": strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000), "very long number": strings.Repeat("9", 20_000), "comment": "/**/1",
	} {
		refusesBytes(t, codec.JSON, name, data, true)
	}
	for name, data := range map[string]string{
		"unknown compat form": `["$x",1]`, "Set of a text": `["$Set","a"]`, "BigInt of a number": `["$BigInt",5]`,
		"very long BigInt": `["$BigInt","` + strings.Repeat("9", 20_000) + `"]`, "not base64": `["$ArrayBuffer","A==="]`,
		"base64 in lines": `["$Uint8Array","AAAA\n\n\n\n"]`,
		"inside a Set":    `["$Set",[["$x",1]]]`, "no Set after all": `["$Set",["$x",1],1]`,
	} {
		refusesBytes(t, codec.JSON, name, data, false)
	}
}

func refusesBytes(t *testing.T, enc codec.Encoding, name, data string, valid bool) {
	t.Helper()
	var syntax *codec.SyntaxError
	var v any
	if err := codec.Unmarshal(enc, []byte(data), &v); !errors.As(err, &syntax) {
		t.Errorf("%v, %s: error %v, value %v", enc, name, err, v)
	} else if syntax.Offset < 0 || syntax.Offset > len(data) || syntax.Reason == "" {
		t.Errorf("%v, %s: %+v", enc, name, syntax)
	}
	if err := codec.Valid(enc, []byte(data)); valid != (err != nil) {
		t.Errorf("%v, %s: Valid returned %v", enc, name, err)
	}
}

// TestMemoryFollowsInput: what a value claims about its size costs nothing.
func TestMemoryFollowsInput(t *testing.T) {
	claims := [][]byte{
		{0x9a, 0xff, 0xff, 0xff, 0xff}, {0xba, 0x7f, 0xff, 0xff, 0xff}, {0x7a, 0xff, 0xff, 0xff, 0xff},
		{0xd9, 1, 3, 0xba, 0x7f, 0xff, 0xff, 0xff}, {0xd8, 0x55, 0x5a, 0xff, 0xff, 0xff, 0xfc},
		append([]byte{0x9a, 0, 0x10, 0, 0}, bytes.Repeat([]byte{0x9a, 0, 0x10, 0, 0}, 100)...),
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, data := range claims {
		var v any
		if err := codec.Unmarshal(codec.BARE, data, &v); err == nil {
			t.Errorf("%x decoded", data[:5])
		}
		if _, err := codec.SplitArgs(codec.BARE, data); err == nil {
			t.Errorf("%x split", data[:5])
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes of input cost %d bytes of memory", len(claims)*10, grown)
	}
}
