package interop_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// refused stands for a value that the client refuses to send.
const refused = "refused"

type person struct {
	Age   *int     `json:"age"`
	Name  string   `json:"name"`
	Tags  []string `json:"tags"`
	Photo []byte   `json:"photo,omitempty"`
}

type photo struct {
	Photo []byte `json:"photo"`
}

// TestValuesAsJavaScriptSeesThem sends each kind of Go value to the actor,
// which tells what arrived.
func TestValuesAsJavaScriptSeesThem(t *testing.T) {
	when := time.Date(2024, 2, 29, 12, 34, 56, 789_000_000, time.UTC)
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	// Where cbor and json are empty they are as bare; old is what RivetKit 2.0
	// makes of the cbor encoding where that differs.
	values := []struct {
		name                  string
		value                 any
		bare, cbor, json, old string
	}{
		{name: "nil", value: nil, bare: "null"},
		{name: "true", value: true, bare: "boolean:true"},
		{name: "int", value: 5, bare: "number:5"},
		{name: "negative int", value: int8(-1), bare: "number:-1"},
		{name: "uint32", value: uint32(math.MaxUint32), bare: "number:4294967295"},
		{name: "beyond 32 bits", value: int64(1) << 32, bare: "number:4294967296"},
		{name: "below 32 bits", value: int64(-1)<<31 - 1, bare: "number:-2147483649"},
		{name: "largest safe", value: int64(1)<<53 - 1, bare: "number:9007199254740991"},
		{name: "smallest safe", value: -(int64(1)<<53 - 1), bare: "number:-9007199254740991"},
		{name: "beyond safe", value: int64(1) << 53, bare: "bigint:9007199254740992",
			old: "[string:$BigInt,string:9007199254740992]"},
		{name: "uint64", value: uint64(math.MaxUint64), bare: "bigint:18446744073709551615",
			old: "[string:$BigInt,string:18446744073709551615]"},
		{name: "int64", value: int64(math.MinInt64), bare: "bigint:-9223372036854775808",
			old: "[string:$BigInt,string:-9223372036854775808]"},
		{name: "small big.Int", value: big.NewInt(5), bare: "bigint:5", old: "[string:$BigInt,string:5]"},
		{name: "huge big.Int", value: huge, bare: "bigint:123456789012345678901234567890",
			old: "[string:$BigInt,string:123456789012345678901234567890]"},
		{name: "float", value: 1.5, bare: "number:1.5"},
		{name: "pi", value: math.Pi, bare: "number:3.141592653589793"},
		{name: "whole float", value: 5.0, bare: "number:5"},
		{name: "large float", value: 1e300, bare: "number:1e+300"},
		{name: "minus zero", value: math.Copysign(0, -1), bare: "number:-0", json: "number:0"},
		{name: "NaN", value: math.NaN(), bare: "number:NaN", cbor: "null", json: refused, old: "number:NaN"},
		{name: "infinity", value: math.Inf(-1), bare: "number:-Infinity", cbor: "null", json: refused, old: "number:-Infinity"},
		{name: "text", value: "héllo 世界 🦀\x00\"\\/", bare: "string:héllo 世界 🦀\x00\"\\/"},
		{name: "bytes", value: []byte{0, 255}, bare: "Uint8Array:00ff", old: "[string:$Uint8Array,string:AP8=]"},
		{name: "no bytes", value: []byte{}, bare: "Uint8Array:", old: "[string:$Uint8Array,string:]"},
		{name: "byte array", value: [2]byte{1, 2}, bare: "Uint8Array:0102", old: "[string:$Uint8Array,string:AQI=]"},
		{name: "slice", value: []any{1, "a", nil, []int{2}}, bare: "[number:1,string:a,null,[number:2]]"},
		{name: "nil slice", value: []int(nil), bare: "null"},
		{name: "struct", value: person{Name: "a", Tags: []string{"x"}}, bare: "{age:null,name:string:a,tags:[string:x]}"},
		// RivetKit 2.3 sorts members in the cbor and json encodings.
		{name: "pointer to struct", value: &photo{[]byte{1}}, bare: "{photo:Uint8Array:01}",
			old: "{photo:[string:$Uint8Array,string:AQ==]}"},
		{name: "map", value: map[string]int{"b": 2, "a": 1}, bare: "{a:number:1,b:number:2}"},
		{name: "map of numbers", value: map[int]string{1: "x"}, bare: "Map(number:1=>string:x)", cbor: refused, json: refused},
		{name: "Map", value: codec.Map[string, int]{{Key: "b", Value: 1}, {Key: "a", Value: 2}},
			bare: "Map(string:b=>number:1,string:a=>number:2)", cbor: refused, json: refused},
		{name: "Set", value: codec.Set[any]{1, "a"}, bare: "Set(number:1,string:a)", old: "[string:$Set,[number:1,string:a]]"},
		{name: "time", value: when, bare: "Date:2024-02-29T12:34:56.789Z",
			cbor: "string:2024-02-29T12:34:56.789Z", json: "string:2024-02-29T12:34:56.789Z"},
		{name: "zero time", value: time.Time{}, bare: "null"},
		{name: "Undefined", value: codec.Undefined{}, bare: "undefined", old: "[string:$Undefined,number:0]"},
		{name: "member Undefined", value: map[string]any{"a": codec.Undefined{}, "b": 1}, bare: "{b:number:1}"},
		{name: "like a compat form", value: []string{"$BigInt", "5"}, bare: "[string:$BigInt,string:5]",
			old: "[string:$$BigInt,string:5]"},
	}
	everywhere(t, func(t *testing.T, on target) {
		var names, want []string
		var args, never []any
		for _, v := range values {
			sees := v.bare
			switch {
			case on.encoding == codec.CBOR && on.legacy && v.old != "",
				on.encoding == codec.BARE && on.legacy && v.name == "like a compat form":
				sees = v.old
			case on.embedded && v.name == "minus zero":
				sees = "number:0" // a codec.Value is a whole number then, which has one zero
			case on.encoding == codec.CBOR && v.cbor == "null" && on.embedded:
				sees = v.bare // the Go host does not drop them
			case on.encoding == codec.CBOR && v.cbor != "":
				sees = v.cbor
			case on.encoding == codec.JSON && v.json != "":
				sees = v.json
			}
			switch {
			case sees == refused:
				never = append(never, v.value)
			case on.legacy && on.encoding == codec.JSON && (v.name == "Set" || v.name == "Undefined"):
				// RivetKit 2.0 answers with an internal error.
			default:
				names, args, want = append(names, v.name), append(args, v.value), append(want, sees)
			}
		}
		both(t, on.actor(t, "echo"), func(t *testing.T, caller rivet.Caller) {
			got := call[[]string](t, caller, "describe", args...)
			if len(got) != len(want) {
				t.Fatalf("%d values arrived, want %d", len(got), len(want))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s: JavaScript saw %q, want %q", names[i], got[i], want[i])
				}
			}
			for _, v := range never {
				_, err := rivet.Call[[]string](within(t), caller, "describe", v)
				if _, ok := errors.AsType[*codec.TypeError](err); !ok || rivet.MaybeExecuted(err) {
					t.Errorf("%#v: %v, want it refused before it is sent", v, err)
				}
			}
		})
	})
}

// describe is the actor's function of that name for what a Value decodes to as
// any: the same text means the same value.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean:" + strconv.FormatBool(v)
	case int64:
		return "number:" + strconv.FormatInt(v, 10)
	case float64:
		return "number:" + strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "+Inf", "Infinity", 1)
	case *big.Int:
		return "bigint:" + v.String()
	case string:
		return "string:" + v
	case []byte:
		return "bytes:" + hex.EncodeToString(v)
	case time.Time:
		return "Date:" + v.Format("2006-01-02T15:04:05.000Z")
	case []any:
		return "[" + describeAll(v) + "]"
	case codec.Set[any]:
		return "Set(" + describeAll(v) + ")"
	case codec.Map[any, any]:
		var parts []string
		for k, w := range v.All() {
			parts = append(parts, describe(k)+"=>"+describe(w))
		}
		return "Map(" + strings.Join(parts, ",") + ")"
	case map[string]any:
		var parts []string
		for k, w := range v {
			parts = append(parts, k+":"+describe(w))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprintf("unexpected %T", v)
}

func describeAll(vs []any) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = describe(v)
	}
	return strings.Join(parts, ",")
}
