package rivet_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// TestEndpointVectors configures clients as RivetKit 2.3.19 was, and looks at
// the request that comes out of it.
func TestEndpointVectors(t *testing.T) {
	data, err := os.ReadFile("codec/testdata/vectors/endpoints.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name  string
		Input struct {
			Endpoint, Namespace, Token, Encoding *string
		}
		Env     map[string]string
		Decoded struct {
			OK                            bool
			Endpoint, Namespace, PoolName string
			Token                         *string
			Errors                        []struct{ Path string }
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	// Where this library is stricter or kinder on purpose.
	differs := map[string]string{
		`endpoint "localhost:6420"`:           "refused", // RivetKit fails at the first request
		`endpoint "ftp://x"`:                  "refused",
		"env RIVET_RUNNER is not read in 2.3": "reads RIVET_RUNNER after RIVET_POOL",
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			noEnv(t)
			for name, value := range v.Env {
				t.Setenv(name, value)
			}
			r := &recorder{}
			opts := []rivet.Option{rivet.WithHTTPClient(&http.Client{Transport: r}), rivet.WithoutMetadataLookup()}
			if s := v.Input.Endpoint; s != nil {
				opts = append(opts, rivet.WithEndpoint(*s))
			}
			if s := v.Input.Namespace; s != nil {
				opts = append(opts, rivet.WithNamespace(*s))
			}
			if s := v.Input.Token; s != nil {
				opts = append(opts, rivet.WithToken(*s))
			}
			if s := v.Input.Encoding; s != nil {
				enc, err := codec.ParseEncoding(*s)
				if err != nil {
					enc = codec.Encoding(99)
				}
				opts = append(opts, rivet.WithEncoding(enc))
			}
			c, err := rivet.NewClient(opts...)
			d := v.Decoded
			if !d.OK || differs[v.Name] == "refused" {
				var ce *rivet.ConfigError
				if !errors.As(err, &ce) {
					t.Fatalf("NewClient: %v, want a *ConfigError", err)
				}
				if len(d.Errors) > 0 && d.Errors[0].Path != "" && !strings.Contains(strings.ToLower(ce.Field), d.Errors[0].Path) {
					t.Errorf("the error names %q, want %q", ce.Field, d.Errors[0].Path)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err != nil {
				t.Fatal(err)
			}
			req := r.requests()[0]
			want := strings.TrimRight(strings.TrimSuffix(strings.Replace(d.Endpoint, "wss:", "https:", 1), "?"), "/") + "/actors?namespace=" + strings.ReplaceAll(d.Namespace, "@", "%40")
			if req.url != want {
				t.Errorf("request to %s, want %s", req.url, want)
			}
			auth := ""
			if d.Token != nil {
				auth = "Bearer " + *d.Token
			}
			if got := req.header.Get("Authorization"); got != auth {
				t.Errorf("authorization %q, want %q", got, auth)
			}
			pool := d.PoolName
			if differs[v.Name] != "" {
				pool = "p"
			}
			var body struct {
				Pool string `json:"runner_name_selector"`
			}
			decodeJSON(t, req.body, &body)
			if body.Pool != pool {
				t.Errorf("pool %q, want %q", body.Pool, pool)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name  string
		opt   rivet.Option
		field string
	}{
		{"no scheme", rivet.WithEndpoint("engine.test:6420"), "endpoint"},
		{"no host", rivet.WithEndpoint("http://"), "endpoint"},
		{"port", rivet.WithEndpoint("http://h:99999"), "endpoint"},
		{"fragment", rivet.WithEndpoint("http://h#x"), "endpoint"},
		{"query", rivet.WithEndpoint("http://h?x=1"), "endpoint"},
		{"token in a header", rivet.WithToken("a\nb"), "token"},
		{"namespace", rivet.WithNamespace(""), "WithNamespace"},
		{"pool", rivet.WithPool(""), "WithPool"},
		{"encoding", rivet.WithEncoding(9), "WithEncoding"},
		{"token func", rivet.WithTokenFunc(nil), "WithTokenFunc"},
		{"headers func", rivet.WithHeadersFunc(nil), "WithHeadersFunc"},
		{"header name", rivet.WithHeaders(http.Header{"a b": {"x"}}), "WithHeaders"},
		{"header value", rivet.WithHeaders(http.Header{"A": {"x\r\ny"}}), "WithHeaders"},
		{"header of the protocol", rivet.WithHeaders(http.Header{"X-Rivet-Token": {"x"}}), "WithHeaders"},
		{"header of the handshake", rivet.WithHeaders(http.Header{"Sec-Websocket-Key": {"x"}}), "WithHeaders"},
		{"http client", rivet.WithHTTPClient(nil), "WithHTTPClient"},
		{"dialer", rivet.WithDialer(nil), "WithDialer"},
		{"tls", rivet.WithTLSConfig(nil), "WithTLSConfig"},
		{"backoff", rivet.WithBackoff(nil), "WithBackoff"},
		{"retry", rivet.WithRetry(nil), "WithRetry"},
		{"ping", rivet.WithPing(-1, time.Second), "WithPing"},
		{"pong", rivet.WithPing(time.Second, 0), "WithPing"},
		{"call timeout", rivet.WithCallTimeout(-1), "WithCallTimeout"},
		{"stall timeout", rivet.WithStallTimeout(-1), "WithStallTimeout"},
		{"read limit", rivet.WithReadLimit(0), "WithReadLimit"},
		{"write limit", rivet.WithWriteLimit(0), "WithWriteLimit"},
		{"outbox", rivet.WithOutbox(0), "WithOutbox"},
		{"linger", rivet.WithSharedLinger(-1), "WithSharedLinger"},
		{"panic handler", rivet.WithPanicHandler(nil), "WithPanicHandler"},
	}
	noEnv(t)
	var all []rivet.Option
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rivet.NewClient(tt.opt)
			var ce *rivet.ConfigError
			if !errors.As(err, &ce) || ce.Field != tt.field || ce.Rule == "" {
				t.Errorf("NewClient: %v, want a *ConfigError of %s", err, tt.field)
			}
		})
		if tt.field != "endpoint" && tt.field != "token" {
			all = append(all, tt.opt)
		}
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := rivet.NewClient(append(all, rivet.WithEndpoint("nowhere"))...)
		var many interface{ Unwrap() []error }
		if !errors.As(err, &many) || len(many.Unwrap()) != len(all)+1 {
			t.Errorf("NewClient: %v, want %d errors", err, len(all)+1)
		}
	})
}

// A credential that is given twice is refused, and the error says where from.
func TestCredentialGivenTwice(t *testing.T) {
	tests := []struct {
		name  string
		env   map[string]string
		opts  []rivet.Option
		names []string
	}{
		{"option", nil, []rivet.Option{rivet.WithEndpoint("http://n:secret@h"), rivet.WithToken("secret")}, []string{"WithEndpoint", "WithToken"}},
		{"variables", map[string]string{"RIVET_ENGINE": "http://n:secret@h", "RIVET_TOKEN": "secret"}, nil, []string{"RIVET_ENGINE", "RIVET_TOKEN"}},
		{"namespace", map[string]string{"RIVET_ENDPOINT": "http://n@h", "RIVET_NAMESPACE": "n"}, nil, []string{"RIVET_ENDPOINT", "RIVET_NAMESPACE"}},
		{"function", nil, []rivet.Option{rivet.WithEndpoint("http://n:secret@h"), rivet.WithTokenFunc(func(context.Context) (string, error) { return "", nil })}, []string{"WithEndpoint", "WithTokenFunc"}},
		{"function and value", nil, []rivet.Option{rivet.WithToken("secret"), rivet.WithTokenFunc(func(context.Context) (string, error) { return "", nil })}, []string{"WithToken", "WithTokenFunc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noEnv(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			_, err := rivet.NewClient(tt.opts...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, name := range tt.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%q does not name %s", err, name)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q quotes the token", err)
			}
		})
	}
}

