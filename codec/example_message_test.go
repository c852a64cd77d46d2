package codec_test

import (
	"errors"
	"fmt"

	"github.com/rivet-go/rivet/codec"
)

func ExampleScanEvent() {
	frame := []byte(`{"body":{"tag":"Event","val":{"args":[10],"name":"countChanged"}}}`)
	name, args, ok := codec.ScanEvent(codec.JSON, frame)
	fmt.Printf("%s %s %v\n", name, args, ok)
	// Output: countChanged [10] true
}

func ExampleDecodeToClient() {
	frame := []byte("\x04\x00\x02\x07\x01\x0a") // version 4, response to call 7, CBOR 10
	var m codec.Message
	if err := codec.DecodeToClient(codec.BARE, frame, &m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s to call %d: %x\n", m.Kind, m.ID, m.Value)
	// Output: ActionResponse to call 7: 0a
}

func ExampleDecodeToServer() {
	frame := codec.AppendSubscription(nil, codec.CBOR, "countChanged", true)
	var m codec.Message
	if err := codec.DecodeToServer(codec.CBOR, frame, &m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s %v\n", m.Kind, m.Name, m.Subscribe)
	// Output: SubscriptionRequest: countChanged true
}

func ExampleAppendActionRequest() {
	fmt.Printf("%x\n", codec.AppendActionRequest(nil, codec.BARE, 0, "increment", []byte{0x81, 0x02}))
	fmt.Printf("%s\n", codec.AppendActionRequest(nil, codec.JSON, 0, "increment", []byte("[2]")))
	// Output:
	// 0200000009696e6372656d656e74028102
	// {"body":{"tag":"ActionRequest","val":{"id":["$BigInt","0"],"name":"increment","args":[2]}}}
}

func ExampleAppendActionCall() {
	fmt.Printf("%s\n", codec.AppendActionCall(nil, codec.JSON, []byte("[3]")))
	// Output: {"args":[3]}
}

func ExampleDecodeActionResult() {
	output, err := codec.DecodeActionResult(codec.JSON, []byte(`{"output":8}`))
	fmt.Printf("%s %v\n", output, err)
	// Output: 8 <nil>
}

func ExampleDecodeHTTPError() {
	body := []byte(`{"group":"actor","code":"not_found","message":"The actor does not exist or was destroyed."}`)
	var err error = codec.DecodeHTTPError(codec.BARE, 404, "application/json", body)
	fmt.Println(err)
	fmt.Println(errors.Is(err, codec.ErrActorNotFound))

	fmt.Println(codec.DecodeHTTPError(codec.BARE, 502, "text/html", []byte("<h1>Bad Gateway</h1>")))
	// Output:
	// actor.not_found: The actor does not exist or was destroyed.
	// true
	// http.status_502: Bad Gateway: <h1>Bad Gateway</h1>
}

func ExampleParseCloseReason() {
	for _, reason := range []string{"guard.actor_ready_timeout#t1s80so6", "bad_token", "Disposed"} {
		group, code, ray, ok := codec.ParseCloseReason(reason)
		fmt.Printf("%q %q %q %v\n", group, code, ray, ok)
	}
	// Output:
	// "guard" "actor_ready_timeout" "t1s80so6" true
	// "" "bad_token" "" true
	// "" "" "" false
}

func ExampleIsCode() {
	err := fmt.Errorf("joining the room: %w", &codec.Error{Group: "user", Code: "room_full", Message: "no seats left"})
	fmt.Println(codec.IsCode(err, "room_full"))
	fmt.Println(err)
	// Output:
	// true
	// joining the room: user.room_full: no seats left
}

func ExampleServer() {
	// A test server that stands in for RivetKit 2.0.
	old := codec.Server{Version: 2}
	fmt.Printf("%x\n", old.AppendActionResponse(nil, codec.BARE, 0, nil))
	fmt.Printf("%x\n", codec.AppendActionResponse(nil, codec.BARE, 0, nil))
	// Output:
	// 0200020001f7
	// 040002000d826a24556e646566696e656400
}
