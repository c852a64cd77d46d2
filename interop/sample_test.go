package interop_test

import (
	"errors"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

// samples are the values that the actor echo has, as describe shows them in
// the BARE encoding.
var samples = map[string]string{
	"null":           "null",
	"undefined":      "null",
	"true":           "boolean:true",
	"zero":           "number:0",
	"minusOne":       "number:-1",
	"int32":          "number:2147483647",
	"uint32":         "number:4294967295",
	"uint32plus1":    "number:4294967296",
	"maxSafe":        "number:9007199254740991",
	"minSafe":        "number:-9007199254740991",
	"float":          "number:1.5",
	"floatPi":        "number:3.141592653589793",
	"negZero":        "number:0",
	"nan":            "number:NaN",
	"infinity":       "number:Infinity",
	"bigSmall":       "bigint:1",
	"bigU64":         "bigint:18446744073709551615",
	"bigNeg":         "bigint:-9223372036854775808",
	"bigHuge":        "bigint:123456789012345678901234567890",
	"bytes":          "bytes:000102fdfeff",
	"bytesEmpty":     "bytes:",
	"arrayBuffer":    "bytes:090807",
	"float32":        "[number:1.5,number:-2.5]",
	"uint16":         "[number:1,number:65535]",
	"date":           "Date:2024-02-29T12:34:56.789Z",
	"set":            "Set(number:1,string:two,bigint:3)",
	"map":            "Map(string:a=>number:1,string:b=>[number:2,number:3])",
	"mapIntKeys":     "Map(number:1=>string:one,number:2=>string:two)",
	"emptyArray":     "[]",
	"emptyObject":    "{}",
	"emptyString":    "string:",
	"unicode":        "string:héllo 世界 🦀 \x00\x1f\"\\/",
	"nested":         "{a:[number:1,{b:[null,{c:string:d}]}],e:{f:{g:[]}}}",
	"undefinedField": "{a:null,b:number:1}",
	"arrayHole":      "[null,null,number:1]",
	"dollarPair":     "[string:$BigInt,string:5]",
	"dollarPair2":    "[string:$$x,{y:number:1}]",
	"dollarTriple":   "[string:$x,number:1,number:2]",
}

// nativeOnly are those that RivetKit 2.3 has no form for in JSON: over HTTP
// they become null in the cbor and json encodings, and in a message of a json
// connection they end the connection; cbor connections carry them.
var nativeOnly = []string{"float32", "uint16", "date", "map", "mapIntKeys"}

// unsendable reports whether the server has no form for a sample on a connection
// in the encoding: RivetKit 2.3 ends the connection then, the Go host answers
// with an internal error, as it does over HTTP. What a Go program has to send is
// not made another value, so the numbers that JSON does not have are among them,
// while a time is the text that JavaScript makes of a Date.
func unsendable(on target, name string) bool {
	switch {
	case on.legacy:
		return false
	case !on.embedded:
		return on.encoding == codec.JSON && slices.Contains(nativeOnly, name)
	case name == "map" || name == "mapIntKeys":
		return on.encoding != codec.BARE
	}
	return on.encoding == codec.JSON && (name == "nan" || name == "infinity")
}

// sampleOf returns what a connection, or HTTP, delivers of a sample.
func sampleOf(on target, name string, http bool) string {
	json := on.encoding == codec.JSON
	switch {
	case on.embedded:
		switch {
		case name == "undefinedField":
			return "{b:number:1}" // as JSON.stringify has it
		case name == "date" && on.encoding != codec.BARE:
			return "string:2024-02-29T12:34:56.789Z"
		}
	case json && (name == "nan" || name == "infinity"):
		return "null"
	case on.legacy && json:
		// JSON.stringify's idea of them.
		if form, ok := map[string]string{
			"float32": "{0:number:1.5,1:number:-2.5}", "uint16": "{0:number:1,1:number:65535}",
			"date": "string:2024-02-29T12:34:56.789Z", "set": "{}", "map": "{}", "mapIntKeys": "{}",
			"undefinedField": "{b:number:1}",
		}[name]; ok {
			return form
		}
	case on.legacy && name == "dollarPair":
		return "bigint:5" // RivetKit 2.0 does not escape
	case on.legacy && name == "dollarPair2":
		return "[string:$x,{y:number:1}]"
	case !on.legacy && on.encoding == codec.CBOR && http && (name == "nan" || name == "infinity"),
		!on.legacy && on.encoding != codec.BARE && slices.Contains(nativeOnly, name):
		if json || http {
			return "null"
		}
	}
	return samples[name]
}

// TestValuesFromJavaScript receives each kind of value as a reply and as an
// event.
func TestValuesFromJavaScript(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "echo")
		c := ready(t, h)
		events := c.Subscribe([]string{"sample"})
		call[int](t, c, "count") // an answer says that the subscription stands
		var wg sync.WaitGroup
		for name := range samples {
			if unsendable(on, name) {
				continue
			}
			wg.Go(func() {
				got, err := rivet.Call[any](within(t), c, "sample", name)
				if want := sampleOf(on, name, false); err != nil || describe(got) != want {
					t.Errorf("%s as a reply: %s, want %s (%v)", name, describe(got), want, err)
				}
			})
		}
		wg.Wait()
		// One at a time, as all events have one name.
		for name := range samples {
			if unsendable(on, name) {
				continue
			}
			call[string](t, c, "emitSample", name)
			got, err := rivet.Event[any]("sample").Decode(next(t, events))
			if want := sampleOf(on, name, false); err != nil || describe(got) != want {
				t.Errorf("%s as an event: %s, want %s (%v)", name, describe(got), want, err)
			}
		}
		for _, name := range []string{"undefined", "maxSafe", "nan", "bigHuge", "bytes", "date", "set", "map", "dollarPair", "uint16"} {
			wg.Go(func() {
				got, err := rivet.Call[any](within(t), h, "sample", name)
				if on.embedded && unsendable(on, name) {
					if !errors.Is(err, rivet.ErrInternal) {
						t.Errorf("%s over HTTP: %v, %v", name, got, err)
					}
					return
				}
				if want := sampleOf(on, name, true); err != nil || describe(got) != want {
					t.Errorf("%s over HTTP: %s, want %s (%v)", name, describe(got), want, err)
				}
			})
		}
		wg.Wait()
	})
}

