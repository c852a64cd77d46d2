package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// lenient forms: what servers do not send today, or sent once.
func TestDecodeToClientForms(t *testing.T) {
	cbor := func(s string) string { return string(fromHex(t, s)) }
	event := codec.Message{Kind: codec.KindEvent, Name: []byte("tick"), Value: []byte("[1]")}
	eventCBOR := codec.Message{Kind: codec.KindEvent, Name: []byte("tick"), Value: []byte("\x81\x01")}
	with := func(m codec.Message, change func(*codec.Message)) codec.Message { change(&m); return m }
	reply := func(id uint64, value string) codec.Message {
		m := codec.Message{Kind: codec.KindActionResponse, HasID: true, ID: id}
		if value != "" {
			m.Value = []byte(value)
		}
		return m
	}
	json := func(tag, val string) string { return `{"body":{"tag":"` + tag + `","val":` + val + `}}` }
	tests := []struct {
		what  string
		enc   codec.Encoding
		frame string
		want  codec.Message
	}{
		{"blanks", codec.JSON, " { \"body\" :\n{ \"tag\" : \"Event\" ,\t\"val\" : { \"name\" : \"tick\" , \"args\" : [1] } } } \r\n", event},
		{"value before tag", codec.JSON, `{"body":{"val":{"name":"tick","args":[1]},"tag":"Event"}}`, event},
		{"unknown members", codec.JSON, `{"v":9,"body":{"x":[{}],"tag":"Event","val":{"seq":1.5e3,"name":"tick","args":[1],"z":{"a":"\u00e9"}},"y":null},"w":false}`, event},
		{"escapes", codec.JSON, `{"\u0062ody":{"tag":"\u0045vent","val":{"name":"t\u0069ck","args":[1]}}}`, event},
		{"args null", codec.JSON, json("Event", `{"name":"tick","args":null}`), with(event, func(m *codec.Message) { m.Value = []byte("[]") })},
		{"args missing", codec.JSON, json("Event", `{"name":"tick"}`), with(event, func(m *codec.Message) { m.Value = []byte("[]") })},
		{"args no array", codec.JSON, json("Event", `{"name":"tick","args":{"a":1}}`), with(event, func(m *codec.Message) { m.Value = []byte(`[{"a":1}]`) })},
		{"output missing", codec.JSON, json("ActionResponse", `{"id":["$BigInt","3"]}`), reply(3, "")},
		{"plain id", codec.JSON, json("ActionResponse", `{"id":3,"output":1}`), reply(3, "1")},
		{"float id", codec.JSON, json("ActionResponse", `{"id":3.0,"output":1}`), reply(3, "1")},
		{"spaced id", codec.JSON, json("ActionResponse", `{"id":[ "$BigInt" , "3" ],"output":1}`), reply(3, "1")},
		{"largest id", codec.JSON, json("ActionResponse", `{"id":["$BigInt","18446744073709551615"],"output":1}`), reply(1<<64-1, "1")},

		{"indefinite lengths", codec.CBOR, cbor("bf 7f62626f626479ff bf 63746167 7f 634576 65 62 6e74 ff 6376616c bf 646e616d65 7f 627469 6263 6b ff 6461726773 8101 ff ff ff"), eventCBOR},
		{"wide lengths", codec.CBOR, cbor("bb0000000000000001 7804626f6479 ba00000002 790003746167 7a000000054576656e74 7b000000000000000376616c b802 646e616d65 78047469636b 6461726773 8101"), eventCBOR},
		{"value before tag", codec.CBOR, cbor("a1 64626f6479 a2 6376616c a2 646e616d65 647469636b 6461726773 8101 63746167 654576656e74"), eventCBOR},
		{"unknown members", codec.CBOR, cbor("a2 01 02 64626f6479 a3 63746167 654576656e74 6376616c a3 c1 00 f6 646e616d65 647469636b 6461726773 8101 6178 5f 4101 ff"), eventCBOR},
		{"args null", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 647469636b 6461726773 f6"), with(eventCBOR, func(m *codec.Message) { m.Value = []byte("\x80") })},
		{"args no array", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 647469636b 6461726773 05"), with(eventCBOR, func(m *codec.Message) { m.Value = []byte("\x81\x05") })},
		{"bytes after the end", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a2 646e616d65 647469636b 6461726773 8101 00"), eventCBOR},
	}
	response := func(id string) string {
		return cbor("a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a2 6269 64" + id + "666f7574707574 01")
	}
	for id, want := range map[string]uint64{
		"03": 3, "1803": 3, "190003": 3, "1a00000003": 3, "1b0000000000000003": 3, "1bffffffffffffffff": 1<<64 - 1,
		"f94200": 3, "fa40400000": 3, "fb4008000000000000": 3,
		"c24103": 3, "c24a00000000000000000003": 3, "c25f4101420203ff": 0x010203,
		"82672442 6967496e74 6133": 3,
	} {
		tests = append(tests, struct {
			what  string
			enc   codec.Encoding
			frame string
			want  codec.Message
		}{"id " + id, codec.CBOR, response(id), reply(want, "\x01")})
	}
	for _, tt := range tests {
		t.Run(tt.enc.String()+" "+tt.what, func(t *testing.T) {
			var m codec.Message
			err := codec.DecodeToClient(tt.enc, []byte(tt.frame), &m)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := describe(m), describe(tt.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func describe(m codec.Message) string {
	return fmt.Sprintf("%s id %d %v name %q value %q (nil %v) subscribe %v actor %q conn %q err %v version %d",
		m.Kind, m.ID, m.HasID, m.Name, m.Value, m.Value == nil, m.Subscribe, m.ActorID, m.ConnectionID, m.Err, m.Version)
}

func TestErrorWithoutActionIsOfTheConnection(t *testing.T) {
	e := &codec.Error{Group: "user", Code: "bad_token", Message: "Bad token"}
	for _, enc := range encodings {
		var m codec.Message
		for _, hasID := range []bool{true, false} {
			if err := codec.DecodeToClient(enc, codec.AppendError(nil, enc, e, 0, hasID), &m); err != nil {
				t.Fatal(err)
			}
			if m.HasID != hasID || m.ID != 0 {
				t.Errorf("%s: id %d %v, want 0 %v", enc, m.ID, m.HasID, hasID)
			}
		}
	}
	var m codec.Message
	if err := codec.DecodeToClient(codec.JSON, []byte(`{"body":{"tag":"Error","val":{"group":"g","code":"c","metadata":null,"actor":null}}}`), &m); err != nil {
		t.Fatal(err)
	}
	if m.HasID || m.Err.Code != "c" || m.Err.Actor != nil || len(m.Err.Metadata.Bytes()) != 0 {
		t.Errorf("got %+v %+v", m, m.Err)
	}
}

func TestErrorOutlivesItsFrame(t *testing.T) {
	for _, enc := range encodings {
		sent := &codec.Error{
			Group: "user", Code: "full", Message: "the room is full",
			Metadata: codec.RawValue(enc, tickArgs(t, enc)),
			Actor:    &codec.ActorRef{ID: "abc", Generation: 300, Key: "lobby", HasKey: true},
		}
		frame := codec.AppendError(nil, enc, sent, 5, true)
		var m codec.Message
		if err := codec.DecodeToClient(enc, frame, &m); err != nil {
			t.Fatal(err)
		}
		for i := range frame {
			frame[i] = 'x'
		}
		if m.Err.Group != "user" || m.Err.Code != "full" || m.Err.Message != "the room is full" || *m.Err.Actor != *sent.Actor {
			t.Errorf("%s: %+v %+v", enc, m.Err, m.Err.Actor)
		}
		if got, want := string(m.Err.Metadata.Bytes()), string(tickArgs(t, enc)); got != want {
			t.Errorf("%s: metadata %q, want %q", enc, got, want)
		}
	}
}

func TestDecodeOverwritesTheMessage(t *testing.T) {
	for _, enc := range encodings {
		var m codec.Message
		must := func(frame []byte) {
			t.Helper()
			if err := codec.DecodeToClient(enc, frame, &m); err != nil {
				t.Fatal(err)
			}
		}
		must(codec.AppendError(nil, enc, &codec.Error{Group: "g", Code: "c"}, 9, true))
		must(codec.AppendInit(nil, enc, "actor", "conn"))
		if m.Err != nil || m.HasID || m.ID != 0 {
			t.Errorf("%s: remains of the message before: %+v", enc, m)
		}
		must(codec.AppendEvent(nil, enc, "tick", nil))
		if m.ActorID != "" || m.ConnectionID != "" || string(m.Name) != "tick" {
			t.Errorf("%s: remains of the message before: %+v", enc, m)
		}
	}
}

func TestDecodeToServerArguments(t *testing.T) {
	request := func(args string) string {
		return `{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","1"],"name":"f"` + args + `}}}`
	}
	for args, want := range map[string]string{
		`,"args":[1]`: "[1]", `,"args":null`: "[]", `,"args":"x"`: `["x"]`, "": "",
	} {
		var m codec.Message
		err := codec.DecodeToServer(codec.JSON, []byte(request(args)), &m)
		if string(m.Value) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q %v, want %q", args, m.Value, err, want)
		}
	}
}

// Text that needs escapes, and text that is no text, must reach the other side
// as something it can read.
func TestNamesOfAllKinds(t *testing.T) {
	for name, want := range map[string]string{
		"":                             "",
		"plain":                        "plain",
		"quo\"te \\ \n\r\t\x00\x1f / ": "quo\"te \\ \n\r\t\x00\x1f / ",
		"héllo 世界 🦀 \u2028":            "héllo 世界 🦀 \u2028",
		"bad \xff utf-8 \xc3":          "bad \uFFFD utf-8 \uFFFD",
		strings.Repeat("long", 20000):  strings.Repeat("long", 20000),
	} {
		for _, enc := range encodings {
			var m codec.Message
			if err := codec.DecodeToServer(enc, codec.AppendActionRequest(nil, enc, 1, name, nil), &m); err != nil {
				t.Fatalf("%s %q: %v", enc, name, err)
			}
			if string(m.Name) != want {
				t.Errorf("%s: %q arrives as %q", enc, name, m.Name)
			}
			if err := codec.DecodeToServer(enc, codec.AppendSubscription(nil, enc, name, true), &m); err != nil {
				t.Fatalf("%s %q: %v", enc, name, err)
			}
			if string(m.Name) != want || !m.Subscribe {
				t.Errorf("%s: %q arrives as %q", enc, name, m.Name)
			}
			if err := codec.DecodeToClient(enc, codec.AppendEvent(nil, enc, name, nil), &m); err != nil {
				t.Fatalf("%s %q: %v", enc, name, err)
			}
			if string(m.Name) != want {
				t.Errorf("%s: event %q arrives as %q", enc, name, m.Name)
			}
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	e := &codec.Error{Group: "g", Code: "c"}
	for _, enc := range encodings {
		for what, f := range map[string]func(dst []byte) []byte{
			"init":         func(dst []byte) []byte { return codec.AppendInit(dst, enc, "a", "c") },
			"error":        func(dst []byte) []byte { return codec.AppendError(dst, enc, e, 1, true) },
			"response":     func(dst []byte) []byte { return codec.AppendActionResponse(dst, enc, 1, nil) },
			"event":        func(dst []byte) []byte { return codec.AppendEvent(dst, enc, "e", nil) },
			"request":      func(dst []byte) []byte { return codec.AppendActionRequest(dst, enc, 1, "a", nil) },
			"subscription": func(dst []byte) []byte { return codec.AppendSubscription(dst, enc, "e", true) },
			"call":         func(dst []byte) []byte { return codec.AppendActionCall(dst, enc, nil) },
			"result":       func(dst []byte) []byte { return codec.AppendActionResult(dst, enc, nil) },
			"queue send":   func(dst []byte) []byte { return codec.AppendQueueSend(dst, enc, codec.QueueSend{Name: "q"}) },
			"queue result": func(dst []byte) []byte { return codec.AppendQueueResult(dst, enc, codec.QueueResult{}) },
			"http error":   func(dst []byte) []byte { return codec.AppendHTTPError(dst, enc, e) },
		} {
			if got, want := string(f([]byte("before "))), "before "+string(f(nil)); got != want {
				t.Errorf("%s %s: %q, want %q", enc, what, got, want)
			}
		}
	}
}

func TestServerVersions(t *testing.T) {
	e := &codec.Error{Group: "user", Code: "c", Message: "m", Actor: &codec.ActorRef{ID: "abc", Generation: 1}}
	for version := range uint16(5) {
		s := codec.Server{Version: version}
		wire := version
		if wire == 0 {
			wire = 4
		}
		for _, enc := range encodings {
			var m codec.Message
			must := func(frame []byte) {
				t.Helper()
				if err := codec.DecodeToClient(enc, frame, &m); err != nil {
					t.Fatalf("version %d %s: %v", version, enc, err)
				}
				if enc == codec.BARE && (m.Version != wire || frame[0] != byte(wire)) || enc != codec.BARE && m.Version != 0 {
					t.Errorf("%s: version %d, want %d", enc, m.Version, wire)
				}
			}
			must(s.AppendInit(nil, enc, "actor", "conn"))
			if m.ActorID != "actor" || m.ConnectionID != "conn" {
				t.Errorf("version %d %s: %+v", version, enc, m)
			}
			must(s.AppendEvent(nil, enc, "tick", nil))
			must(s.AppendError(nil, enc, e, 0, false))
			if has := m.Err.Actor != nil; has != (wire == 4) {
				t.Errorf("version %d %s: actor %v", version, enc, m.Err.Actor)
			}
			must(s.AppendActionResponse(nil, enc, 1, nil))
			var void string
			switch {
			case wire < 3 && enc != codec.JSON:
				void = "\xf7"
			case wire >= 3 && enc == codec.JSON:
				void = `["$Undefined",0]`
			case wire >= 3:
				void = "\x82\x6a$Undefined\x00"
			}
			if string(m.Value) != void {
				t.Errorf("version %d %s: void is %q, want %q", version, enc, m.Value, void)
			}
			out, err := codec.DecodeActionResult(enc, s.AppendActionResult(nil, enc, nil))
			if err != nil || string(out) != void {
				t.Errorf("version %d %s: void over HTTP is %q %v, want %q", version, enc, out, err, void)
			}
			got := codec.DecodeHTTPError(enc, 500, enc.ContentType(), s.AppendHTTPError(nil, enc, e))
			if has := got.Actor != nil; got.Code != "c" || has != (wire == 4) {
				t.Errorf("version %d %s: %+v", version, enc, got)
			}
		}
	}
	// What a 2.0.33 server was seen to write.
	if got, want := string(codec.Server{Version: 2}.AppendActionResponse(nil, codec.JSON, 3, nil)), `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","3"]}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMalformedErrorSaysWhereAndWhat(t *testing.T) {
	var m codec.Message
	err := codec.DecodeToClient(codec.JSON, []byte(`{"body":{"tag":"Event","val":{"name":"secret","args":[1}}}`), &m)
	var bad *codec.MalformedError
	if !errors.As(err, &bad) || bad.Encoding != codec.JSON || bad.Offset != 55 {
		t.Fatalf("%#v", err)
	}
	if got, want := err.Error(), "codec: malformed json message: not well-formed at byte 55"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := codec.Kind(99).String(); s != "Kind(99)" {
		t.Errorf("unknown kind is %q", s)
	}
}
