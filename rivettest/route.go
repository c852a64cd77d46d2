package rivettest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/rivet-go/rivet/codec"
)

// route is what a request's URL and headers ask for.
type route struct {
	kind routeKind
	// Of an actor: the path and query that it sees.
	path, query string
	// How it is addressed: by id, or by want.
	id          string
	byKey       bool
	create      bool
	want        Instance
	refuse      error // the gateway refuses the URL
	headerBased bool
}

type routeKind uint8

const (
	routeNone routeKind = iota
	routeMetadata
	routeActors
	routeActor
)

// route reads the URL. protocols are the subprotocols of a handshake.
func (g *Gateway) route(r *http.Request, protocols []string) route {
	path := r.URL.EscapedPath()
	if strings.Contains(path, "//") {
		return route{}
	}
	switch {
	case path == "/metadata":
		return route{kind: routeMetadata}
	case path == "/actors" || strings.HasPrefix(path, "/actors/"):
		return route{kind: routeActors}
	case strings.HasPrefix(path, "/gateway/"):
		return g.gatewayRoute(path[len("/gateway/"):], r.URL.RawQuery)
	}
	if id, ok := headerTarget(r, protocols); ok {
		rt := route{kind: routeActor, headerBased: true, id: id, path: path, query: r.URL.RawQuery}
		if id == "" {
			rt.refuse = Error("guard", "missing_header", "Missing header x-rivet-actor.", nil)
		} else if len(protocols) == 0 && !g.cfg.legacy && path != "/request" && !strings.HasPrefix(path, "/request/") {
			rt.refuse = Error("guard", "no_route", "No route found.", nil)
		}
		return rt
	}
	return route{}
}

// headerTarget reads header-based routing: headers, or subprotocols of a
// handshake.
func headerTarget(r *http.Request, protocols []string) (id string, ok bool) {
	if r.Header.Get("X-Rivet-Target") == "actor" {
		return r.Header.Get("X-Rivet-Actor"), true
	}
	for _, p := range protocols {
		if v, found := strings.CutPrefix(p, "rivet_actor."); found {
			id, _ = url.PathUnescape(v)
		}
		ok = ok || p == "rivet_target.actor"
	}
	return id, ok
}

// gatewayRoute reads what follows /gateway/.
func (g *Gateway) gatewayRoute(rest, rawQuery string) route {
	segment, path, _ := strings.Cut(rest, "/")
	rt := route{kind: routeActor, path: "/" + path}
	params, query, err := takeParams(rawQuery)
	rt.query = query
	if err != nil {
		rt.refuse = err
		return rt
	}
	if params == nil {
		id, _, _ := strings.Cut(segment, "@")
		rt.id, _ = url.PathUnescape(id)
		return rt
	}
	rt.byKey = true
	if g.cfg.legacy {
		rt.refuse = Error("internal", "internal_error", internalMessage, nil)
		return rt
	}
	if strings.Contains(segment, "@") {
		rt.refuse = guardError("query_path_token_syntax", "Query gateway paths take no token.")
		return rt
	}
	name, err := url.PathUnescape(segment)
	switch {
	case err != nil:
		rt.refuse = guardError("query_invalid_percent_encoding", "Actor name is not valid percent-encoding.")
	case name == "":
		rt.refuse = guardError("query_empty_actor_name", "Actor name is empty.")
	default:
		rt.want.name = name
		rt.refuse = rt.readParams(params)
	}
	return rt
}

func guardError(code, message string) error { return Error("guard", code, message, nil) }

// takeParams splits the rvt- parameters off a query, whose rest stays byte for
// byte; nil when there are none.
func takeParams(rawQuery string) (params map[string]string, rest string, err error) {
	var keep []string
	for _, pair := range strings.Split(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "rvt-") {
			if pair != "" || rawQuery != "" {
				keep = append(keep, pair)
			}
			continue
		}
		if params == nil {
			params = make(map[string]string)
		}
		if _, dup := params[name]; dup {
			err = guardError("query_duplicate_param", fmt.Sprintf("Duplicate query parameter %q.", name))
		}
		decoded, bad := url.QueryUnescape(value)
		if bad != nil {
			err = guardError("query_invalid_percent_encoding", fmt.Sprintf("Query parameter %q is not valid percent-encoding.", name))
		}
		params[name] = decoded
	}
	return params, strings.Join(keep, "&"), err
}

