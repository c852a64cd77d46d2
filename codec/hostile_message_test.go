package codec_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// decoders are all decoders of messages and bodies, by name.
var decoders = map[string]func(codec.Encoding, []byte) error{
	"DecodeToClient": func(enc codec.Encoding, b []byte) error { return codec.DecodeToClient(enc, b, new(codec.Message)) },
	"DecodeToServer": func(enc codec.Encoding, b []byte) error { return codec.DecodeToServer(enc, b, new(codec.Message)) },
	"DecodeActionCall": func(enc codec.Encoding, b []byte) error {
		_, err := codec.DecodeActionCall(enc, b)
		return err
	},
	"DecodeActionResult": func(enc codec.Encoding, b []byte) error {
		_, err := codec.DecodeActionResult(enc, b)
		return err
	},
	"DecodeQueueSend": func(enc codec.Encoding, b []byte) error {
		_, err := codec.DecodeQueueSend(enc, b)
		return err
	},
	"DecodeQueueResult": func(enc codec.Encoding, b []byte) error {
		_, err := codec.DecodeQueueResult(enc, b)
		return err
	},
	"DecodeHTTPError": func(enc codec.Encoding, b []byte) error {
		if e := codec.DecodeHTTPError(enc, 500, enc.ContentType(), b); e.Group == "http" {
			return &codec.MalformedError{Encoding: enc}
		}
		return nil
	},
}

// samples are good messages for each decoder, with every member.
func samples(t testing.TB, enc codec.Encoding) map[string][][]byte {
	e := &codec.Error{
		Group: "user", Code: "full", Message: "full",
		Metadata: codec.RawValue(enc, tickArgs(t, enc)),
		Actor:    &codec.ActorRef{ID: "abc", Generation: 300, Key: "k", HasKey: true},
	}
	args := tickArgs(t, enc)
	return map[string][][]byte{
		"DecodeToClient": {
			codec.AppendInit(nil, enc, "actor", "conn"),
			codec.AppendError(nil, enc, e, 7, true),
			codec.AppendActionResponse(nil, enc, 300, args),
			codec.AppendEvent(nil, enc, "tick", args),
		},
		"DecodeToServer": {
			codec.AppendActionRequest(nil, enc, 300, "f", args),
			codec.AppendSubscription(nil, enc, "tick", true),
		},
		"DecodeActionCall":   {codec.AppendActionCall(nil, enc, args)},
		"DecodeActionResult": {codec.AppendActionResult(nil, enc, args)},
		"DecodeQueueSend":    {codec.AppendQueueSend(nil, enc, codec.QueueSend{Name: "q", Body: args, Wait: true, Timeout: 5e9})},
		"DecodeQueueResult":  {codec.AppendQueueResult(nil, enc, codec.QueueResult{Status: "completed", Response: args})},
		"DecodeHTTPError":    {codec.AppendHTTPError(nil, enc, e)},
	}
}

func TestCutShortAtEveryByte(t *testing.T) {
	for _, enc := range encodings {
		for name, frames := range samples(t, enc) {
			for _, frame := range frames {
				if err := decoders[name](enc, frame); err != nil {
					t.Fatalf("%s %s: %v", enc, name, err)
				}
				for n := range frame {
					err := decoders[name](enc, frame[:n:n])
					var bad *codec.MalformedError
					if !errors.As(err, &bad) {
						t.Errorf("%s %s cut to %d of %d bytes: %v", enc, name, n, len(frame), err)
					} else if bad.Offset > n {
						t.Errorf("%s %s cut to %d of %d bytes: offset %d", enc, name, n, len(frame), bad.Offset)
					}
				}
			}
		}
	}
}

