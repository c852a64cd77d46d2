package interop_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// operations are all of the public API of the Rivet Engine and of RivetKit as of
// 2.3.19, as their OpenAPI descriptions list them. (No package has those; the
// engine's last description is that of 2.3.7, RivetKit's that of 2.2.0.) {id} is
// an actor.
var operations = []struct {
	method, path string
	absent       string // why a Go host does not offer it; empty when it does
}{
	{"GET", "/actors?namespace=default&name=counter", ""},
	{"PUT", "/actors?namespace=default", ""},
	{"POST", "/actors?namespace=default", ""},
	{"GET", "/actors/names?namespace=default", ""},
	{"GET", "/actors/{id}/kv/keys/a2V5?namespace=default", "an actor's values are its own: what others may see of them is an action"},
	{"POST", "/actors/{id}/reschedule?namespace=default", "the engine moves actors between processes; a host is one process"},
	{"POST", "/actors/{id}/sleep?namespace=default", "actors go to sleep by themselves, or by Self.Sleep"},
	{"GET", "/datacenters", ""},
	{"GET", "/envoys?namespace=default", "processes that an engine places actors on; a host is its own"},
	{"GET", "/health/fanout", "it asks the other data centers; /health is this host's"},
	{"GET", "/metadata", ""},
	{"GET", "/namespaces", "there is one namespace"},
	{"POST", "/namespaces", "the same"},
	{"GET", "/runner-configs?namespace=default", "pools of processes are an engine's"},
	{"POST", "/runner-configs/serverless-health-check?namespace=default", "the same"},
	{"PUT", "/runner-configs/nobody?namespace=default", "the same"},
	{"DELETE", "/runner-configs/nobody?namespace=default", "the same"},
	{"POST", "/runner-configs/nobody/refresh-metadata?namespace=default", "the same"},
	{"GET", "/runners?namespace=default", "the same"},
	{"GET", "/runners/names?namespace=default", "the same"},

	{"GET", "/gateway/{id}/health", ""},
	{"POST", "/gateway/{id}/action/hit", ""},
	{"GET", "/gateway/{id}/request/path", ""},
	{"POST", "/gateway/{id}/request/path", ""},
	{"PUT", "/gateway/{id}/request/path", ""},
	{"DELETE", "/gateway/{id}/request/path", ""},
	{"PATCH", "/gateway/{id}/request/path", ""},
	{"HEAD", "/gateway/{id}/request/path", ""},
	{"OPTIONS", "/gateway/{id}/request/path", ""},
	// The inspector wants a token, and says no more without one. A Go host has
	// no inspector, hence no token, and says the same.
	{"GET", "/gateway/{id}/inspector/state", ""},
	{"PATCH", "/gateway/{id}/inspector/state", ""},
	{"GET", "/gateway/{id}/inspector/connections", ""},
	{"GET", "/gateway/{id}/inspector/rpcs", ""},
	{"POST", "/gateway/{id}/inspector/action/hit", ""},
	{"GET", "/gateway/{id}/inspector/queue", ""},
	{"GET", "/gateway/{id}/inspector/traces", ""},
	{"GET", "/gateway/{id}/inspector/workflow-history", ""},
	{"POST", "/gateway/{id}/inspector/workflow/replay", ""},
	{"GET", "/gateway/{id}/inspector/summary", ""},

	{"DELETE", "/actors/{id}?namespace=default", ""}, // the actor of the others, so the last
}

// TestOperations: a Go host answers every operation of the API as the official
// servers do, or says that there is no such path.
func TestOperations(t *testing.T) {
	t.Parallel()
	official, host := engine.get(t).Endpoint, goHost(t)
	ids := make(map[string]string) // of an actor at each endpoint
	for i, endpoint := range []string{official, host, host + "/api/rivet"} {
		key := t.Name() + strconv.Itoa(i)
		body := `{"name":"hooked","key":"` + key + `","runner_name_selector":"default","crash_policy":"sleep"}`
		a := operate(t, "PUT", endpoint+"/actors?namespace=default", body)
		var made struct {
			Actor struct {
				ID string `json:"actor_id"`
			}
		}
		if err := json.Unmarshal(a.body, &made); err != nil || made.Actor.ID == "" {
			t.Fatalf("no actor at %s: %d %s", endpoint, a.status, a.body)
		}
		ids[endpoint] = made.Actor.ID
	}
	for _, op := range operations {
		want := operate(t, op.method, official+strings.ReplaceAll(op.path, "{id}", ids[official]), "{}")
		if want.missing() {
			t.Errorf("%s %s is no operation of the engine: %d %s", op.method, op.path, want.status, want.body)
			continue
		}
		for _, endpoint := range []string{host, host + "/api/rivet"} {
			got := operate(t, op.method, endpoint+strings.ReplaceAll(op.path, "{id}", ids[endpoint]), "{}")
			switch {
			case op.absent != "" && !got.missing():
				t.Errorf("%s %s at %s is listed as not offered: %d %s", op.method, op.path, endpoint, got.status, got.body)
			case op.absent == "" && (got.status != want.status || got.code() != want.code()):
				t.Errorf("%s %s at %s:\n got %d %s\nwant %d %s", op.method, op.path, endpoint, got.status, got.body, want.status, want.body)
			}
		}
	}
}

// reply is an answer over HTTP.
type reply struct {
	status int
	body   []byte
}

// code is the group and the code of an error, only a dot for what is none.
func (r reply) code() string {
	var e struct{ Group, Code string }
	_ = json.Unmarshal(r.body, &e)
	return e.Group + "." + e.Code
}

// missing says that there is no such path.
func (r reply) missing() bool { return r.status == http.StatusNotFound && r.code() == "api.not_found" }

func operate(t *testing.T, method, url, body string) reply {
	t.Helper()
	for try := 1; ; try++ {
		r, err := tryToOperate(t, method, url, body)
		if err == nil {
			return r
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) || try == 5 { // the engine cuts off an answer now and then
			t.Fatal(err)
		}
	}
}

func tryToOperate(t *testing.T, method, url, body string) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, text}, err
}
