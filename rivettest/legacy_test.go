package rivettest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

func TestLegacy(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		_, _, body := do(t, gw, http.MethodGet, "/metadata", nil, nil)
		meta := decode[map[string]any](t, codec.JSON, body)
		if meta["runtime"] != "rivetkit" || meta["version"] != "2.0.33" {
			t.Errorf("metadata %v", meta)
		}
		id := gw.Instance("counter", "k").ID()
		if len(id) != 16 {
			t.Errorf("id %q", id)
		}
		for _, tc := range []struct {
			name, path string
			enc        codec.Encoding
			body       []byte
			status     int
			want       string // group.code, or how the body begins
		}{
			{"query URL", "/gateway/counter/action/increment" + query, codec.BARE, nil, 500, "internal.internal_error"},
			{"missing actor", "/gateway/0000000000000099/action/x", codec.BARE, nil, 500, "internal.internal_error"},
			{"user error", "/gateway/" + id + "/action/fail", codec.CBOR, codec.AppendActionCall(nil, codec.CBOR, nil), 400, "user.too_much"},
			{"private error", "/gateway/" + id + "/action/crash", codec.JSON, codec.AppendActionCall(nil, codec.JSON, nil), 500, "internal.internal_error"},
			{"no such action", "/gateway/" + id + "/action/nope", codec.BARE, codec.AppendActionCall(nil, codec.BARE, nil), 400, "action.not_found"},
			{"version 3", "/gateway/" + id + "/action/reset", codec.BARE, []byte{3, 0, 1, 0x80}, 500, "internal.internal_error"},
			{"queue", "/gateway/" + id + "/queue/jobs", codec.JSON, []byte("{}"), 404, "Not Found (RivetKit)"},
		} {
			h := http.Header{"X-Rivet-Encoding": {tc.enc.String()}}
			status, got, body := do(t, gw, http.MethodPost, tc.path, h, tc.body)
			if !strings.HasPrefix(got.Get("Content-Type"), "text/plain") || got.Get("X-Rivet-Actor") != "" {
				t.Errorf("%s: header %v", tc.name, got)
			}
			e := codec.DecodeHTTPError(tc.enc, status, got.Get("Content-Type"), body)
			if status != tc.status || e.Group+"."+e.Code != tc.want && !strings.HasPrefix(string(body), tc.want) {
				t.Errorf("%s: %d %v %q", tc.name, status, e, body)
			}
			if e.Actor != nil {
				t.Errorf("%s: the error names an actor", tc.name)
			}
			if tc.enc == codec.BARE && body[0] != 2 {
				t.Errorf("%s: BARE version %d", tc.name, body[0])
			}
		}
		for enc, want := range map[codec.Encoding]string{codec.BARE: "\x02\x00\x01\xf7", codec.JSON: "{}"} {
			h := http.Header{"X-Rivet-Encoding": {enc.String()}}
			if _, _, body := do(t, gw, http.MethodPost, "/gateway/"+id+"/action/reset", h, codec.AppendActionCall(nil, enc, nil)); string(body) != want {
				t.Errorf("%v: void is % x", enc, body)
			}
		}
		h := http.Header{"X-Rivet-Encoding": {"xml"}}
		if status, _, _ := do(t, gw, http.MethodPost, "/gateway/"+id+"/action/reset", h, []byte("{}")); status != 400 {
			t.Errorf("bad encoding: %d", status)
		}
		routed := http.Header{"X-Rivet-Target": {"actor"}, "X-Rivet-Actor": {id}}
		if status, _, body := do(t, gw, http.MethodPost, "/action/increment", routed, []byte(`{"args":[2]}`)); status != 200 || string(body) != `{"output":2}` {
			t.Errorf("header routing: %d %s", status, body)
		}
		if status, _, _ := do(t, gw, http.MethodDelete, "/actors/"+id, nil, nil); status != 404 {
			t.Errorf("DELETE: %d", status)
		}

		u := gw.ConnectURL("counter", "k")
		gw.Script(rivettest.Fail(rivettest.UserError("bad_token", "", nil)))
		c, err := dialRaw(t, gw, u, "rivet", "rivet_encoding.bare")
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.in.Next() // no Error message first
		if code, reason, _ := ws.ParseClose(m.Payload); err != nil || m.Op != ws.OpClose || code != 1011 || reason != "bad_token" {
			t.Errorf("%v %d %q %v", m.Op, code, reason, err)
		}
		u.Path = "/gateway/0000000000000099/connect"
		if c, err = dialRaw(t, gw, u, "rivet"); err != nil {
			t.Fatal(err)
		}
		if code, reason := c.readClose(); code != 1011 || reason != "internal_error" {
			t.Errorf("missing actor: %d %q", code, reason)
		}
		c = connectRaw(t, gw, codec.BARE)
		c.init()
		gw.Instance("counter", "k").Sleep()
		if code, reason := c.readClose(); code != 1000 || reason != "" {
			t.Errorf("sleep: %d %q", code, reason)
		}
	}, rivettest.Legacy())
}

func TestLegacyRefusesShortIDs(t *testing.T) {
	for enc, frame := range map[codec.Encoding]string{
		codec.JSON: `{"body":{"tag":"ActionRequest","val":{"id":0,"name":"reset","args":[]}}}`,
		codec.CBOR: "\xa1\x64body\xa2\x63tag\x6dActionRequest\x63val\xa3\x62id\x00\x64name\x65reset\x64args\x80",
	} {
		for _, legacy := range []bool{false, true} {
			var opts []rivettest.Option
			if legacy {
				opts = append(opts, rivettest.Legacy())
			}
			inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
				counter(gw)
				c := connectRaw(t, gw, enc)
				c.init()
				c.send(c.op(), []byte(frame))
				m, err := c.in.Next()
				if closed := m.Op == ws.OpClose; err != nil || closed != legacy {
					t.Errorf("%v, legacy %v: %v %q %v", enc, legacy, m.Op, m.Payload, err)
				}
			}, opts...)
		}
	}
}
