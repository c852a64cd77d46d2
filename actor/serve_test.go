package actor_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/actor"
)

// TestRoutes holds what an actor answers on each path against the official host.
func TestRoutes(t *testing.T) {
	const ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"}`
	notFound := func(path string) string {
		return fmt.Sprintf(`404 {%s,"code":"not_found","group":"actor","message":"Actor route '%s' was not found.","metadata":{"id":"%s","resource":"route"}}`, ref, path, path)
	}
	notAllowed := func(method, path string) string {
		return fmt.Sprintf(`405 {%s,"code":"method_not_allowed","group":"actor","message":"Method not allowed","metadata":{"method":"%s","path":"%s"}}`, ref, method, path)
	}
	noAction := func(name string) string {
		return fmt.Sprintf("404 {%s,\"code\":\"action_not_found\",\"group\":\"actor\",\"message\":\"Action `%s` was not found.\"}", ref, name)
	}
	const text, json = "text/plain; charset=utf-8", "application/json"
	tests := []struct{ method, path, contentType, want string }{
		{"GET", "/", text, "200 This is an RivetKit actor.\n\nLearn more at https://rivetkit.org"},
		{"GET", "/health", text, "200 ok"},
		{"GET", "/metadata", json, `200 {"runtime":"rivetkit","type":"local","version":"2.3.19"}`},
		{"GET", "/inspector/summary", json, `401 {"code":"unauthorized","group":"inspector","message":"Inspector request requires a valid bearer token","metadata":null}`},
		{"POST", "/", json, notAllowed("POST", "/")},
		{"HEAD", "/health", json, notAllowed("HEAD", "/health")},
		{"PUT", "/metadata", json, notAllowed("PUT", "/metadata")},
		{"GET", "/action/echo", json, notAllowed("GET", "/action/echo")},
		{"GET", "/queue/jobs", json, notAllowed("GET", "/queue/jobs")},
		{"POST", "/action", json, notFound("/action")},
		{"POST", "/action/", json, notFound("/action/")},
		{"POST", "/action/a/b", json, notFound("/action/a/b")},
		{"POST", "/action/echo/", json, notFound("/action/echo/")},
		{"POST", "/queue/", json, notFound("/queue/")},
		{"POST", "/queue/a/b", json, notFound("/queue/a/b")},
		{"GET", "/connect", json, notFound("/connect")},
		{"GET", "/websocket/x", json, notFound("/websocket/x")},
		{"GET", "/requestfoo", json, notFound("/requestfoo")},
		{"GET", "/foo", json, notFound("/foo")},
		{"GET", "/x/../action/echo", json, notFound("/x/../action/echo")},
		{"POST", "/action/a%2Fb", json, noAction("a/b")},
		{"POST", "/action/%ff", json, noAction("\uFFFD")},
		{"POST", "/action/nope", json, noAction("nope")},
		{"GET", "/request", "", "404 "},
		{"POST", "/request/foo", "", "404 "},
	}
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		for _, tt := range tests {
			w := serve(in, tt.method, tt.path, "{}")
			if got := answer(w); got != tt.want {
				t.Errorf("%s %s:\n got %s\nwant %s", tt.method, tt.path, got, tt.want)
			}
			h := w.Header()
			if got := h.Get("Content-Type"); got != tt.contentType {
				t.Errorf("%s %s: content type %q", tt.method, tt.path, got)
			}
			if h.Get("X-Rivet-Actor") != strings.Repeat("a", 30) || h.Get("X-Rivet-Actor-Generation") != "1" || h.Get("X-Rivet-Actor-Key") != "k" {
				t.Errorf("%s %s: header %v", tt.method, tt.path, h)
			}
			if got := h.Get("Content-Length"); got != fmt.Sprint(w.Body.Len()) {
				t.Errorf("%s %s: content length %s of %d", tt.method, tt.path, got, w.Body.Len())
			}
			if tt.path == "/metadata" && tt.method == "GET" && h.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s: header %v", tt.path, h)
			}
		}
	})
}

