package local

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func badBodyOf(reason string) string {
	text, _ := json.Marshal(reason)
	reason = strings.Trim(string(text), `"`)
	return `{"group":"api","code":"bad_request","message":"Request is invalid: ` + reason + `","metadata":{"reason":"` + reason + `"}}`
}

func invalidBody(message string) string {
	return `{"group":"validation","code":"invalid_input","message":"` + message + `","metadata":{"message":"` + message + `"}}`
}

func actorBody(id, name, key string) string {
	text, _ := json.Marshal(key)
	return `{"actor_id":"` + id + `","name":"` + name + `","key":` + string(text) + `,"namespace_id":"default00000000000000000000000","datacenter":"default","runner_name_selector":"default","crash_policy":"sleep","create_ts":1795243557014,"start_ts":null,"pending_allocation_ts":null,"connectable_ts":null,"sleep_ts":null,"reschedule_ts":null,"destroy_ts":null}`
}

// keyless is actorBody of an actor that was created without a key.
func keyless(id, name string) string {
	return strings.Replace(actorBody(id, name, ""), `"key":""`, `"key":null`, 1)
}

// TestAPI holds what the engine's API answers, in the order of a life. Where a
// body names no text of a parser it was taken from an engine 2.3.19.
func TestAPI(t *testing.T) {
	const (
		ns      = "?namespace=default"
		first   = "a00000000000000000000000000000"
		second  = "a00000000000000000000000000001"
		third   = "a00000000000000000000000000002"
		fourth  = "a00000000000000000000000000003"
		fifth   = "a00000000000000000000000000004"
		unknown = "b00000000000000000000000000000"
		create  = `{"name":"counter","key":"a\\/b/c","runner_name_selector":"default","crash_policy":"sleep"}`
		plain   = `{"name":"counter","key":"k","runner_name_selector":"default","crash_policy":"sleep"`
		query   = "Failed to deserialize query string: "
		body    = "Failed to deserialize the JSON body into the target type: "
		parse   = "Failed to parse the request body as JSON: "
		empty   = `{"actors":[],"pagination":{"cursor":null}}`
	)
	p := &fakePlaces{}
	f := newTestFront(t, nil, p)
	tests := []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/actors", "", 400, badBodyOf(query + "missing field `namespace`")},
		{"GET", "/actors?namespace=nope&name=x", "", 400, noSpaceBody},
		{"GET", "/actors" + ns, "", 400, invalidBody("Name is required when not using actor_ids.")},
		{"GET", "/actors" + ns + "&key=a", "", 400, invalidBody("Name is required when key is provided.")},
		{"GET", "/actors" + ns + "&actor_ids=zz", "", 400, invalidBody("Name is required when not using actor_ids.")},
		{"GET", "/actors" + ns + "&actor_ids=" + first + "&name=x", "", 400, invalidBody("Cannot provide both actor_id and (name + key). Use either actor_id or (name + key).")},
		{"GET", "/actors" + ns + "&namespace=default&name=x", "", 400, badBodyOf(query + "namespace: unsupported value")},
		{"GET", "/actors" + ns + "&name=x&limit=abc", "", 400, badBodyOf(query + "limit: invalid digit found in string")},
		{"GET", "/actors" + ns + "&name=x&limit=-1", "", 400, badBodyOf(query + "limit: invalid digit found in string")},
		{"GET", "/actors" + ns + "&name=x&cursor=%00", "", 400, badBodyOf(query + "cursor: no such cursor")},
		{"GET", "/actors" + ns + "&name=x&foo=1", "", 400, badBodyOf(query + "foo: unknown field `foo`, expected one of `namespace`, `name`, `key`, `actor_ids`, `actor_id`, `include_destroyed`, `limit`, `cursor`")},
		{"GET", "/actors" + ns + "&name=x&include_destroyed=1", "", 400, badBodyOf(query + "include_destroyed: provided string was not `true` or `false`")},
		{"GET", "/actors" + ns + "&name=%zz", "", 400, badBodyOf(query + "invalid percent-encoding")},
		{"GET", "/actors" + ns + "&actor_id=zz", "", 400, badBodyOf(query + "actor_id[0]: invalid id")},
		{"GET", "/actors" + ns + "&name=counter", "", 200, empty},
		{"GET", "/actors" + ns + "&name=counter&key=", "", 200, empty},
		{"GET", "/actors" + ns + "&actor_ids=" + unknown, "", 200, empty},

		{"PUT", "/actors", create, 400, badBodyOf(query + "missing field `namespace`")},
		{"PUT", "/actors?namespace=nope", create, 400, noSpaceBody},
		{"PUT", "/actors" + ns + "&foo=1", create, 400, badBodyOf(query + "foo: unknown field `foo`, expected `namespace`")},
		{"PUT", "/actors" + ns, "", 400, badBodyOf(parse + "EOF while parsing a value")},
		{"PUT", "/actors" + ns, "x", 400, badBodyOf(parse + "invalid character 'x' looking for beginning of value")},
		{"PUT", "/actors" + ns, "[]", 400, badBodyOf(body + "invalid type, expected an object")},
		{"PUT", "/actors" + ns, "{}", 400, badBodyOf(body + "missing field `name`")},
		{"PUT", "/actors" + ns, plain, 400, badBodyOf(parse + "EOF while parsing a value")},
		{"PUT", "/actors" + ns, plain + "} x", 400, badBodyOf(parse + "invalid character 'x' looking for beginning of value")},
		{"PUT", "/actors" + ns, plain + "} {}", 400, badBodyOf(parse + "trailing characters")},
		{"PUT", "/actors" + ns, plain + `,"foo":1}`, 400, badBodyOf(body + "foo: unknown field `foo`, expected one of `datacenter`, `name`, `key`, `input`, `runner_name_selector`, `crash_policy`")},
		{"PUT", "/actors" + ns, plain + `,"key":"b"}`, 400, badBodyOf(body + "duplicate field `key`")},
		{"PUT", "/actors" + ns, `{"name":"c","key":"k","crash_policy":"sleep"}`, 400, badBodyOf(body + "missing field `runner_name_selector`")},
		{"PUT", "/actors" + ns, `{"name":"c","key":"k","runner_name_selector":"default"}`, 400, badBodyOf(body + "missing field `crash_policy`")},
		{"PUT", "/actors" + ns, `{"name":"c","runner_name_selector":"default","crash_policy":"sleep"}`, 400, badBodyOf(body + "missing field `key`")},
		{"PUT", "/actors" + ns, `{"name":"c","key":null,"runner_name_selector":"default","crash_policy":"sleep"}`, 400, badBodyOf(body + "key: invalid type, expected a string")},
		{"PUT", "/actors" + ns, `{"name":"c","key":"k","runner_name_selector":"default","crash_policy":"bad"}`, 400, badBodyOf(body + "crash_policy: unknown variant `bad`, expected one of `restart`, `sleep`, `destroy`")},
		{"PUT", "/actors" + ns, `{"name":"c","key":"","runner_name_selector":"default","crash_policy":"sleep"}`, 400, `{"group":"actor","code":"empty_key","message":"Key label cannot be empty."}`},
		{"PUT", "/actors" + ns, `{"name":"c","key":"k","runner_name_selector":"","crash_policy":"sleep"}`, 400, `{"group":"actor","code":"no_runner_config_configured","message":"No runner config with name '' are available in any datacenter for the namespace 'default'. Validate a provider is listed that matches the requested pool name.","metadata":{"namespace":"default","pool_name":""}}`},
		{"PUT", "/actors" + ns, plain + `,"datacenter":"eu"}`, 400, noRegionBody},
		{"PUT", "/actors" + ns, plain + `,"input":"!!"}`, 400, badBodyOf(body + "input: not base64 with padding")},
		{"PUT", "/actors" + ns, `{"name":"c","key":"` + strings.Repeat("k", 1025) + `","runner_name_selector":"default","crash_policy":"sleep"}`, 400, `{"group":"actor","code":"key_too_large","message":"Key label too large (max 1024 bytes): ` + strings.Repeat("k", 100) + `…","metadata":{"key_preview":"` + strings.Repeat("k", 100) + `…","max_size":1024}}`},
		{"PUT", "/actors" + ns, `{"name":"` + strings.Repeat("n", 5<<20) + `"}`, 413, `{"group":"guard","code":"invalid_request_body","message":"Unable to parse request body: request body exceeded the 4194304-byte limit.","metadata":{"reason":"request body exceeded the 4194304-byte limit"}}`},

		{"PUT", "/actors" + ns, create, 200, `{"actor":` + actorBody(first, "counter", `a\/b/c`) + `,"created":true}`},
		{"PUT", "/actors" + ns, create, 200, `{"actor":` + actorBody(first, "counter", `a\/b/c`) + `,"created":false}`},
		{"POST", "/actors" + ns, plain + `,"datacenter":"default","input":"oA=="}`, 200, `{"actor":` + actorBody(second, "counter", `k`) + `}`},
		{"POST", "/actors" + ns, plain + `,"datacenter":null,"input":null}`, 400, `{"group":"actor","code":"duplicate_key","message":"Actor key 'k' already in use for actor '` + second + `'","metadata":{"existing_actor_id":"` + second + `","key":"k"}}`},
		{"POST", "/actors" + ns, `{"name":"nosuch","key":"/","runner_name_selector":"default","crash_policy":"sleep"}`, 200, `{"actor":` + actorBody(third, "nosuch", "/") + `}`},
		{"POST", "/actors" + ns, `{"name":"nosuch","key":"","runner_name_selector":"default","crash_policy":"sleep"}`, 400, `{"group":"actor","code":"empty_key","message":"Key label cannot be empty."}`},
		{"POST", "/actors" + ns, `{"name":"free","runner_name_selector":"default","crash_policy":"sleep"}`, 200, `{"actor":` + keyless(fourth, "free") + `}`},
		{"POST", "/actors" + ns, `{"name":"free","key":null,"runner_name_selector":"default","crash_policy":"sleep"}`, 200, `{"actor":` + keyless(fifth, "free") + `}`},
		{"GET", "/actors" + ns + "&name=free&key=%2F", "", 200, empty},

		{"GET", "/actors" + ns + "&name=counter&key=a%5C%2Fb%2Fc", "", 200, `{"actors":[` + actorBody(first, "counter", `a\/b/c`) + `],"pagination":{"cursor":null}}`},
		{"GET", "/actors" + ns + "&actor_ids=" + second + ",zz", "", 200, `{"actors":[` + actorBody(second, "counter", `k`) + `],"pagination":{"cursor":null}}`},
		{"GET", "/actors" + ns + "&actor_id=" + second + "&actor_id=" + first, "", 200, `{"actors":[` + actorBody(second, "counter", `k`) + "," + actorBody(first, "counter", `a\/b/c`) + `],"pagination":{"cursor":null}}`},
		{"GET", "/api/rivet/actors" + ns + "&name=counter&limit=1", "", 200, `{"actors":[` + actorBody(first, "counter", `a\/b/c`) + `],"pagination":{"cursor":"c"}}`},
		{"GET", "/actors" + ns + "&name=counter&limit=1&cursor=c", "", 200, `{"actors":[` + actorBody(second, "counter", `k`) + `],"pagination":{"cursor":null}}`},
		{"GET", "/actors" + ns + "&name=counter&limit=0", "", 200, empty},
		{"GET", "/actors" + ns + "&name=nosuch&limit=99999999999999999999&include_destroyed=false", "", 200, `{"actors":[` + actorBody(third, "nosuch", "/") + `],"pagination":{"cursor":null}}`},

		{"GET", "/actors/names" + ns, "", 200, `{"names":{"chat":{"metadata":{}},"counter":{"metadata":{}},"free":{"metadata":{}},"nosuch":{"metadata":{}}},"pagination":{"cursor":"nosuch"}}`},
		{"GET", "/actors/names" + ns + "&limit=1&cursor=chat", "", 200, `{"names":{"counter":{"metadata":{}}},"pagination":{"cursor":"counter"}}`},
		{"GET", "/actors/names" + ns + "&cursor=zzz", "", 200, `{"names":{},"pagination":{"cursor":null}}`},
		{"GET", "/actors/names" + ns + "&foo=2", "", 400, badBodyOf(query + "foo: unknown field `foo`, expected one of `namespace`, `limit`, `cursor`")},
		{"GET", "/actors/names?namespace=nope", "", 400, noSpaceBody},

		{"DELETE", "/actors/" + second, "", 400, badBodyOf(query + "missing field `namespace`")},
		{"DELETE", "/actors/z" + ns, "", 400, badBodyOf(`Invalid URL: "z" is not the id of an actor`)},
		{"DELETE", "/actors/" + unknown + ns, "", 400, noActorBody},
		{"DELETE", "/actors/" + second + ns, "", 200, `{}`},
		{"DELETE", "/actors/" + second + ns, "", 200, `{}`},
		{"GET", "/actors" + ns + "&name=counter&key=k", "", 200, empty},
		{"GET", "/actors" + ns + "&actor_ids=" + second, "", 200, `{"actors":[` + strings.Replace(actorBody(second, "counter", `k`), `"destroy_ts":null`, `"destroy_ts":1795243558014`, 1) + `],"pagination":{"cursor":null}}`},
		{"GET", "/gateway/" + second + "/x", "", 404, noActorBody},
	}
	for _, tt := range tests {
		res := ask(t, f, tt.method, tt.target, tt.body, "Content-Type", "application/json; charset=utf-8", "Origin", "https://page.example")
		if got := bodyOf(t, res); res.StatusCode != tt.status || got != tt.want {
			t.Errorf("%s %s %.200s: %d %s\nwant %d %s", tt.method, tt.target, tt.body, res.StatusCode, got, tt.status, tt.want)
		}
		if h := res.Header; h.Get("Access-Control-Allow-Origin") != "https://page.example" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("X-Rivet-Ray-Id") == "" {
			t.Errorf("%s %s: %v", tt.method, tt.target, h)
		}
	}
	if string(p.inputs[1]) != "\xa0" || !slices.Equal(p.records[0].Key, []string{"a/b", "c"}) {
		t.Errorf("%+v", p.records)
	}
}

