package local

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const query = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"

// ask sends a request to a front as it came over the network, and returns the
// answer.
func ask(t testing.TB, h http.Handler, method, target, body string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	r.Host = "host.example:6420"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	notFoundBody = `{"group":"api","code":"not_found","message":"The requested resource was not found"}`
	noActorBody  = `{"group":"actor","code":"not_found","message":"The actor does not exist or was destroyed."}`
	internalBody = `{"group":"core","code":"internal_error","message":"An internal error occurred"}`
	noRegionBody = `{"group":"datacenter","code":"not_found","message":"The provided datacenter does not exist."}`
	noSpaceBody  = `{"group":"namespace","code":"not_found","message":"The namespace does not exist."}`
	params1      = "`namespace`, `method`, `runner`, `pool`, `key`, `input`, `region`, `crash-policy`, `token`, `skip-ready-wait`"
)

func guardBody(code, detail string) string {
	detail = strings.ReplaceAll(detail, `"`, `\"`)
	return `{"group":"guard","code":"` + code + `","message":"invalid query gateway params: ` + detail + `","metadata":{"detail":"` + detail + `"}}`
}

// TestGateway holds what the engine's gateway answers to URLs. The bodies were
// taken from an engine 2.3.19.
func TestGateway(t *testing.T) {
	const id = "a00000000000000000000000000000"
	const disallowed = `{"group":"guard","code":"query_get_disallowed_params","message":"query gateway method=get does not allow rvt-input, rvt-region, rvt-crash-policy, or rvt-pool params"}`
	tests := []struct {
		name, target string
		status       int
		body         string
	}{
		{"by id", "/gateway/" + id + "/health", 200, `counter a GET /health`},
		{"by id with a token", "/gateway/" + id + "@tok%2Fen/health", 200, `counter a GET /health`},
		{"by id with a token of two", "/gateway/" + id + "@a@b/health", 200, `counter a GET /health`},
		{"by an escaped id", "/gateway/%61" + id[1:] + "/health", 200, `counter a GET /health`},
		{"without a path", "/gateway/" + id, 200, `counter a GET /`},
		{"without a path, with a query", "/gateway/" + id + "?x=1", 200, `counter a GET /?x=1`},
		{"with an empty query", "/gateway/" + id + "/a?", 200, `counter a GET /a?`},
		{"bytes of path and query", "/gateway/" + id + "/request/a%2Fb%20c/%e4/..;/~'()!*?y=a%20b+c&&z=%zz&=", 200, `counter a GET /request/a%2Fb%20c/%e4/..;/~'()!*?y=a%20b+c&&z=%zz&=`},
		{"dots stay", "/gateway/" + id + "/a/../health", 200, `counter a GET /a/../health`},
		{"an empty token", "/gateway/" + id + "@/health", 404, notFoundBody},
		{"an empty id", "/gateway/@tok/health", 404, notFoundBody},
		{"nothing", "/gateway/", 404, notFoundBody},
		{"less", "/gateway", 404, notFoundBody},
		{"no id", "/gateway/zz/health", 500, internalBody},
		{"an id with more", "/gateway/" + id + "%40tok/health", 500, internalBody},
		{"an unknown id", "/gateway/b00000000000000000000000000000/health", 404, noActorBody},
		{"two slashes", "/gateway/" + id + "//health", 404, notFoundBody},
		{"two slashes before", "/gateway//health", 404, notFoundBody},
		{"two slashes and a query", "/gateway//health?" + query, 404, notFoundBody},

		{"by key", "/gateway/counter/action/x?" + query + "&rvt-key=a", 200, `counter a GET /action/x`},
		{"by an empty key", "/gateway/counter/x?" + query + "&rvt-key=", 200, `counter / GET /x`},
		{"by a key without value", "/gateway/counter/x?" + query + "&rvt-key", 200, `counter / GET /x`},
		{"by a key of parts", "/gateway/counter/x?" + query + "&rvt-key=a%2Fb,+,,%2C", 200, `counter a\/b/ /\0/\0/\0 GET /x`},
		{"by a key with a bad escape", "/gateway/counter/x?" + query + "&rvt-key=%zz", 200, `counter %zz GET /x`},
		{"an escaped name", "/gateway/a%2Fb%40c/x?" + query, 200, `a/b@c / GET /x`},
		{"other parameters", "/gateway/counter/x?a=%20b+c&" + query + "&&d=1&%72vt-key=b&RVT-x=1", 200, `counter / GET /x?a=%20b+c&d=1&%72vt-key=b&RVT-x=1`},
		{"no other parameters", "/gateway/counter?" + query + "&", 200, `counter / GET /`},
		{"get", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-key=a&rvt-token=t", 200, `counter a GET /x`},
		{"get with a pool", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-key=a&rvt-pool=default", 200, `counter a GET /x`},
		{"get what is not there", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-key=none", 404, noActorBody},
		{"skip the wait", "/gateway/counter/x?" + query + "&rvt-skip-ready-wait=1", 200, `counter / GET /x`},
		{"a region", "/gateway/counter/x?" + query + "&rvt-region=default", 200, `counter / GET /x`},
		{"a pool before a runner", "/gateway/counter/x?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=p&rvt-runner=", 200, `counter / GET /x`},
		{"an input", "/gateway/counter/x?" + query + "&rvt-input=gICA", 400, `{"group":"guard","code":"query_invalid_cbor_input","message":"invalid query gateway input cbor: invalid cbor","metadata":{"detail":"invalid cbor"}}`},

		{"get with a runner", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-runner=default", 400, disallowed},
		{"get with an input", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-input=gA", 400, disallowed},
		{"get with a region", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-region=default", 400, disallowed},
		{"get with a crash policy", "/gateway/counter/x?rvt-namespace=default&rvt-method=get&rvt-crash-policy=sleep", 400, disallowed},
		{"an unknown parameter", "/gateway/counter/x?" + query + "&rvt-foo=1", 400, guardBody("query_invalid_params", "unknown field `foo`, expected one of "+params1)},
		{"a parameter without name", "/gateway/counter/x?rvt-", 400, guardBody("query_invalid_params", "unknown field ``, expected one of "+params1)},
		{"a parameter twice", "/gateway/counter/x?" + query + "&rvt-key=a&rvt-key=b", 400, `{"group":"guard","code":"query_duplicate_param","message":"duplicate query gateway param: rvt-key","metadata":{"name":"rvt-key"}}`},
		{"a crash policy", "/gateway/counter/x?" + query + "&rvt-crash-policy=x", 400, guardBody("query_invalid_params", "unknown crash policy: x, expected restart, sleep, or destroy")},
		{"a truth value", "/gateway/counter/x?" + query + "&rvt-skip-ready-wait=yes", 400, guardBody("query_invalid_params", `invalid type: string "yes", expected a boolean`)},
		{"no namespace", "/gateway/counter/x?rvt-method=get", 400, guardBody("query_invalid_params", "missing field `namespace`")},
		{"no method", "/gateway/counter/x?rvt-namespace=default", 400, guardBody("query_invalid_params", "missing field `method`")},
		{"another method", "/gateway/counter/x?rvt-namespace=default&rvt-method=xx", 400, guardBody("query_invalid_params", "unknown method: xx, expected get or getOrCreate")},
		{"an empty namespace", "/gateway/counter/x?rvt-namespace=&rvt-method=get", 400, noSpaceBody},
		{"another namespace", "/gateway/counter/x?rvt-namespace=nope&rvt-method=getOrCreate&rvt-runner=default", 400, noSpaceBody},
		{"another region", "/gateway/counter/x?" + query + "&rvt-region=eu", 400, noRegionBody},
		{"no pool", "/gateway/counter/x?rvt-namespace=default&rvt-method=getOrCreate", 400, `{"group":"guard","code":"query_missing_pool","message":"query gateway method=getOrCreate requires rvt-pool param"}`},
		{"an empty pool", "/gateway/counter/x?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=", 400, `{"group":"actor","code":"no_runner_config_configured","message":"No runner config with name '' are available in any datacenter for the namespace 'default'. Validate a provider is listed that matches the requested pool name.","metadata":{"namespace":"default","pool_name":""}}`},
		{"a key that is no text", "/gateway/counter/x?" + query + "&rvt-key=%ff", 400, `{"group":"guard","code":"query_invalid_percent_encoding","message":"invalid percent-encoding for query gateway param 'rvt-key'","metadata":{"name":"rvt-key"}}`},
		{"a name that is no text", "/gateway/%ff/x?" + query, 400, `{"group":"guard","code":"query_invalid_percent_encoding","message":"invalid percent-encoding for query gateway param 'name'","metadata":{"name":"name"}}`},
		{"an empty name", "/gateway/?" + query, 400, `{"group":"guard","code":"query_empty_actor_name","message":"query gateway actor name must not be empty"}`},
		{"a token in the path", "/gateway/counter@tok/x?" + query, 400, `{"group":"guard","code":"query_path_token_syntax","message":"query gateway paths must not use @token syntax"}`},
		{"input that is no base64", "/gateway/counter/x?" + query + "&rvt-input=!!", 400, `{"group":"guard","code":"query_invalid_base64_input","message":"invalid base64url in query gateway input"}`},
		{"input with padding", "/gateway/counter/x?" + query + "&rvt-input=gA==", 400, `{"group":"guard","code":"query_invalid_base64_input","message":"invalid base64url in query gateway input"}`},
		{"input that is no CBOR", "/gateway/counter/x?" + query + "&rvt-input=_w", 400, `{"group":"guard","code":"query_invalid_cbor_input","message":"invalid query gateway input cbor: invalid cbor","metadata":{"detail":"invalid cbor"}}`},
		{"an empty input", "/gateway/counter/x?" + query + "&rvt-input=", 400, `{"group":"guard","code":"query_invalid_cbor_input","message":"invalid query gateway input cbor: invalid cbor","metadata":{"detail":"invalid cbor"}}`},
		{"a large key", "/gateway/counter/x?" + query + "&rvt-key=" + strings.Repeat("k", 1025), 400, `{"group":"actor","code":"key_too_large","message":"Key label too large (max 1024 bytes): ` + strings.Repeat("k", 100) + `…","metadata":{"key_preview":"` + strings.Repeat("k", 100) + `…","max_size":1024}}`},
	}
	for _, at := range []string{"", "/api/rivet"} {
		for _, tt := range tests {
			t.Run(at+" "+tt.name, func(t *testing.T) {
				p := &fakePlaces{}
				f := newTestFront(t, nil, p)
				if _, _, err := p.getOrCreate(t.Context(), spec{Name: "counter", Key: []string{"a"}}); err != nil {
					t.Fatal(err)
				}
				res := ask(t, f, "GET", at+tt.target, "", "Origin", "http://page.example")
				if got := bodyOf(t, res); res.StatusCode != tt.status || got != tt.body {
					t.Errorf("%d %s\nwant %d %s", res.StatusCode, got, tt.status, tt.body)
				}
				if res.Header.Get("X-Rivet-Ray-Id") == "" {
					t.Error("there is no ray id")
				}
				wantOrigin := "http://page.example"
				if tt.body == notFoundBody {
					wantOrigin = "*"
				} else if tt.status >= 400 && res.Header.Get("X-Rivet-Error") == "" {
					t.Error("the header does not name the error")
				}
				if got := res.Header.Get("Access-Control-Allow-Origin"); got != wantOrigin {
					t.Errorf("allows %q", got)
				}
				if tt.status >= 400 && res.Header.Get("Content-Type") != "application/json" {
					t.Errorf("an error in %q", res.Header.Get("Content-Type"))
				}
			})
		}
	}
}

func TestInputReachesThePlace(t *testing.T) {
	p := &fakePlaces{}
	f := newTestFront(t, nil, p)
	input := []byte{0xa1, 0x61, 'x', 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}
	res := ask(t, f, "GET", "/gateway/counter/?"+query+"&rvt-crash-policy=restart&rvt-input="+base64.RawURLEncoding.EncodeToString(input), "")
	if res.StatusCode != 200 || len(p.records) != 1 {
		t.Fatalf("%d %s", res.StatusCode, bodyOf(t, res))
	}
	if rec := p.records[0]; string(p.inputs[0]) != string(input) || rec.Pool != "default" || rec.CrashPolicy != "restart" {
		t.Errorf("%+v", rec)
	}
}

func TestRoutingByHeaders(t *testing.T) {
	const id = "a00000000000000000000000000000"
	noRoute := func(path string) string {
		return `{"group":"guard","code":"no_route","message":"No route found for hostname host.example, path ` + path + `.","metadata":{"host":"host.example","path":"` + path + `"}}`
	}
	tests := []struct {
		target, kind, id, skip string
		status                 int
		body                   string
	}{
		{"/request/x?rvt-y=1", "actor", id, "", 200, "counter / GET /request/x?rvt-y=1"},
		{"/request", "actor", id, "true", 200, "counter / GET /request"},
		{"/api/rivet/request/x", "actor", id, "0", 200, "counter / GET /request/x"},
		{"/requestx", "actor", id, "", 404, noRoute("/requestx")},
		{"/action/x", "actor", id, "", 404, noRoute("/action/x")},
		{"/metadata", "actor", id, "", 404, noRoute("/metadata")},
		{"/actors?name=x", "actor", id, "", 404, noRoute("/actors?name=x")},
		{"/request/x", "foo", id, "", 404, noRoute("/request/x")},
		{"/request/x", "", id, "", 404, notFoundBody},
		{"/request/x", "actor", "", "", 400, `{"group":"guard","code":"missing_header","message":"Missing x-rivet-actor header.","metadata":{"header":"x-rivet-actor"}}`},
		{"/request/x", "actor", "zz", "", 500, internalBody},
		{"/request/x", "actor", id, "yes", 400, `{"group":"guard","code":"invalid_header","message":"Invalid x-rivet-skip-ready-wait header: expected true, false, 1, or 0.","metadata":{"detail":"expected true, false, 1, or 0","header":"x-rivet-skip-ready-wait"}}`},
		{"/gateway/" + id + "/health", "actor", "zz", "", 200, "counter / GET /health"},
	}
	for _, tt := range tests {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		if _, _, err := p.getOrCreate(t.Context(), spec{Name: "counter"}); err != nil {
			t.Fatal(err)
		}
		var header []string
		for _, h := range [][2]string{{"X-Rivet-Target", tt.kind}, {"X-Rivet-Actor", tt.id}, {"X-Rivet-Skip-Ready-Wait", tt.skip}} {
			if h[1] != "" {
				header = append(header, h[:]...)
			}
		}
		res := ask(t, f, "GET", tt.target, "", header...)
		if got := bodyOf(t, res); res.StatusCode != tt.status || got != tt.body {
			t.Errorf("%s %q %q: %d %s\nwant %d %s", tt.target, tt.kind, tt.id, res.StatusCode, got, tt.status, tt.body)
		}
	}
}

func TestHostRoutes(t *testing.T) {
	f := newTestFront(t, &fakeRegistry{}, &fakePlaces{})
	public := newTestFront(t, &fakeRegistry{endpoint: "https://actors.example", namespace: "prod", token: "t"}, &fakePlaces{})
	const meta = `{"runtime":"rivetkit","version":"2.3.19","runner":{"kind":{"normal":{}}},"envoy":{"kind":{"normal":{}}},"actorNames":{"chat":{"metadata":{}},"counter":{"metadata":{}}}`
	tests := []struct {
		h              http.Handler
		method, target string
		status         int
		allow, body    string
	}{
		{f, "GET", "/metadata?namespace=default", 200, "", meta + "}"},
		{f, "HEAD", "/metadata", 200, "", ""},
		{f, "POST", "/metadata", 405, "GET,HEAD", ""},
		{public, "GET", "/api/rivet/metadata", 200, "", meta + `,"clientEndpoint":"https://actors.example","clientNamespace":"prod","clientToken":"t"}`},
		{f, "GET", "/health", 200, "", `{"runtime":"rivetkit","status":"ok","version":"2.3.19"}`},
		{f, "GET", "/", 200, "", "This is a RivetKit server.\n"},
		{f, "GET", "/api/rivet", 200, "", "This is a RivetKit server.\n"},
		{f, "GET", "/api/rivet/", 200, "", "This is a RivetKit server.\n"},
		{f, "GET", "/api/rivetx", 404, "", notFoundBody},
		{f, "GET", "/datacenters", 200, "", `{"datacenters":[{"label":1,"name":"default","url":"http://host.example:6420/"}],"pagination":{"cursor":null}}`},
		{f, "GET", "/nope", 404, "", notFoundBody},
		{f, "GET", "//metadata", 404, "", notFoundBody},
		{f, "GET", "/actors/", 404, "", notFoundBody},
		{f, "GET", "/actors/x/y", 404, "", notFoundBody},
		{f, "GET", "/actors/x", 405, "DELETE", ""},
		{f, "PATCH", "/actors?namespace=default", 405, "GET,HEAD,POST,PUT", ""},
		{f, "DELETE", "/actors/names", 405, "GET,HEAD", ""},
	}
	for _, tt := range tests {
		res := ask(t, tt.h, tt.method, tt.target, "")
		if got := bodyOf(t, res); res.StatusCode != tt.status || got != tt.body || res.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %q %s\nwant %d %q %s", tt.method, tt.target, res.StatusCode, res.Header.Get("Allow"), got, tt.status, tt.allow, tt.body)
		}
		if len(res.Header.Get("X-Rivet-Ray-Id")) != 30 {
			t.Errorf("%s: ray id %q", tt.target, res.Header.Get("X-Rivet-Ray-Id"))
		}
	}
}

// TestMountedInAServeMux is how a program has the host beside its own routes.
func TestMountedInAServeMux(t *testing.T) {
	p := &fakePlaces{}
	f := newTestFront(t, nil, p)
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", f)
	stripped := http.NewServeMux()
	stripped.Handle("/x/", http.StripPrefix("/x", f))
	for target, h := range map[string]http.Handler{
		"/api/rivet/gateway/counter/request/a%2Fb?" + query: mux,
		"/x/gateway/counter/request/a%2Fb?" + query:         stripped,
	} {
		res := ask(t, h, "POST", target, "")
		if got := bodyOf(t, res); got != "counter / POST /request/a%2Fb" {
			t.Errorf("%s: %d %s", target, res.StatusCode, got)
		}
		if res := ask(t, h, "GET", strings.Split(target, "gateway")[0]+"metadata", ""); res.StatusCode != 200 {
			t.Errorf("metadata: %d", res.StatusCode)
		}
	}
}

func TestRayID(t *testing.T) {
	f := newTestFront(t, nil, &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Rivet-Ray-Id"))
	})})
	for ray, kept := range map[string]bool{"my-Ray_1": true, "": false, "a b": false, strings.Repeat("a", 65): false, "a\x7f": false} {
		res := ask(t, f, "GET", "/gateway/counter/?"+query, "", "X-Rivet-Ray-Id", ray)
		got := bodyOf(t, res)
		if got != res.Header.Get("X-Rivet-Ray-Id") || (got == ray) != kept || got == "" {
			t.Errorf("%q: the actor sees %q, the client %q", ray, got, res.Header.Get("X-Rivet-Ray-Id"))
		}
	}
}

func TestErrorsOfPlacesAreMasked(t *testing.T) {
	f := newTestFront(t, nil, &fakePlaces{fail: errors.New("disk: /secret/path")})
	for _, target := range []string{"/gateway/counter/?" + query, "/actors/names?namespace=default"} {
		res := ask(t, f, "GET", target, "")
		if got := bodyOf(t, res); res.StatusCode != 500 || got != internalBody {
			t.Errorf("%s: %d %s", target, res.StatusCode, got)
		}
	}
}

// TestAClientThatGoesStopsTheWake holds that nobody is waited for in vain.
func TestAClientThatGoesStopsTheWake(t *testing.T) {
	p := &fakePlaces{block: make(chan struct{})}
	f := newTestFront(t, nil, p)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/gateway/counter/?"+query, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.ServeHTTP(httptest.NewRecorder(), r)
	}()
	cancel()
	<-done
}
