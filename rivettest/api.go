package rivettest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivet-go/rivet/codec"
)

func (g *Gateway) version() string {
	if g.cfg.legacy {
		return "2.0.33"
	}
	return "2.3.19"
}

func (g *Gateway) defaultMetadata() {
	if g.cfg.legacy {
		g.metadata["runtime"] = "rivetkit"
		g.metadata["runner"] = map[string]any{"kind": map[string]any{"normal": map[string]any{}}}
		g.metadata["actorNames"] = map[string]any{}
	} else {
		g.metadata["runtime"] = "engine"
		g.metadata["epoxy_protocol_version"] = 3
		g.metadata["envoy_protocol_version"] = 8
	}
	g.metadata["version"] = g.version()
	g.SetMetadata(g.cfg.metadata)
}

// SetMetadata sets or, with a nil value, removes members of what /metadata
// answers from now on.
func (g *Gateway) SetMetadata(members map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, value := range members {
		if value == nil {
			delete(g.metadata, name)
		} else {
			g.metadata[name] = value
		}
	}
}

func (g *Gateway) metadataAnswer() map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.metadata)
}

// serveAPI answers the engine's API of actors.
func (x *exchange) serveAPI() {
	query := x.r.URL.Query()
	namespace := query.Get("namespace")
	if namespace == "" && x.g.cfg.legacy {
		namespace = "default"
	}
	if namespace == "" {
		x.fail(badRequest("missing field `namespace`"))
		return
	}
	if err := x.g.checkNamespace(namespace); err != nil {
		x.fail(err)
		return
	}
	path := x.r.URL.EscapedPath()
	id, byID := pathName(path, "/actors/")
	switch {
	case path == "/actors" && x.r.Method == http.MethodGet:
		x.list(namespace)
	case path == "/actors" && (x.r.Method == http.MethodPut || x.r.Method == http.MethodPost):
		x.create(namespace)
	case path == "/actors/names" && x.r.Method == http.MethodGet:
		x.names(namespace)
	case byID && x.r.Method == http.MethodDelete && x.g.cfg.legacy:
		x.writeText(http.StatusNotFound, "Not Found (RivetKit)")
	case byID && x.r.Method == http.MethodDelete:
		x.destroy(id)
	default:
		x.fail(Error("api", "not_found", "Not found.", nil))
	}
}

func badRequest(reason string) error {
	return Error("api", "bad_request", "Bad request.", map[string]any{"reason": reason})
}

