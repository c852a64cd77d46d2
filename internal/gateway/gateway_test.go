package gateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

var rawURL = base64.RawURLEncoding

func vectors[T any](t *testing.T, file string) []T {
	t.Helper()
	data, err := os.ReadFile("../../codec/testdata/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var v []T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeyVectors(t *testing.T) {
	for _, v := range vectors[struct {
		Name, Direction, Text string
		Decoded               []string
	}](t, "keys.json") {
		t.Run(v.Name, func(t *testing.T) {
			if v.Direction == "both" {
				if got := gateway.SerializeKey(v.Decoded); got != v.Text {
					t.Errorf("SerializeKey(%q) = %q, want %q", v.Decoded, got, v.Text)
				}
			}
			if got := gateway.ParseKey(v.Text); !slices.Equal(got, v.Decoded) {
				t.Errorf("ParseKey(%q) = %q, want %q", v.Text, got, v.Decoded)
			}
		})
	}
}

// parts of keys that differ in what the two wire forms treat specially.
var part = rapid.OneOf(
	rapid.SampledFrom([]string{"", "a", "b", ",", "/", `\`, `\0`, "0", `\/`, "a,b", "a/b", "%2C", " ", "ü", "."}),
	rapid.StringMatching(`[a,/\\0]{0,4}`),
)

func TestKeySerializationIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(part, 0, 4).Draw(t, "a"), rapid.SliceOfN(part, 0, 4).Draw(t, "b")
		if got := gateway.ParseKey(gateway.SerializeKey(a)); !slices.Equal(got, a) {
			t.Fatalf("%q comes back as %q", a, got)
		}
		if slices.Equal(a, b) {
			return
		}
		if s := gateway.SerializeKey(a); s == gateway.SerializeKey(b) {
			t.Fatalf("%q and %q both serialize as %q", a, b, s)
		}
		qa, okA := gateway.QueryKey(a)
		qb, okB := gateway.QueryKey(b)
		if okA && okB && qa == qb {
			t.Fatalf("%q and %q both have the query key %q", a, b, qa)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", "/", "a/b", `\0`, `a\/b`, `\`, `a\`, "//", `\0x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := gateway.ParseKey(s)
		if again := gateway.ParseKey(gateway.SerializeKey(key)); !slices.Equal(key, again) {
			t.Errorf("%q parses as %q, which comes back as %q", s, key, again)
		}
	})
}

func TestGatewayURLVectors(t *testing.T) {
	type actor struct {
		Name   string          `json:"name"`
		Key    []string        `json:"key"`
		Input  json.RawMessage `json:"input"`
		Region string          `json:"region"`
	}
	for _, v := range vectors[struct {
		Name, Text, Error string
		Decoded           struct {
			ActorID   string  `json:"actorId"`
			Token     string  `json:"token"`
			Path      *string `json:"path"`
			Pool      string  `json:"pool"`
			Namespace *string `json:"namespace"`
			Options   struct {
				SkipReadyWait bool `json:"skipReadyWait"`
			} `json:"options"`
			Query struct {
				Get    *actor `json:"getForKey"`
				Create *actor `json:"getOrCreateForKey"`
			} `json:"query"`
		}
	}](t, "gateway_urls.json") {
		if v.Error != "" {
			continue // refused before a URL is made, by the client: tested there
		}
		t.Run(v.Name, func(t *testing.T) {
			const base = "http://127.0.0.1:6420"
			d := v.Decoded
			path := "/connect"
			if d.Path != nil {
				path = *d.Path
			}
			if d.ActorID != "" {
				if got := base + gateway.DirectPath(d.ActorID, d.Token, path); got != v.Text {
					t.Errorf("got  %s\nwant %s", got, v.Text)
				}
				return
			}
			a := d.Query.Get
			q := gateway.Query{Namespace: "default", Pool: "default", CrashPolicy: "sleep", Token: d.Token, SkipReadyWait: d.Options.SkipReadyWait}
			if d.Query.Create != nil {
				a, q.Create = d.Query.Create, true
			}
			if d.Namespace != nil {
				q.Namespace = *d.Namespace
			}
			if d.Pool != "" {
				q.Pool = d.Pool
			}
			q.Name, q.Region = a.Name, a.Region
			key, ok := gateway.QueryKey(a.Key)
			if !ok {
				// What RivetKit makes of such keys is another actor's URL.
				if !strings.Contains(v.Name, "ambiguous") && !strings.Contains(v.Name, "empty part") {
					t.Errorf("the key %q cannot be expressed", a.Key)
				}
				return
			}
			q.Key = key
			want := v.Text
			if len(a.Input) > 0 || strings.Contains(v.Name, "input null") {
				want = checkInput(t, v.Text, a.Input)
			}
			if got := base + gateway.QueryPath(q, path); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// checkInput takes the input out of a URL, where map headers may differ, and
// checks that ours means the same.
func checkInput(t *testing.T, text string, want json.RawMessage) string {
	t.Helper()
	head, rest, _ := strings.Cut(text, "&rvt-input=")
	theirs, rest, more := strings.Cut(rest, "&")
	var bytesInput struct {
		Bytes string `json:"$bytes"`
	}
	var value any
	if err := json.Unmarshal(want, &value); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(want, &bytesInput) == nil && bytesInput.Bytes != "" {
		value = []byte{1, 2}
	}
	data, err := codec.Marshal(codec.CBOR, value)
	if err != nil {
		t.Fatal(err)
	}
	ours := gateway.QueryPath(gateway.Query{Create: true, Input: data}, "")
	_, ours, _ = strings.Cut(ours, "&rvt-input=")
	ours, _, _ = strings.Cut(ours, "&")
	if a, b := decodeInput(t, ours), decodeInput(t, theirs); !bytes.Equal(a, b) {
		t.Errorf("input %s, want %s", a, b)
	}
	if more {
		head += "&" + rest
	}
	return head
}

func decodeInput(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := rawURL.DecodeString(s)
	if err != nil {
		t.Fatalf("input %q: %v", s, err)
	}
	var v any
	if err := codec.Unmarshal(codec.CBOR, raw, &v); err != nil {
		t.Fatalf("input %q: %v", s, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProtocolVectors(t *testing.T) {
	for _, v := range vectors[struct {
		Name, Encoding string
		List           []string
		Decoded        struct {
			Params json.RawMessage `json:"params"`
			Target *struct{}       `json:"target"`
			Token  string          `json:"token"`
		}
	}](t, "ws_protocols.json") {
		t.Run(v.Name, func(t *testing.T) {
			o := gateway.Offer{Encoding: v.Encoding, Token: v.Decoded.Token, SkipReadyWait: strings.Contains(v.Name, "skip")}
			want := slices.DeleteFunc(slices.Clone(v.List), func(p string) bool {
				return strings.HasPrefix(p, "rivet_target.") || strings.HasPrefix(p, "rivet_actor.")
			})
			if p := string(v.Decoded.Params); !strings.Contains(p, "$undefined") && p != "" {
				var value any
				if err := json.Unmarshal(v.Decoded.Params, &value); err != nil {
					t.Fatal(err)
				}
				text, err := gateway.EncodeParams(value)
				if err != nil {
					t.Fatal(err)
				}
				o.Params = text
			}
			got := gateway.Protocols(o)
			if strings.Contains(v.Name, "left out") {
				// RivetKit drops what JavaScript takes for false; parameters
				// they are nevertheless.
				want = append(want, "rivet_conn_params."+o.Params)
			}
			for i := range want { // escaped by us, since they are no token characters
				want[i] = strings.NewReplacer("(", "%28", ")", "%29").Replace(want[i])
			}
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range got {
				g, errG := url.PathUnescape(got[i])
				w, errW := url.PathUnescape(want[i])
				if errG != nil || errW != nil || !sameParams(g, w) {
					t.Errorf("entry %d is %q, want %q", i, got[i], want[i])
				}
				if !gateway.TokenFits(got[i]) {
					t.Errorf("%q is no HTTP token", got[i])
				}
			}
		})
	}
}

// A token that is no HTTP token would be taken for another, or break the
// handshake.
func TestProtocolsLeaveOutWhatCannotBeOne(t *testing.T) {
	for _, token := range []string{"", "a b", "a,b", "ü"} {
		want := []string{"rivet", "rivet_encoding.bare"}
		if got := gateway.Protocols(gateway.Offer{Encoding: "bare", Token: token}); !slices.Equal(got, want) {
			t.Errorf("with the token %q: %q, want %q", token, got, want)
		}
	}
}

// sameParams compares two entries; JSON of parameters by its meaning.
func sameParams(a, b string) bool {
	const prefix = "rivet_conn_params."
	ja, okA := strings.CutPrefix(a, prefix)
	jb, okB := strings.CutPrefix(b, prefix)
	if !okA || !okB {
		return a == b
	}
	var va, vb any
	if json.Unmarshal([]byte(ja), &va) != nil || json.Unmarshal([]byte(jb), &vb) != nil {
		return false
	}
	ca, _ := json.Marshal(va)
	cb, _ := json.Marshal(vb)
	return bytes.Equal(ca, cb)
}

func TestParamsArePrintableASCII(t *testing.T) {
	for _, v := range []any{"a b", "ü世🦀", "\x00\x1f\x7f\u2028", map[string]any{"é": []any{1.5, nil, true, "<&>"}}, nil, 0, "", false} {
		text, err := gateway.EncodeParams(v)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(text) {
			if text[i] < ' ' || text[i] > '~' {
				t.Errorf("%q has the byte %#x", text, text[i])
			}
		}
		var back any
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want, _ := json.Marshal(v)
		if got, _ := json.Marshal(back); !bytes.Equal(got, want) {
			t.Errorf("%s comes back as %s", want, got)
		}
	}
	if _, err := gateway.EncodeParams(func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestCheckPath(t *testing.T) {
	tests := []struct{ path, query, want string }{
		{"/", "", "/"},
		{"/a/b", "x=1&y=%20", "/a/b?x=1&y=%20"},
		{"/a/", "", "/a/"},
		{"/a/../b", "", "/b"},
		{"/../../action/x", "", "/action/x"},
		{"/a/..", "", "/"},
		{"/a/.", "", "/a/"},
		{"/%2e%2E/a", "", "/a"},
		{"/a/%2E%2E/b", "", "/b"},
		{"/a/.%2e/b/./c", "", "/b/c"},
		{"/a/...", "", "/a/..."},
		{"/.well-known/x", "", "/.well-known/x"},
		{"/a%2Fb", "", "/a%2Fb"},
		{"/a", "url=http://x//y", "/a?url=http://x//y"},
		{"//a", "", ""},
		{"/a//b", "", ""},
		{"/a", "rvt-key=b", ""},
		{"/a", "x=1&rvt-method", ""},
		{"/a", "%72vt-key=b", ""},
		{"/a", "rvt%2D", ""},
		{"/a", "rvt%2", "/a?rvt%2"},
		{"/a", "x=rvt-key", "/a?x=rvt-key"},
		{"/a", "%zz=1", "/a?%zz=1"},
	}
	for _, tt := range tests {
		got, err := gateway.CheckPath(tt.path, tt.query)
		if tt.want == "" && err == nil || tt.want != "" && (err != nil || got != tt.want) {
			t.Errorf("CheckPath(%q, %q) = %q, %v; want %q", tt.path, tt.query, got, err, tt.want)
		}
	}
}

// Whatever path is asked for, the request stays below the prefix of its actor.
func FuzzCheckPath(f *testing.F) {
	f.Add("/a/../..", "x=1")
	f.Add("/%2e%2e/%2E", "rvt-key=a")
	f.Fuzz(func(t *testing.T, path, query string) {
		if path == "" || path[0] != '/' || strings.ContainsAny(path, "?#") {
			return
		}
		got, err := gateway.CheckPath(path, query)
		if err != nil {
			return
		}
		clean, _, _ := strings.Cut(got, "?")
		depth := 0
		for segment := range strings.SplitSeq(strings.TrimPrefix(clean, "/"), "/") {
			switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
			case ".", "..":
				t.Fatalf("CheckPath(%q) = %q has a dot segment", path, got)
			}
			depth++
		}
		if clean[0] != '/' || depth == 0 {
			t.Fatalf("CheckPath(%q) = %q", path, got)
		}
	})
}

// What looks like a part of the URL may be the start of a token with a slash.
func TestEndpointErrorsQuoteNothing(t *testing.T) {
	for _, s := range []string{
		"http://ns:123456/rest@host", "http://ns:0/rest@host", "http://ns:123456x/rest@host", "http://ns:%zz123456@host",
		"123456://host", "http://host?123456", "http://host#123456", "http://:123456@host", "http://ns:123456%ff@host", "123456",
	} {
		if _, err := gateway.ParseEndpoint(s); err == nil {
			t.Errorf("%q was parsed", s)
		} else if strings.Contains(err.Error(), "123456") || strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestResolvesQueries(t *testing.T) {
	tests := []struct {
		runtime, version string
		want             bool
	}{
		{"engine", "2.3.19", true},
		{"engine", "2.3", true},
		{"engine", "2.10.0-rc.1", true},
		{"engine", "3.0.0", true},
		{"engine", "2.2.9", false},
		{"engine", "2.0.33", false},
		{"engine", "", false},
		{"engine", "next", false},
		{"engine", "3.next", false},
		{"engine", "2.99999999999999999999", false},
		{"rivetkit", "2.3.19", true},
		{"rivetkit", "2.0.33", false},
		{"", "2.3.19", false},
	}
	for _, tt := range tests {
		if got := (gateway.Metadata{Runtime: tt.runtime, Version: tt.version}).ResolvesQueries(); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.runtime, tt.version, got, tt.want)
		}
	}
}

func TestJoinQuery(t *testing.T) {
	for _, tt := range [][3]string{
		{"/a", "", "/a"},
		{"/a", "x=1", "/a?x=1"},
		{"/a?", "x=1", "/a?x=1"},
		{"/a?y=a%20b", "x=1", "/a?y=a%20b&x=1"},
		{"/a?y=1&", "x=1", "/a?y=1&x=1"},
		{"/a??", "x=1", "/a??&x=1"}, // the second one is a query
	} {
		if got := gateway.JoinQuery(tt[0], tt[1]); got != tt[2] {
			t.Errorf("JoinQuery(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}