func TestContentTypeIsRequired(t *testing.T) {
	f := newTestFront(t, nil, &fakePlaces{})
	for _, media := range []string{"", "text/plain", "application/x"} {
		res := ask(t, f, "PUT", "/actors?namespace=default", "{}", "Content-Type", media)
		if got, want := bodyOf(t, res), badBodyOf("Expected request with `Content-Type: application/json`"); got != want || res.StatusCode != 400 {
			t.Errorf("%q: %d %s", media, res.StatusCode, got)
		}
	}
}

func TestActorObjectTellsTimes(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	id := "a00000000000000000000000000000"
	f := newTestFront(t, nil, &fakePlaces{woken: []string{id}})
	got, err := json.Marshal(f.object(&record{
		ID: id, Name: "n", Region: "default", Pool: "p", CrashPolicy: "restart", Failure: "password is hunter2",
		CreatedAt: at(1), StartedAt: at(2), SleptAt: at(4), DestroyedAt: at(5),
	}))
	want := `{"actor_id":"a00000000000000000000000000000","name":"n","key":"/","namespace_id":"default00000000000000000000000","datacenter":"default","runner_name_selector":"p","crash_policy":"restart","create_ts":1,"start_ts":2,"pending_allocation_ts":null,"connectable_ts":1795243617014,"sleep_ts":4,"reschedule_ts":null,"destroy_ts":5,"error":{"message":"An internal error occurred"}}`
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
}

