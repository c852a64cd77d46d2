package actor_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// TestFrames sends what may come in one frame.
func TestFrames(t *testing.T) {
	const (
		bad = "close 1011 actor.invalid_request"
		ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"}`
	)
	action := func(val string) string { return `{"body":{"tag":"ActionRequest","val":` + val + `}}` }
	sub := func(val string) string { return `{"body":{"tag":"SubscriptionRequest","val":` + val + `}}` }
	reply := func(output string) string {
		return `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","1"],"output":` + output + `}}}`
	}
	tests := []struct{ enc, frame, want string }{
		{"json", "garbage", bad},
		{"json", "", bad},
		{"json", "{}", bad},
		{"json", `{"body":{"tag":"Nope","val":{}}}`, bad},
		{"json", action(`{"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":1,"args":[]}`), bad},
		{"json", action(`{"id":1,"name":"echo"}`), bad},
		{"json", action(`{"id":"1","name":"echo","args":[]}`), bad},
		{"json", action(`{"id":-1,"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":1.5,"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":null,"name":"echo","args":[]}`), bad},
		{"json", sub(`{"subscribe":true}`), bad},
		{"json", sub(`{"eventName":"x","subscribe":1}`), bad},
		{"json", action(`{"id":1,"name":"echo","args":7}`), reply("7")},
		{"json", action(`{"id":["$BigInt","1"],"name":"echo","args":[7]}`), reply("7")},
		{"json", action(`{"id":1,"name":"name","args":null}`), reply(`"ann"`)},
		{"json", action(`{"id":["$BigInt","18446744073709551615"],"name":"name","args":[]}`), `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","18446744073709551615"],"output":"ann"}}}`},
		{"json", action(`{"id":1,"name":"say","args":[1]}`), reply(`["$Undefined",0]`)},
		{"json", action(`{"id":1,"name":"nope","args":[]}`), `{"body":{"tag":"Error","val":{"actionId":["$BigInt","1"],` + ref + `,"code":"action_not_found","group":"actor","message":"Action ` + "`nope`" + ` was not found."}}}`},
		{"json", action(`{"id":0,"name":"","args":[]}`), `{"body":{"tag":"Error","val":{"actionId":["$BigInt","0"],` + ref + `,"code":"action_not_found","group":"actor","message":"Action ` + "``" + ` was not found."}}}`},
		{"bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03", "040002010103"},
		{"bare", "\x01\x00\x00\x01\x04echo\x02\x81\x03", "040002010103"},
		{"bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03trailing", "040002010103"},
		{"bare", "\x00\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x05\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x04\x00\x02\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x04\x00\x00\x01\x04ech", bad},
		{"bare", "\x04\x00\x00\x01\x04ec\xff\xfe\x02\x81\x03", bad},
		{"bare", "\x04\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", bad},
		{"text bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"cbor", "garbage", bad},
		{"cbor", "", bad},
		{"text cbor", string(codec.AppendActionRequest(nil, codec.CBOR, 1, "echo", []byte{0x81, 3})), bad},
		{"binary json", action(`{"id":1,"name":"echo","args":[7]}`), reply("7")},
	}
	for _, tt := range tests {
		t.Run(tt.enc+" "+tt.frame, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				defer b.stop(t, in, actor.Destroying)
				frame, enc, _ := strings.Cut(tt.enc, " ")
				if enc == "" {
					frame, enc = "", tt.enc
				}
				s := newSocket("s", "/connect", "rivet_encoding."+enc, "rivet_conn_params.%7B%22name%22%3A%22ann%22%7D")
				r := in.Open(s)
				synctest.Wait()
				s.got()
				text := frame == "text" || frame == "" && enc == "json"
				if !r.Message(1, text, []byte(tt.frame)) {
					t.Fatal("the message was not taken")
				}
				synctest.Wait()
				equal(t, "the answer", s.got(), sorted(tt.want))
				r.Message(2, enc == "json", []byte(tt.frame)) // also behind a close
				synctest.Wait()
			})
		})
	}
}

// TestEncodingsOffered: which encoding a handshake chooses.
func TestEncodingsOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		for offer, want := range map[string]string{
			"": gotInit, "rivet_encoding.json": gotInit, "rivet_encoding.json, rivet_encoding.bare": gotInit, "x,rivet_encoding.json": gotInit,
			"rivet_encoding.xml": "close 1003 actor.unsupported_websocket_encoding", "rivet_encoding.": "close 1003 actor.unsupported_websocket_encoding",
			"rivet_encoding.JSON": "close 1003 actor.unsupported_websocket_encoding",
		} {
			s := newSocket("s", "/connect", offer)
			in.Open(s)
			synctest.Wait()
			equal(t, offer, s.got(), want)
		}
		for _, path := range []string{"/", "/foo", "/connect/x", "/action/echo"} {
			s := newSocket("s", path)
			in.Open(s)
			equal(t, path, s.got(), "close 1011 actor.not_found")
		}
	})
}

// TestAnswersOverTheLimit: what is too large for a client is an error of that
// call alone.
func TestAnswersOverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := rivet.Action[int, string]("big")
		fails := rivet.Action[int, rivet.None]("fails")
		b := newBench(t, actor.Define("big", func(d *actor.Definition[roomState]) {
			actor.Handle(d, big, func(_ *actor.Context[roomState], n int) (string, error) { return strings.Repeat("x", n), nil })
			actor.Do(d, fails, func(_ *actor.Context[roomState], n int) error {
				return actor.UserError("big", "", strings.Repeat("x", n))
			})
		}, actor.MaxMessage(100, 1000)))
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		const tooLong = `{"body":{"tag":"Error","val":{"actionId":["$BigInt","1"],"code":"outgoing_too_long","group":"message","message":"Outgoing message too long"}}}`
		s := newSocket("s", "/connect")
		r := in.Open(s)
		envelope := len(gotReply(0, `""`))
		r.Message(1, true, call(0, "big", fmt.Sprintf("[%d]", 1000-envelope)))
		r.Message(2, true, call(1, "big", fmt.Sprintf("[%d]", 1001-envelope)))
		r.Message(3, true, call(1, "fails", "[1000]"))
		synctest.Wait()
		equal(t, "over a connection", s.got(), gotInit, gotReply(0, `"`+strings.Repeat("x", 1000-envelope)+`"`), tooLong, tooLong)
		if w := serve(in, "POST", "/action/big", `{"args":[987]}`); w.Code != 200 || w.Body.Len() != 1000 {
			t.Errorf("within the limit: %s", answer(w))
		}
		want := `400 {"actor":{"actorId":"<id>","generation":1,"key":"k"},"code":"outgoing_too_long","group":"message","message":"Outgoing message too long"}`
		if got := answer(serve(in, "POST", "/action/big", `{"args":[988]}`)); got != want {
			t.Errorf("over the limit: %s", got)
		}
		if got := answer(serve(in, "POST", "/action/big", strings.Repeat(" ", 100-len(`{"args":[1]}`))+`{"args":[1]}`)); got != `200 {"output":"x"}` {
			t.Errorf("a body as large as it may be: %s", got)
		}
		want = strings.NewReplacer("outgoing", "incoming", "Outgoing", "Incoming").Replace(want)
		if got := answer(serve(in, "POST", "/action/big", strings.Repeat(" ", 101-len(`{"args":[1]}`))+`{"args":[1]}`)); got != want {
			t.Errorf("a larger one: %s", got)
		}
	})
}