// TestValuesThatEndJSONConnections shows the other end of unsendable: what the
// actor cannot send closes the connection, the call may have run, and the
// connection comes back. In the Go host the call fails, and nothing else.
func TestValuesThatEndJSONConnections(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		if on.encoding != codec.JSON {
			return // only JSON connections end
		}
		c := ready(t, on.actor(t, "echo"))
		if on.embedded {
			_, err := rivet.Call[any](within(t), c, "sample", "nan")
			if !errors.Is(err, rivet.ErrInternal) || !rivet.MaybeExecuted(err) {
				t.Errorf("the call ended with %v", err)
			}
			if got := call[int](t, c, "count", 1, 2); got != 2 || c.Stats().Links != 1 {
				t.Errorf("count = %d, %+v", got, c.Stats())
			}
			return
		}
		closed := make(chan conn.CloseInfo, 1)
		defer c.OnClose(func(info conn.CloseInfo) { closed <- info })()
		_, err := rivet.Call[any](within(t), c, "sample", "date")
		if _, ok := err.(*rivet.CallError); !ok || !rivet.MaybeExecuted(err) || !rivet.IsCode(err, "actor.send_failed") {
			t.Errorf("the call ended with %v", err)
		}
		if info := receive(t, closed); info.Code != 1011 || !info.WillRetry {
			t.Errorf("closed with %+v", info)
		}
		if got := call[int](t, c, "count", 1, 2); got != 2 {
			t.Errorf("count = %d on the next link", got)
		}
	})
}

// TestValuesIntoGoTypes decodes samples into the types that programs use.
func TestValuesIntoGoTypes(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		c := ready(t, on.actor(t, "echo"))
		into(t, c, "uint32plus1", int64(1<<32))
		into(t, c, "maxSafe", uint64(1<<53-1))
		into(t, c, "minSafe", -(int64(1)<<53 - 1))
		into(t, c, "int32", int32(math.MaxInt32))
		into(t, c, "int32", 2147483647.0)
		into(t, c, "bigSmall", uint8(1))
		into(t, c, "bigU64", uint64(math.MaxUint64))
		into(t, c, "bigNeg", int64(math.MinInt64))
		huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
		into(t, c, "bigHuge", huge)
		into(t, c, "bytes", []byte{0, 1, 2, 253, 254, 255})
		into(t, c, "arrayBuffer", []byte{9, 8, 7})
		into(t, c, "undefined", (*int)(nil))
		into(t, c, "unicode", "héllo 世界 🦀 \x00\x1f\"\\/")
		type nested struct {
			A []any
			E struct {
				F struct{ G []int } `json:"f"`
			} `json:"e"`
		}
		want := nested{A: []any{int64(1), map[string]any{"b": []any{nil, map[string]any{"c": "d"}}}}}
		want.E.F.G = []int{}
		into(t, c, "nested", want)
		object40 := map[string]int{}
		for i := range 40 {
			object40["k"+strconv.Itoa(i)] = i
		}
		into(t, c, "object40", object40)
		if on.encoding != codec.JSON {
			into(t, c, "date", time.Date(2024, 2, 29, 12, 34, 56, 789_000_000, time.UTC))
			into(t, c, "date", "2024-02-29T12:34:56.789Z")
			if !unsendable(on, "mapIntKeys") {
				into(t, c, "mapIntKeys", map[int]string{1: "one", 2: "two"})
			}
			into(t, c, "float32", []float32{1.5, -2.5})
			into(t, c, "uint16", []uint16{1, 65535})
		}
		if on.encoding != codec.JSON || !on.legacy {
			into(t, c, "set", codec.Set[any]{int64(1), "two", big.NewInt(3)})
		}
		// What does not fit is an error, and nothing is rounded.
		if got, err := rivet.Call[int](within(t), c, "sample", "float"); err == nil {
			t.Errorf("1.5 as an int: %d", got)
		}
		if got, err := rivet.Call[int64](within(t), c, "sample", "bigU64"); err == nil {
			t.Errorf("2^64-1 as an int64: %d", got)
		}
	})
}

func into[T any](t *testing.T, c rivet.Caller, name string, want T) {
	t.Helper()
	if got := call[T](t, c, "sample", name); !reflect.DeepEqual(got, want) {
		t.Errorf("%s into %T: %#v, want %#v", name, want, got, want)
	}
}