// TestPreflight holds CORS to what browsers need, and to what an engine 2.3.19
// answers.
func TestPreflight(t *testing.T) {
	p := &fakePlaces{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an actor was asked") })}
	f := newTestFront(t, nil, p)
	const origin, api = "https://page.example", "origin, access-control-request-method, access-control-request-headers"
	tests := []struct {
		target                                       string
		status                                       int
		allow, methods, headers, vary, age, exposing string
	}{
		{"/gateway/counter/action/x?" + query, 204, origin, "GET, POST, PUT, DELETE, OPTIONS, PATCH", "content-type, x-rivet-encoding", "Origin", "86400", "*"},
		{"/gateway/zz/action/x", 204, origin, "GET, POST, PUT, DELETE, OPTIONS, PATCH", "content-type, x-rivet-encoding", "Origin", "86400", "*"},
		{"/gateway/counter/action/x?rvt-namespace=default", 400, origin, "", "", "Origin", "", "*"},
		{"/actors?namespace=default", 200, origin, "POST", "content-type, x-rivet-encoding", api, "", ""},
		{"/metadata", 200, origin, "POST", "content-type, x-rivet-encoding", api, "", ""},
		{"/request/x", 200, "*", "*", "*", api, "", ""},
	}
	for _, tt := range tests {
		res := ask(t, f, "OPTIONS", tt.target, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type, x-rivet-encoding")
		h := res.Header
		got := []string{h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Methods"), h.Get("Access-Control-Allow-Headers"), h.Get("Vary"), h.Get("Access-Control-Max-Age"), h.Get("Access-Control-Expose-Headers")}
		want := []string{tt.allow, tt.methods, tt.headers, tt.vary, tt.age, tt.exposing}
		if res.StatusCode != tt.status || !slices.Equal(got, want) {
			t.Errorf("%s: %d %q\nwant %d %q", tt.target, res.StatusCode, got, tt.status, want)
		}
	}
	if len(p.records) != 0 {
		t.Error("a preflight created an actor")
	}
}

func TestActorsMayAnswerCORSThemselves(t *testing.T) {
	f := newTestFront(t, nil, &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/request/own" {
			w.Header().Set("Access-Control-Allow-Origin", "https://own.example")
		}
		w.WriteHeader(http.StatusTeapot)
	})})
	for path, want := range map[string]string{"own": "https://own.example", "x": "https://page.example"} {
		res := ask(t, f, "GET", "/gateway/counter/request/"+path+"?"+query, "", "Origin", "https://page.example")
		if got := res.Header.Values("Access-Control-Allow-Origin"); res.StatusCode != http.StatusTeapot || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %d %q", path, res.StatusCode, got)
		}
	}
}
