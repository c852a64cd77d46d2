package rivettest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

type actorObject struct {
	ID          string `json:"actor_id"`
	Name        string `json:"name"`
	Key         string `json:"key"`
	Datacenter  string `json:"datacenter"`
	Pool        string `json:"runner_name_selector"`
	CrashPolicy string `json:"crash_policy"`
	Created     int64  `json:"create_ts"`
	Destroyed   *int64 `json:"destroy_ts"`
}

type actorsAnswer struct {
	Actor      actorObject   `json:"actor"`
	Actors     []actorObject `json:"actors"`
	Created    bool          `json:"created"`
	Pagination struct {
		Cursor string `json:"cursor"`
	} `json:"pagination"`
}

var jsonBody = http.Header{"Content-Type": {"application/json"}}

func api(t *testing.T, gw *rivettest.Gateway, method, path, body string) (int, actorsAnswer, *codec.Error) {
	t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	status, h, data := do(t, gw, method, path+sep+"namespace=default", jsonBody, []byte(body))
	if status != 200 {
		return status, actorsAnswer{}, codec.DecodeHTTPError(codec.JSON, status, h.Get("Content-Type"), data)
	}
	return status, decode[actorsAnswer](t, codec.JSON, data), nil
}

func TestAPI(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		create := func(key string) string {
			return fmt.Sprintf(`{"datacenter":"eu-1","name":"counter","key":%q,"runner_name_selector":"p","input":"uQABZXN0YXJ0BQ==","crash_policy":"sleep"}`, key)
		}
		_, made, err := api(t, gw, http.MethodPut, "/actors", create(`a\/b/c`))
		if err != nil || !made.Created || made.Actor.Key != `a\/b/c` || made.Actor.Datacenter != "eu-1" || made.Actor.Pool != "p" {
			t.Fatalf("%+v %v", made, err)
		}
		inst := gw.Instance("counter", "a/b", "c")
		if inst.ID() != made.Actor.ID || inst.Region() != "eu-1" || inst.Pool() != "p" || inst.CrashPolicy() != "sleep" {
			t.Errorf("%+v", inst)
		}
		var input struct{ Start int }
		if err := inst.Input().Decode(&input); err != nil || input.Start != 5 {
			t.Errorf("input %v %v", input, err)
		}
		if _, again, err := api(t, gw, http.MethodPut, "/actors", create(`a\/b/c`)); err != nil || again.Created || again.Actor.ID != made.Actor.ID {
			t.Errorf("%+v %v", again, err)
		}
		status, _, err := api(t, gw, http.MethodPost, "/actors", create(`a\/b/c`))
		var meta struct {
			ID  string `json:"existing_actor_id"`
			Key string `json:"key"`
		}
		if status != 400 || err.Code != "duplicate_key" || err.Decode(&meta) != nil || meta.ID != made.Actor.ID || meta.Key != `a\/b/c` {
			t.Errorf("%d %v %+v", status, err, meta)
		}
		if _, got, err := api(t, gw, http.MethodPost, "/actors", create("/")); err != nil || got.Actor.ID == made.Actor.ID {
			t.Errorf("%+v %v", got, err)
		}
		_, got, err := api(t, gw, http.MethodGet, "/actors?name=counter&key="+url.QueryEscape(`a\/b/c`), "")
		if err != nil || len(got.Actors) != 1 || got.Actors[0].ID != made.Actor.ID {
			t.Errorf("%+v %v", got, err)
		}
		if _, got, err := api(t, gw, http.MethodGet, "/actors?name=counter&key=a/b/c", ""); err != nil || len(got.Actors) != 0 {
			t.Errorf("%+v %v", got, err)
		}
		for range 2 {
			if status, _, err := api(t, gw, http.MethodDelete, "/actors/"+made.Actor.ID, ""); status != 200 {
				t.Errorf("%d %v", status, err)
			}
		}
		if _, got, err := api(t, gw, http.MethodGet, "/actors?actor_ids="+made.Actor.ID, ""); err != nil || len(got.Actors) != 1 || got.Actors[0].Destroyed == nil {
			t.Errorf("%+v %v", got, err)
		}
		if gw.Instance("counter", "a/b", "c").ID() == made.Actor.ID {
			t.Error("a destroyed actor keeps its key")
		}
		for _, tc := range []struct{ method, path, body, want string }{
			{"GET", "/actors?actor_ids=nope", "", "validation.invalid_input"},
			{"GET", "/actors", "", "api.bad_request"},
			{"GET", "/elsewhere", "", "api.not_found"},
			{"PUT", "/actors", `{`, "api.bad_request"},
			{"PUT", "/actors", `{"name":"x","runner_name_selector":"p"}`, "api.bad_request"},
			{"PUT", "/actors", `{"name":"x","key":"k","runner_name_selector":"p","extra":1}`, "api.bad_request"},
			{"PUT", "/actors", create(""), "actor.empty_key"},
			{"PUT", "/actors", create(strings.Repeat("x", 1025)), "actor.key_too_large"},
			{"PUT", "/actors", create(strings.Repeat("x", 1024)), ""},
		} {
			_, _, err := api(t, gw, tc.method, tc.path, tc.body)
			if got := ""; err != nil {
				if got = err.Group + "." + err.Code; got != tc.want {
					t.Errorf("%s %s %s: %s", tc.method, tc.path, tc.body, got)
				}
			} else if tc.want != "" {
				t.Errorf("%s %s %s: accepted", tc.method, tc.path, tc.body)
			}
		}
		if status, _, _ := do(t, gw, http.MethodPut, "/actors?namespace=default", nil, []byte(create("x"))); status != 400 {
			t.Errorf("without a content type: %d", status)
		}
		if status, _, _ := do(t, gw, http.MethodGet, "/actors?name=x", nil, nil); status != 400 {
			t.Errorf("without a namespace: %d", status)
		}
	})
}

