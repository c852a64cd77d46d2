package actor_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// fuzzed is an actor that anything may be thrown at, with everything defined.
func fuzzed(f *testing.F) *actor.Instance {
	var rm room
	rm.allow = func(*actor.Context[roomState]) (bool, error) { return true, nil }
	a := rm.define(actor.NoSleep())
	close(rm.release)
	b := &bench{data: make(map[string][]byte), asks: make(chan string, 64)}
	h, err := actor.New(actor.Registry{a}, actor.UseDriver(b))
	if err != nil {
		f.Fatal(err)
	}
	in, err := b.start(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		_ = in.Stop(f.Context(), actor.Lost)
		_ = h.Shutdown(f.Context())
	})
	return in
}

// FuzzMessage sends any message in any encoding: the actor goes on, and what it
// sends back decodes.
func FuzzMessage(f *testing.F) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		args := []byte("[1]")
		if enc != codec.JSON {
			args = []byte{0x81, 1}
		}
		for _, name := range []string{"echo", "say", "rename", "nope", "leave"} {
			f.Add(uint8(enc), enc == codec.JSON, codec.AppendActionRequest(nil, enc, 7, name, args))
		}
		f.Add(uint8(enc), enc == codec.JSON, codec.AppendSubscription(nil, enc, "guarded", true))
		f.Add(uint8(enc), enc == codec.JSON, codec.AppendSubscription(nil, enc, "said", false))
	}
	in := fuzzed(f)
	f.Fuzz(func(t *testing.T, e uint8, text bool, data []byte) {
		enc := codec.Encoding(e % 3)
		s := newSocket("s", "/connect", "rivet_encoding."+enc.String())
		r := in.Open(s)
		<-s.opened
		if !r.Message(1, text, data) || !r.Message(2, enc == codec.JSON, codec.AppendActionRequest(nil, enc, 1, "name", nil)) {
			t.Fatal("a message was not taken")
		}
		// The actor's turns are in order: when this is answered, all before is.
		if w := callHTTP(in, "name", "{}"); w.Code != http.StatusOK {
			t.Fatalf("the actor answers %s", answer(w))
		}
		r.Closed(1000, "")
		if w := callHTTP(in, "name", "{}"); w.Code != http.StatusOK {
			t.Fatalf("the actor answers %s", answer(w))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.frames) < 1 || len(s.frames) < 2 && !s.closed {
			t.Fatalf("%d messages came back, closed: %v", len(s.frames), s.closed)
		}
		for _, frame := range s.frames {
			var m codec.Message
			if err := codec.DecodeToClient(enc, frame.Data(), &m); err != nil {
				t.Fatalf("%q came back: %v", frame.Data(), err)
			}
		}
	})
}

// FuzzRequest asks for anything: there is always an answer, and an error decodes.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/action/echo", "json", "{}", []byte(`{"args":[1]}`))
	f.Add("POST", "/action/echo", "cbor", "", []byte("\xa1\x64args\x81\x01"))
	f.Add("POST", "/action/a%2Fb", "bare", "null", []byte("\x04\x00\x02\x81\x01"))
	f.Add("GET", "/request/x?y=z", "", "[", []byte{})
	f.Add("PUT", "//", "json", "{}", []byte{})
	f.Add("POST", "/queue/jobs", "json", "{}", []byte(`{"body":1}`))
	in := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, target, encoding, params string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return // net/http refuses it before
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"X-Rivet-Encoding": {encoding}}, Body: http.NoBody, RequestURI: target}
		if len(body) > 0 {
			r = httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
			r.Method, r.URL, r.Header = method, u, http.Header{"X-Rivet-Encoding": {encoding}}
		}
		if params != "" {
			r.Header.Set("X-Rivet-Conn-Params", params)
		}
		w := httptest.NewRecorder()
		in.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Header().Get("X-Rivet-Actor") == "" {
			t.Fatalf("the answer is %d %v", w.Code, w.Header())
		}
		if w.Code >= 400 && w.Body.Len() > 0 && !strings.HasPrefix(u.EscapedPath(), "/inspector") {
			enc, err := codec.ParseEncoding(encoding)
			if err != nil {
				enc = codec.JSON
			}
			if e := codec.DecodeHTTPError(enc, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()); e.Code == "" || e.Actor == nil {
				t.Fatalf("the error is %q", w.Body)
			}
		}
	})
}