func (x *exchange) list(namespace string) {
	q := x.r.URL.Query()
	var ids []string
	for _, list := range q["actor_ids"] {
		ids = append(ids, strings.Split(list, ",")...)
	}
	name, byKey := q.Get("name"), q.Has("key")
	switch {
	case len(ids) == 0 && name == "":
		x.fail(badRequest("missing field `name`"))
		return
	case !x.g.cfg.legacy && slices.ContainsFunc(ids, func(id string) bool { return !idForm.MatchString(id) }):
		x.fail(Error("validation", "invalid_input", "Invalid actor id.", nil))
		return
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit <= 0 {
		limit = 32
	}
	start, _ := strconv.Atoi(q.Get("cursor"))
	start = max(start, 0)
	x.g.mu.Lock()
	found := []map[string]any{}
	next := ""
	for i, inst := range x.g.instances[min(start, len(x.g.instances)):] {
		switch {
		case inst.namespace != namespace || name != "" && inst.name != name:
			continue
		case len(ids) > 0 && !slices.Contains(ids, inst.id):
			continue
		case len(ids) == 0 && !inst.destroyed.IsZero(): // by id, the dead are listed too
			continue
		case byKey && serializeKey(inst.key) != serializeKey(x.readKey(q.Get("key"))):
			continue
		}
		if len(found) == limit {
			next = strconv.Itoa(start + i)
			break
		}
		found = append(found, x.g.describeInstance(inst))
	}
	x.g.mu.Unlock()
	answer := map[string]any{"actors": found}
	if !x.g.cfg.legacy {
		pagination := map[string]any{}
		if next != "" {
			pagination["cursor"] = next
		}
		answer["pagination"] = pagination
	}
	x.writeJSON(http.StatusOK, answer)
}

// readKey parses a serialized key; RivetKit 2.0 takes it for one part.
func (x *exchange) readKey(text string) []string {
	if x.g.cfg.legacy {
		return []string{text}
	}
	return parseKey(text)
}

func (x *exchange) names(namespace string) {
	x.g.mu.Lock()
	names := map[string]any{}
	for _, inst := range x.g.instances {
		if inst.namespace == namespace {
			names[inst.name] = map[string]any{"metadata": map[string]any{}}
		}
	}
	x.g.mu.Unlock()
	x.writeJSON(http.StatusOK, map[string]any{"names": names, "pagination": map[string]any{}})
}

// createBody is the body of PUT and POST /actors.
type createBody struct {
	Datacenter  *string `json:"datacenter"`
	Name        *string `json:"name"`
	Key         *string `json:"key"`
	Pool        string  `json:"runner_name_selector"`
	Input       *string `json:"input"`
	CrashPolicy string  `json:"crash_policy"`
}

func (x *exchange) create(namespace string) {
	want, err := x.readCreate(namespace)
	if err != nil {
		x.fail(err)
		return
	}
	if x.r.Method == http.MethodPost {
		if old := x.g.findKey(namespace, want.name, want.key); old != nil {
			key := serializeKey(want.key)
			if x.g.cfg.legacy {
				x.fail(&codec.Error{Group: "actor", Code: "duplicate_key", HTTPStatus: http.StatusBadRequest,
					Message: fmt.Sprintf("Actor already exists with name '%s' and key '%s'", want.name, key)})
				return
			}
			x.fail(Error("actor", "duplicate_key", fmt.Sprintf("Actor key '%s' already in use for actor '%s'", key, old.id),
				map[string]any{"existing_actor_id": old.id, "key": key}))
			return
		}
	}
	inst, created := x.g.getOrCreate(want)
	x.g.mu.Lock()
	answer := map[string]any{"actor": x.g.describeInstance(inst)}
	x.g.mu.Unlock()
	if x.r.Method == http.MethodPut {
		answer["created"] = created
	}
	x.writeJSON(http.StatusOK, answer)
}

func (x *exchange) readCreate(namespace string) (want Instance, err error) {
	if media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); media != "application/json" {
		return want, badRequest("Expected request with `Content-Type: application/json`")
	}
	var body createBody
	dec := json.NewDecoder(bytes.NewReader(x.body))
	if !x.g.cfg.legacy {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(&body); err != nil {
		return want, badRequest(err.Error())
	}
	switch {
	case body.Name == nil:
		return want, badRequest("missing field `name`")
	case body.Key == nil:
		return want, badRequest("missing field `key`")
	case *body.Key == "":
		return want, Error("actor", "empty_key", "Actor key is empty.", nil)
	case body.Pool == "":
		return want, badRequest("missing field `runner_name_selector`")
	}
	want = Instance{namespace: namespace, name: *body.Name, key: x.readKey(*body.Key), pool: body.Pool, crashPolicy: body.CrashPolicy}
	if body.Datacenter != nil {
		want.region = *body.Datacenter
	}
	if body.Input != nil {
		data, err := base64.StdEncoding.DecodeString(*body.Input)
		if err != nil {
			return want, badRequest("input is not base64")
		}
		want.input = codec.RawValue(codec.CBOR, data)
	}
	return want, checkKey(want.key)
}

// destroy answers 200 for an actor that is gone already, as the engine does.
func (x *exchange) destroy(id string) {
	x.g.mu.Lock()
	inst := x.g.byID[id]
	x.g.mu.Unlock()
	if inst == nil {
		x.fail(errActorNotFound)
		return
	}
	inst.Destroy()
	x.writeJSON(http.StatusOK, map[string]any{})
}

// describeInstance is the actor object of the API; the gateway's mutex is
// held.
func (g *Gateway) describeInstance(i *Instance) map[string]any {
	created := i.created.UnixMilli()
	if g.cfg.legacy {
		return map[string]any{
			"actor_id": i.id, "name": i.name, "key": serializeKey(i.key), "namespace_id": i.namespace,
			"runner_name_selector": i.pool, "create_ts": time.Now().UnixMilli(), "connectable_ts": created,
			"destroy_ts": nil, "sleep_ts": nil, "start_ts": nil,
		}
	}
	region := i.region
	if region == "" {
		region = "default"
	}
	var destroyed any
	if !i.destroyed.IsZero() {
		destroyed = i.destroyed.UnixMilli()
	}
	return map[string]any{
		"actor_id": i.id, "name": i.name, "key": serializeKey(i.key), "namespace_id": "ns" + i.namespace,
		"datacenter": region, "runner_name_selector": i.pool, "crash_policy": i.crashPolicy,
		"create_ts": created, "start_ts": created, "connectable_ts": created, "destroy_ts": destroyed,
		"pending_allocation_ts": nil, "sleep_ts": nil, "reschedule_ts": nil,
	}
}