// TestBodies holds answers to bodies of actions against the official host.
func TestBodies(t *testing.T) {
	const ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"}`
	const malformed = `400 {` + ref + `,"code":"internal_error","group":"core","message":"An internal error occurred"}`
	wrong := func(why string) string {
		return "400 {" + ref + ",\"code\":\"invalid_request\",\"group\":\"actor\",\"message\":\"Arguments of `echo`: codec: " + why + "\"}"
	}
	bareError := "04000" + "4636f7265" + "0e696e7465726e616c5f6572726f72" + "1a416e20696e7465726e616c206572726f72206f63637572726564" + "00" + "01"
	const cbor, bare = "cbor", "bare"
	tests := []struct{ enc, body, want string }{
		{"", "", malformed},
		{"", "null", malformed},
		{"", `"x"`, malformed},
		{"", "5", malformed},
		{"", "{", malformed},
		{"", `{"args":`, malformed},
		{"", `{"args":[NaN]}`, malformed},
		{"", `{"args":[1]}trailing`, malformed},
		{"", "\uFEFF" + `{"args":[1]}`, malformed},
		{"", "{}", `200 {"output":null}`},
		{"", `{"args":null}`, `200 {"output":null}`},
		{"", `{"args":5}`, `200 {"output":5}`},
		{"", `{"args":"x"}`, `200 {"output":"x"}`},
		{"", `{"args":[1],"x":2}`, `200 {"output":1}`},
		{"", ` {"args":[1]} `, `200 {"output":1}`},
		// RivetKit answers these as malformed, too.
		{"", `{"args":[1],"args":[2]}`, `200 {"output":2}`},
		{"", `{"args":[1e400]}`, wrong("malformed value at byte 6: a number out of range")},
		{"", `{"args":["\ud800"]}`, wrong("malformed value at byte 2: a bad escape in a string")},
		{cbor, "\xa1\x01\x02", "a1666f7574707574f6"},
		{cbor, "\xa1\x64args\x81\x43\x00\x01\x02", "a1666f7574707574826b2455696e743841727261796441414543"},
		{"JSON", `{"args":[1]}`, `200 {"output":1}`},
		{"xml", `{"args":[1]}`, `200 {"output":1}`},
		{"BARE", `{"args":[1]}`, `200 {"output":1}`},
		{bare, "", bareError},
		{bare, "\x04", bareError},
		{bare, "\x00\x00\x02\x81\x01", bareError},
		{bare, "\x05\x00\x02\x81\x01", bareError},
		{bare, "\x04\x00\x09\x81\x01", bareError},
		{bare, "\x04\x00\x02\x81\x01", "04000101"},
		{bare, "\x01\x00\x02\x81\x01", "04000101"},
		{bare, "\x04\x00\x02\x81\x01trailing", "04000101"},
		{bare, "\x04\x00\x01\x05", "04000105"},
		{bare, "\x04\x00\x01\xf6", "040001f6"},
		{cbor, "", "cbor 400"},
		{cbor, "\xa1", "cbor 400"},
		{cbor, "\x81\x01", "cbor 400"},
		{cbor, "\xa1\x64args\x81\x01", "a1666f757470757401"},
		{cbor, "\xa0", "a1666f7574707574f6"},
		{cbor, "\xa1\x64args\x81\x01trailing", "a1666f757470757401"},
		{cbor, "\xbf\x64args\x9f\x01\xff\xff", "a1666f757470757401"},
	}
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		for _, tt := range tests {
			w := serve(in, "POST", "/action/echo", tt.body, "X-Rivet-Encoding", tt.enc)
			got, contentType := answer(w), "application/json"
			if tt.enc == bare || tt.enc == cbor {
				got, contentType = fmt.Sprintf("%x", w.Body.Bytes()), "application/octet-stream"
				if tt.want == bareError && strings.HasPrefix(got, bareError) && w.Code == http.StatusBadRequest {
					got = bareError
				}
				if tt.want == "cbor 400" && w.Code == http.StatusBadRequest && strings.Contains(w.Body.String(), "internal_error") && strings.Contains(w.Body.String(), "dcore") {
					got = "cbor 400"
				}
			}
			if got != tt.want {
				t.Errorf("%s %.80q:\n got %s\nwant %s", tt.enc, tt.body, got, tt.want)
			}
			if got := w.Header().Get("Content-Type"); got != contentType {
				t.Errorf("%s %.80q: content type %q", tt.enc, tt.body, got)
			}
		}
	})
}