// Mistakes in a handle cost no request.
func TestHandleMistakes(t *testing.T) {
	long := strings.Repeat("x", 1025)
	r := &recorder{}
	c := newClient(t, r)
	tests := []struct {
		name   string
		handle *rivet.Handle
		field  string
	}{
		{"no name", c.Get("", rivet.Key{"a"}), "name"},
		{"name of bytes", c.Get("\xff", rivet.Key{"a"}), "name"},
		{"long key", c.Get("a", rivet.Key{long}), "key"},
		{"key long by its escapes", c.Get("a", rivet.Key{strings.Repeat("/", 513)}), "key"},
		{"key of bytes", c.GetOrCreate("a", rivet.Key{"\xff"}), "key"},
		{"no id", c.GetForID("a", ""), "id"},
		{"id of dots", c.GetForID("a", ".."), "id"},
		{"input of Get", c.Get("a", nil, rivet.WithInput(1)), "WithInput"},
		{"region of an id", c.GetForID("a", "x", rivet.InRegion("eu")), "InRegion"},
		{"no region", c.GetOrCreate("a", nil, rivet.InRegion("")), "InRegion"},
		{"no pool", c.GetOrCreate("a", nil, rivet.InPool("")), "InPool"},
		{"crash policy", c.GetOrCreate("a", nil, rivet.WithCrashPolicy("explode")), "WithCrashPolicy"},
		{"params", c.GetOrCreate("a", nil, rivet.WithParams(func() {})), "WithParams"},
		{"params function", c.GetOrCreate("a", nil, rivet.WithParamsFunc(nil)), "WithParamsFunc"},
		{"input", c.GetOrCreate("a", nil, rivet.WithInput(make(chan int))), "WithInput"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			_, action := tt.handle.Action(ctx, "x")
			_, resolve := tt.handle.Resolve(ctx)
			_, info := tt.handle.Info(ctx)
			_, gatewayURL := tt.handle.GatewayURL(ctx, "")
			_, socket := tt.handle.WebSocket(ctx, "")
			req, _ := http.NewRequest("GET", "http://actor/", nil)
			_, do := tt.handle.Do(req)
			for op, err := range map[string]error{
				"Action": action, "Resolve": resolve, "Info": info, "GatewayURL": gatewayURL, "WebSocket": socket, "Do": do,
				"Send": tt.handle.Send(ctx, "q", 1), "Destroy": tt.handle.Destroy(ctx), "Connect": tt.handle.Connect(ctx).Err(),
			} {
				var ce *rivet.ConfigError
				if !errors.As(err, &ce) || ce.Field != tt.field {
					t.Errorf("%s: %v, want a *ConfigError of %s", op, err, tt.field)
				}
				if rivet.MaybeExecuted(err) {
					t.Errorf("%s may have been executed", op)
				}
			}
		})
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, err := c.GetOrCreate("a", rivet.Key{long[:1024]}).Resolve(t.Context()); err != nil {
		t.Errorf("a key of 1,024 bytes: %v", err)
	}
}

func TestNamesThatNoURLCanHold(t *testing.T) {
	r := &recorder{}
	h := newClient(t, r).GetOrCreate("a", nil)
	for _, name := range []string{"", ".", ".."} {
		_, err := h.Action(t.Context(), name)
		var ce *rivet.ConfigError
		if !errors.As(err, &ce) {
			t.Errorf("action %q: %v", name, err)
		}
		if err := h.Send(t.Context(), name, nil); !errors.As(err, &ce) {
			t.Errorf("queue %q: %v", name, err)
		}
	}
	for _, url := range []string{"http://actor//a", "http://actor/a//b", "http://actor/a?rvt-key=b"} {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		var ce *rivet.ConfigError
		if _, err := h.Do(req); !errors.As(err, &ce) || ce.Field != "path" {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
