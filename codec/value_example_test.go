package codec_test

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/rivet-go/rivet/codec"
)

func ExampleMarshal() {
	type message struct {
		ID   uint64 `json:"id"`
		Text string `json:"text"`
		Blob []byte `json:"blob"`
		Note *string
	}
	for _, id := range []uint64{7, 1 << 60} {
		text, err := codec.Marshal(codec.JSON, message{ID: id, Text: "hi", Blob: []byte{0, 1}})
		fmt.Println(string(text), err)
	}
	// Output:
	// {"id":7,"Note":null,"blob":["$Uint8Array","AAE="],"text":"hi"} <nil>
	// {"id":["$BigInt","1152921504606846976"],"Note":null,"blob":["$Uint8Array","AAE="],"text":"hi"} <nil>
}

func ExampleUnmarshal() {
	data := []byte(`{"count": 4294967296.0, "total": ["$BigInt","18446744073709551616"], "tags": ["$Set",["a","b"]]}`)
	var v struct {
		Count int
		Total *big.Int
		Tags  codec.Set[string]
	}
	if err := codec.Unmarshal(codec.JSON, data, &v); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Count, v.Total, v.Tags)

	var small struct{ Count uint8 }
	err := codec.Unmarshal(codec.JSON, data, &small)
	var mismatch *codec.TypeError
	fmt.Println(errors.As(err, &mismatch), mismatch.Go)
	// Output:
	// 4294967296 18446744073709551616 [a b]
	// true uint8
}

func ExampleMap() {
	scores := codec.Map[int, string]{{Key: 3, Value: "gold"}, {Key: 1, Value: "bronze"}}
	data, err := codec.Marshal(codec.BARE, scores)
	if err != nil {
		fmt.Println(err)
		return
	}
	var ordered codec.Map[int, string]
	if err := codec.Unmarshal(codec.BARE, data, &ordered); err != nil {
		fmt.Println(err)
		return
	}
	for place, medal := range ordered.All() {
		fmt.Println(place, medal)
	}
	_, err = codec.Marshal(codec.JSON, scores)
	fmt.Println(err)
	// Output:
	// 3 gold
	// 1 bronze
	// codec: the json encoding cannot carry a JavaScript Map; BARE does
}

func ExampleValue() {
	// Take one member as it is and pass it on in another encoding.
	var event struct {
		Kind    string
		Payload codec.Value
	}
	err := codec.Unmarshal(codec.JSON, []byte(`{"kind":"joined","payload":{"who":"ann"}}`), &event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Kind, event.Payload)
	var payload struct{ Who string }
	fmt.Println(event.Payload.Decode(&payload), payload.Who)
	// Output:
	// joined bare value of 9 bytes
	// <nil> ann
}

func ExampleDecoder() {
	type move struct {
		codec.Positional
		X, Y int
		Note *string
	}
	args, err := codec.AppendArgs(nil, codec.BARE, codec.Args(move{X: 3, Y: 4}))
	if err != nil {
		fmt.Println(err)
		return
	}
	var m move
	err = codec.DecoderFor[move]().DecodeArgs(codec.BARE, args, &m)
	fmt.Println(m.X, m.Y, m.Note, err)
	// Output: 3 4 <nil> <nil>
}