func TestHostileMessages(t *testing.T) {
	cbor := func(s string) string { return string(fromHex(t, s)) }
	event := func(args string) string {
		return cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 647469636b 6461726773" + args)
	}
	jsonEvent := func(val string) string { return `{"body":{"tag":"Event","val":` + val + `}}` }
	tests := []struct {
		what  string
		enc   codec.Encoding
		frame string
	}{
		{"nothing", codec.BARE, ""},
		{"version 0", codec.BARE, "\x00\x00\x03\x01a\x01\x80"},
		{"version 5", codec.BARE, "\x05\x00\x03\x01a\x01\x80"},
		{"version 1024", codec.BARE, "\x00\x04\x03\x01a\x01\x80"},
		{"unknown tag", codec.BARE, "\x04\x00\x04\x01a\x01\x80"},
		{"huge tag", codec.BARE, "\x04\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"endless varint", codec.BARE, "\x04\x00" + strings.Repeat("\xff", 100)},
		{"huge name", codec.BARE, "\x04\x00\x03\xff\xff\xff\xff\x7fa\x01\x80"},
		{"huge value", codec.BARE, "\x04\x00\x03\x01a\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x80"},
		{"name not UTF-8", codec.BARE, "\x04\x00\x03\x01\xff\x01\x80"},
		{"presence byte 2", codec.BARE, "\x04\x00\x01\x01g\x01c\x01m\x02\x00\x00"},

		{"nothing", codec.CBOR, ""},
		{"a number", codec.CBOR, "\x00"},
		{"an array", codec.CBOR, "\x80"},
		{"empty", codec.CBOR, "\xa0"},
		{"body without tag", codec.CBOR, cbor("a1 64626f6479 a1 6376616c a0")},
		{"body without value", codec.CBOR, cbor("a1 64626f6479 a1 63746167 654576656e74")},
		{"unknown tag", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6145 6376616c a0")},
		{"body twice", codec.CBOR, cbor("a2 64626f6479 a2 63746167 654576656e74 6376616c a1 646e616d65 6161 64626f6479 a2 63746167 654576656e74 6376616c a1 646e616d65 6161")},
		{"tag twice", codec.CBOR, cbor("a1 64626f6479 a3 63746167 654576656e74 63746167 654576656e74 6376616c a1 646e616d65 6161")},
		{"value twice", codec.CBOR, cbor("a1 64626f6479 a3 63746167 654576656e74 6376616c a1 646e616d65 6161 6376616c a1 646e616d65 6161")},
		{"huge map", codec.CBOR, cbor("bbffffffffffffffff")},
		{"huge inner map", codec.CBOR, event("bbffffffffffffffff")},
		{"huge inner map, halved", codec.CBOR, event("bb7fffffffffffffff")},
		{"huge array", codec.CBOR, event("9bffffffffffffffff")},
		{"huge string", codec.CBOR, event("817bffffffffffffffff")},
		{"huge chunk", codec.CBOR, event("817f7bffffffffffffffffff")},
		{"break instead of a value", codec.CBOR, event("81ff")},
		{"map with a name only", codec.CBOR, event("81bf6161ff")},
		{"reserved head", codec.CBOR, event("811c")},
		{"reserved simple value", codec.CBOR, event("81f81f")},
		{"chunk of another type", codec.CBOR, event("817f4161ff")},
		{"chunk of indefinite length", codec.CBOR, event("817f7f6161ffff")},
		{"indefinite tag", codec.CBOR, event("81df00")},
		{"name not UTF-8", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 61ff 6461726773 80")},
		{"chunk not UTF-8", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 7f61ffff 6461726773 80")},
		{"name a number", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 05 6461726773 80")},
		{"negative id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 20")},
		{"fraction as id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 f93e00")},
		{"NaN as id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 f97e00")},
		{"bignum of nine bytes as id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 c249010000000000000000")},
		{"pair that is no BigInt as id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 820101")},
		{"null as id", codec.CBOR, cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a1 626964 f6")},

		{"nothing", codec.JSON, ""},
		{"blank", codec.JSON, " "},
		{"a number", codec.JSON, "1"},
		{"empty", codec.JSON, "{}"},
		{"null body", codec.JSON, `{"body":null}`},
		{"no value", codec.JSON, `{"body":{"tag":"Event"}}`},
		{"no tag", codec.JSON, `{"body":{"val":{}}}`},
		{"unknown tag", codec.JSON, `{"body":{"tag":"Evil","val":{}}}`},
		{"tag twice", codec.JSON, `{"body":{"tag":"Event","tag":"Event","val":{"name":"a"}}}`},
		{"value twice", codec.JSON, `{"body":{"val":{"name":"a"},"val":{"name":"a"},"tag":"Event"}}`},
		{"second text", codec.JSON, jsonEvent(`{"name":"a"}`) + "{}"},
		{"trailing comma", codec.JSON, jsonEvent(`{"name":"a",}`)},
		{"leading comma", codec.JSON, jsonEvent(`{,"name":"a"}`)},
		{"comma in an array", codec.JSON, jsonEvent(`{"name":"a","args":[1,]}`)},
		{"no comma", codec.JSON, jsonEvent(`{"name":"a" "args":[]}`)},
		{"no colon", codec.JSON, jsonEvent(`{"name" "a"}`)},
		{"single quotes", codec.JSON, jsonEvent(`{'name':'a'}`)},
		{"bad escape", codec.JSON, jsonEvent(`{"name":"\x"}`)},
		{"bad unicode escape", codec.JSON, jsonEvent(`{"name":"\u00zz"}`)},
		{"control character", codec.JSON, jsonEvent("{\"name\":\"a\x01\"}")},
		{"name not UTF-8", codec.JSON, jsonEvent("{\"name\":\"\xff\"}")},
		{"escaped name not UTF-8", codec.JSON, jsonEvent("{\"name\":\"\\n\xff\"}")},
		{"byte order mark", codec.JSON, "\ufeff" + jsonEvent(`{"name":"a"}`)},
		{"leading zero", codec.JSON, jsonEvent(`{"name":"a","args":[01]}`)},
		{"bare minus", codec.JSON, jsonEvent(`{"name":"a","args":[-]}`)},
		{"bare point", codec.JSON, jsonEvent(`{"name":"a","args":[1.]}`)},
		{"bare exponent", codec.JSON, jsonEvent(`{"name":"a","args":[1e]}`)},
		{"not a word", codec.JSON, jsonEvent(`{"name":"a","args":[nul]}`)},
		{"wrong bracket", codec.JSON, jsonEvent(`{"name":"a","args":[}}`)},
		{"id text", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":"1"}}}`},
		{"id negative", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":-1}}}`},
		{"id fraction", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":1.5}}}`},
		{"id over 64 bits", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","18446744073709551616"]}}}`},
		{"id of one element", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt"]}}}`},
		{"id of three elements", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","1","2"]}}}`},
		{"id of another kind", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":["$Date","1"]}}}`},
		{"id null", codec.JSON, `{"body":{"tag":"ActionResponse","val":{"id":null}}}`},
		{"error without code", codec.JSON, `{"body":{"tag":"Error","val":{"group":"g","message":"m"}}}`},
		{"init without id", codec.JSON, `{"body":{"tag":"Init","val":{"connectionId":"c"}}}`},
		{"unknown encoding", codec.Encoding(7), "\x04\x00\x03\x01a\x01\x80"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.enc, " ", tt.what), func(t *testing.T) {
			var bad *codec.MalformedError
			if err := codec.DecodeToClient(tt.enc, []byte(tt.frame), new(codec.Message)); !errors.As(err, &bad) {
				t.Errorf("DecodeToClient: %v", err)
			}
			if _, _, ok := codec.ScanEvent(tt.enc, []byte(tt.frame)); ok {
				t.Error("ScanEvent ok")
			}
		})
	}
}

// Values of 64 levels pass wherever they stand; much deeper ones are refused
// without recursion that follows their depth.
func TestNesting(t *testing.T) {
	nested := func(enc codec.Encoding, depth int) []byte {
		if enc == codec.JSON {
			return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		}
		return []byte(strings.Repeat("\x81", depth-1) + "\x80")
	}
	for _, enc := range []codec.Encoding{codec.CBOR, codec.JSON} {
		for depth, ok := range map[int]bool{1: true, 64: true, 160: true, 162: false, 1000: false, 1 << 20: false} {
			value := nested(enc, depth)
			frames := map[string][]byte{
				"event":    codec.AppendEvent(nil, enc, "e", value),
				"response": codec.AppendActionResponse(nil, enc, 1, value),
				"error":    codec.AppendError(nil, enc, &codec.Error{Group: "g", Code: "c", Metadata: codec.RawValue(enc, value)}, 1, true),
			}
			if enc == codec.JSON {
				frames["value before tag"] = []byte(`{"body":{"val":{"name":"e","args":` + string(value) + `},"tag":"Event"}}`)
				frames["objects"] = codec.AppendEvent(nil, enc, "e", []byte("["+strings.Repeat(`{"a":`, depth-1)+"1"+strings.Repeat("}", depth-1)+"]"))
			} else {
				frames["maps"] = codec.AppendEvent(nil, enc, "e", []byte("\x81"+strings.Repeat("\xa1\x01", depth-1)+"\x01"))
				frames["tags"] = codec.AppendEvent(nil, enc, "e", []byte("\x81"+strings.Repeat("\xc1", depth-1)+"\x01"))
				frames["indefinite"] = codec.AppendActionResponse(nil, enc, 1, []byte(strings.Repeat("\x9f", depth)+strings.Repeat("\xff", depth)))
			}
			for what, frame := range frames {
				if err := codec.DecodeToClient(enc, frame, new(codec.Message)); (err == nil) != ok {
					t.Errorf("%s %s of %d levels: %v", enc, what, depth, err)
				}
			}
		}
	}
}

// A message may claim any size; memory follows what it has.
func TestClaimedLengthsTakeNoMemory(t *testing.T) {
	frames := map[codec.Encoding][]string{
		codec.BARE: {"\x04\x00\x00\xff\xff\xff\xff\x0f", "\x04\x00\x01\xff\xff\xff\xff\x0f"},
		codec.CBOR: {"\xbb\x00\x00\x00\x00\xff\xff\xff\xff", "\xa1\x7b\x00\x00\x00\x00\xff\xff\xff\xff", "\xa1\x64body\xa1\x63tag\x9b\x00\x00\x00\x00\xff\xff\xff\xff"},
	}
	for enc, list := range frames {
		for _, frame := range list {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for name, decode := range decoders {
				// The first bytes may well be a body that ends there.
				if decode(enc, []byte(frame)) == nil && name == "DecodeToClient" {
					t.Errorf("%s %s of %x: no error", enc, name, frame)
				}
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("%s %x took %d bytes", enc, frame, n)
			}
		}
	}
}

func TestHostileRequests(t *testing.T) {
	for _, tt := range []struct {
		enc   codec.Encoding
		frame string
	}{
		{codec.BARE, "\x04\x00\x02\x01a\x01"},                                                 // unknown tag
		{codec.BARE, "\x04\x00\x01\x01a\x02"},                                                 // subscribe is 2
		{codec.BARE, "\x04\x00\x00\x00\x01\xff\x01\x80"},                                      // name not UTF-8
		{codec.BARE, "\x03\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01a\x01\x80"}, // id over 64 bits
		{codec.CBOR, "\xa1\x64body\xa2\x63tag\x73SubscriptionRequest\x63val\xa2\x69eventName\x61a\x69subscribe\x01"},
		{codec.CBOR, "\xa1\x64body\xa2\x63tag\x73SubscriptionRequest\x63val\xa2\x69eventName\xf6\x69subscribe\xf5"},
		{codec.CBOR, "\xa1\x64body\xa2\x63tag\x6dActionRequest\x63val\xa2\x62id\x01\x64name\x61a"},
		{codec.JSON, `{"body":{"tag":"SubscriptionRequest","val":{"eventName":"a","subscribe":"true"}}}`},
		{codec.JSON, `{"body":{"tag":"SubscriptionRequest","val":{"eventName":"a"}}}`},
		{codec.JSON, `{"body":{"tag":"SubscriptionRequest","val":{"subscribe":true}}}`},
		{codec.JSON, `{"body":{"tag":"ActionRequest","val":{"name":"a","args":[]}}}`},
		{codec.JSON, `{"body":{"tag":"ActionRequest","val":{"id":null,"name":"a","args":[]}}}`},
		{codec.JSON, `{"body":{"tag":"ActionRequest","val":{"id":1,"name":["a"],"args":[]}}}`},
	} {
		var bad *codec.MalformedError
		if err := codec.DecodeToServer(tt.enc, []byte(tt.frame), new(codec.Message)); !errors.As(err, &bad) {
			t.Errorf("%s %q: %v", tt.enc, tt.frame, err)
		}
	}
}

// An error must arrive even if its metadata cannot.
func TestMetadataThatCannotBeConverted(t *testing.T) {
	e := &codec.Error{Group: "user", Code: "c", Message: "m", Metadata: codec.RawValue(codec.CBOR, []byte("\xff"))}
	got := codec.DecodeHTTPError(codec.JSON, 500, "application/json", codec.AppendHTTPError(nil, codec.JSON, e))
	if got.Code != "c" || len(got.Metadata.Bytes()) != 0 {
		t.Errorf("%+v", got)
	}
}
