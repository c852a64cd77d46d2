// Package codec holds the wire formats of Rivet Actors: the three encodings,
// the protocol messages in them, the JavaScript values inside the messages,
// and the errors that servers send. Package rivet uses it for all that is sent
// and received; a program needs it for types that JSON lacks, for a [Value] that
// is to stay encoded, and to choose an [Encoding].
//
//	package main
//
//	import (
//		"fmt"
//		"log"
//
//		"github.com/rivet-go/rivet/codec"
//	)
//
//	type Upload struct {
//		Name string            `json:"name"`
//		Size int64             `json:"size"`
//		Data []byte            `json:"data"`
//		Tags codec.Set[string] `json:"tags"`
//		Meta codec.Value       `json:"meta"` // whatever it is, not decoded
//	}
//
//	func main() {
//		data, err := codec.Marshal(codec.JSON, map[string]any{
//			"name": "a.txt", "size": int64(1 << 60), "data": []byte("hi"),
//			"tags": codec.Set[string]{"new"}, "meta": map[string]int{"pages": 3},
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Printf("%s\n", data)
//
//		var up Upload
//		if err := codec.Unmarshal(codec.JSON, data, &up); err != nil {
//			log.Fatal(err)
//		}
//		var meta struct{ Pages int }
//		if err := up.Meta.Decode(&meta); err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(up.Name, up.Size, up.Data, up.Tags, meta.Pages)
//	}
//
// It prints:
//
//	{"data":["$Uint8Array","aGk="],"meta":{"pages":3},"name":"a.txt","size":["$BigInt","1152921504606846976"],"tags":["$Set",["new"]]}
//	a.txt 1152921504606846976 [104 105] [new] 3
//
// # Values
//
// Actors are JavaScript programs, so what travels is JavaScript values. Go
// values become such values and back by one set of rules, whatever the
// encoding:
//
//	Go                                JavaScript           notes
//	nil, nil pointer, slice, map      null
//	bool                              boolean
//	ints, uints within ±(2⁵³−1)       number
//	ints, uints beyond                BigInt               never rounded
//	float32, float64                  number               NaN, ±Inf: not in JSON
//	*big.Int, big.Int                 BigInt               always; up to 10,000 digits
//	string                            string               must be UTF-8
//	[]byte, [N]byte                   Uint8Array           also from ArrayBuffer
//	slices, arrays                    array
//	structs                           object               see Struct fields
//	maps with string or text keys     object               members sorted
//	maps with other keys              Map                  BARE only; empty ones are objects
//	time.Time                         Date, to the ms      ISO string in CBOR and JSON; zero is null
//	Set                               Set
//	Map                               Map                  BARE only
//	Undefined, the zero Value         undefined            as a member: left out
//	Value                             what it holds        converted to the encoding
//	types with MarshalCBOR,           what the method      in this order; decoding looks
//	MarshalText or MarshalJSON        writes               for JSON before text
//	json.Number                       string
//
// What the wire cannot carry is a *TypeError, never a silent null: a Map in
// the CBOR and JSON encodings, NaN and infinity in JSON. In the CBOR encoding
// RivetKit 2.3 turns NaN and infinity that it receives into null, and in JSON
// it may misread the last digit of a fraction with more than 15 digits. RivetKit
// 2.0 does not know the compat forms below in CBOR: what needs one arrives as an
// array there.
//
// Decoding takes the same table backwards, and is lenient where nothing is
// lost: a whole number goes into floats and integers alike, a BigInt into any
// integer type that holds it, a Set into a slice, a Map into a Go map, a Date
// into a string, typed arrays into slices of numbers. Fractions and numbers
// out of range do not go into integers. Two targets are looser: float32 and
// float64 take the nearest value of any BigInt; and into a time.Time beside
// fields of type any (or Value, or with methods of their own) a number goes as
// Unix seconds, elsewhere it is refused: JavaScript's Date.now() counts
// milliseconds. Text for a time.Time is RFC 3339.
//
// In a target of type any the value chooses the Go type: nil, bool, int64 for
// whole numbers within ±(2⁵³−1), float64 for other numbers, *big.Int for a
// BigInt, string, []byte, []any, map[string]any, time.Time (in UTC) for a
// Date, Set[any] and Map[any, any].
//
// # Struct fields
//
// One rule holds for every encoding, that of encoding/json: a field's name is
// that of its json tag, or else its Go name; a cbor tag overrides the json
// tag. "-" leaves a field out; omitempty and omitzero work; embedded structs
// are flattened; the option string does not exist. When decoding, an exact
// match wins, then a match that ignores case; unknown members are ignored.
// MarshalBinary is not used.
//
// # Decoding events
//
// A [Decoder] is compiled once per type, from booleans, integers, floats,
// strings, time.Time, slices, arrays, maps with string keys, structs and
// pointers to all of these. What it decodes costs no reflection and no memory
// but that of the value: none for types of fixed size, one allocation for a
// string or a slice. Types in which something decodes itself, any and Value
// included, types that refer back to themselves, and values that are written
// in an unusual way go by the CBOR library, with the same result, at several
// times the cost.
//
// # Compat forms
//
// JSON lacks BigInt, Uint8Array, ArrayBuffer, undefined and Set. RivetKit
// writes them as arrays of two, such as ["$BigInt","5"], in every encoding,
// and puts one more $ before the first element of a genuine array that looks
// like that. Decoding accepts these forms and native CBOR side by side.
// Encoding writes the forms that RivetKit 2.0 and 2.3 both read: native CBOR
// in BARE, compat forms in CBOR and JSON.
package codec