// readParams checks the rvt- parameters as the gateway does.
func (rt *route) readParams(params map[string]string) error {
	invalid := func(format string, args ...any) error {
		return guardError("query_invalid_params", fmt.Sprintf(format, args...))
	}
	for name, value := range params {
		switch name {
		case "rvt-namespace", "rvt-method", "rvt-runner", "rvt-pool", "rvt-key", "rvt-input", "rvt-region", "rvt-token":
		case "rvt-crash-policy":
			if value != "sleep" && value != "restart" && value != "destroy" {
				return invalid("Unknown crash policy %q.", value)
			}
		case "rvt-skip-ready-wait":
			if value != "true" && value != "false" && value != "1" && value != "0" {
				return invalid("Bad boolean %q.", value)
			}
		default:
			return invalid("Unknown query parameter %q.", name)
		}
	}
	namespace, ok := params["rvt-namespace"]
	if !ok || namespace == "" {
		return invalid("Missing query parameter %q.", "rvt-namespace")
	}
	rt.want.namespace = namespace
	rt.want.key = splitQueryKey(params["rvt-key"])
	switch params["rvt-method"] {
	case "get":
		for _, name := range []string{"rvt-input", "rvt-region", "rvt-crash-policy", "rvt-runner", "rvt-pool"} {
			if _, ok := params[name]; ok {
				return guardError("query_get_disallowed_params", fmt.Sprintf("Method get does not take %q.", name))
			}
		}
		return nil
	case "getOrCreate":
		rt.create = true
	default:
		return invalid("Unknown method %q.", params["rvt-method"])
	}
	rt.want.region, rt.want.crashPolicy, rt.want.pool = params["rvt-region"], params["rvt-crash-policy"], params["rvt-pool"]
	if rt.want.pool == "" {
		rt.want.pool = params["rvt-runner"]
	}
	if rt.want.pool == "" {
		return guardError("query_missing_pool", "Method getOrCreate needs a pool.")
	}
	if input, ok := params["rvt-input"]; ok {
		data, err := base64.RawURLEncoding.DecodeString(input)
		if err != nil {
			return guardError("query_invalid_base64_input", "Input is not valid base64.")
		}
		var any any
		if err := codec.Unmarshal(codec.CBOR, data, &any); err != nil {
			return guardError("query_invalid_cbor_input", "Input is not valid CBOR.")
		}
		rt.want.input = codec.RawValue(codec.CBOR, data)
	}
	return nil
}

var (
	idForm       = regexp.MustCompile(`^[0-9a-z]{30}$`)
	legacyIDForm = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// resolve finds or makes the actor that rt addresses, ready to be called.
func (g *Gateway) resolve(rt route) (*Instance, *Actor, error) {
	if rt.refuse != nil {
		return nil, nil, rt.refuse
	}
	var inst *Instance
	if !rt.byKey {
		form := idForm
		if g.cfg.legacy {
			form = legacyIDForm
		}
		if !form.MatchString(rt.id) {
			return nil, nil, Error("core", "internal_error", internalMessage, nil)
		}
		inst = g.find(rt.id)
	} else {
		if err := g.checkNamespace(rt.want.namespace); err != nil {
			return nil, nil, err
		}
		if err := checkKey(rt.want.key); err != nil {
			return nil, nil, err
		}
		inst = g.findKey(rt.want.namespace, rt.want.name, rt.want.key)
		if inst == nil && rt.create {
			inst, _ = g.getOrCreate(rt.want)
		}
	}
	if inst == nil {
		return nil, nil, errActorNotFound
	}
	actor, err := g.start(inst)
	return inst, actor, err
}

var errActorNotFound = Error("actor", "not_found", "The actor does not exist or was destroyed.", nil)

func (g *Gateway) checkNamespace(name string) error {
	if len(g.cfg.namespaces) == 0 {
		return nil
	}
	for _, ns := range g.cfg.namespaces {
		if ns == name {
			return nil
		}
	}
	return Error("namespace", "not_found", "The namespace does not exist.", nil)
}

// checkKey refuses keys that are too large, 1,024 bytes serialized.
func checkKey(key []string) error {
	if n := len(serializeKey(key)); n > 1024 {
		return Error("actor", "key_too_large", fmt.Sprintf("Actor key too large: %d bytes.", n), nil)
	}
	return nil
}