func TestListPages(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		for i := range 7 {
			gw.Instance("counter", fmt.Sprint(i))
			gw.Instance("other", fmt.Sprint(i))
		}
		gw.Instance("counter", "3").Destroy()
		var keys []string
		for cursor := ""; ; {
			_, page, err := api(t, gw, http.MethodGet, "/actors?name=counter&limit=2&cursor="+cursor, "")
			if err != nil || len(page.Actors) > 2 {
				t.Fatalf("%+v %v", page, err)
			}
			for _, a := range page.Actors {
				keys = append(keys, a.Key)
			}
			if cursor = page.Pagination.Cursor; cursor == "" {
				break
			}
		}
		if got := strings.Join(keys, " "); got != "0 1 2 4 5 6" {
			t.Errorf("listed %s", got)
		}
	})
}

func TestMetadataAndNamespaces(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		_, _, body := do(t, gw, http.MethodGet, "/metadata?namespace=a", nil, nil)
		meta := decode[map[string]any](t, codec.JSON, body)
		if meta["runtime"] != "engine" || meta["clientEndpoint"] != "http://next.invalid" || meta["clientToken"] != "tok" {
			t.Errorf("metadata %v", meta)
		}
		if _, ok := meta["clientNamespace"]; ok {
			t.Errorf("metadata %v", meta)
		}
		gw.SetMetadata(map[string]any{"clientEndpoint": nil})
		_, _, body = do(t, gw, http.MethodGet, "/metadata", nil, nil)
		if _, ok := decode[map[string]any](t, codec.JSON, body)["clientEndpoint"]; ok {
			t.Errorf("metadata %s", body)
		}
		for ns, want := range map[string]int{"a": 200, "b": 400} {
			if status, _, _ := do(t, gw, http.MethodGet, "/actors?name=x&namespace="+ns, nil, nil); status != want {
				t.Errorf("%s: %d", ns, status)
			}
		}
		gw.Actor("counter")
		status, h, _ := do(t, gw, http.MethodGet, "/gateway/counter/"+query, nil, nil)
		if status != 400 || h.Get("X-Rivet-Error") != "namespace.not_found" {
			t.Errorf("%d %v", status, h)
		}
	}, rivettest.RedirectTo("http://next.invalid", "", "tok"), rivettest.Namespaces("a"))
}
