package local

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Lists of the API.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// namespaceID is the id that the engine would have for the namespace.
const namespaceID = "default00000000000000000000000"

// actorObject is an actor in the API.
type actorObject struct {
	ID          string  `json:"actor_id"`
	Name        string  `json:"name"`
	Key         *string `json:"key"`
	NamespaceID string  `json:"namespace_id"`
	Datacenter  string  `json:"datacenter"`
	Pool        string  `json:"runner_name_selector"`
	CrashPolicy string  `json:"crash_policy"`
	Created     int64   `json:"create_ts"`
	Started     *int64  `json:"start_ts"`
	Pending     *int64  `json:"pending_allocation_ts"` // always null, as the next but two
	Connectable *int64  `json:"connectable_ts"`
	Slept       *int64  `json:"sleep_ts"`
	Reschedule  *int64  `json:"reschedule_ts"`
	Destroyed   *int64  `json:"destroy_ts"`
	Failure     *failed `json:"error,omitempty"`
}

// failed is why an actor does not run. The text is masked, as it is what a
// hook has returned.
type failed struct {
	Message string `json:"message"`
}

// object returns an actor as the API has it now.
func (f *front) object(rec *record) actorObject {
	o := actorObject{
		ID: rec.ID, Name: rec.Name, NamespaceID: namespaceID,
		Datacenter: rec.Region, Pool: rec.Pool, CrashPolicy: rec.CrashPolicy,
		Created: rec.CreatedAt.UnixMilli(), Started: apiMillis(rec.StartedAt), Connectable: apiMillis(f.places.connectable(rec.ID)),
		Slept: apiMillis(rec.SleptAt), Destroyed: apiMillis(rec.DestroyedAt),
	}
	if !rec.Keyless {
		o.Key = new(gateway.SerializeKey(rec.Key))
	}
	if rec.Failure != "" {
		o.Failure = &failed{Message: errInternal.Message}
	}
	return o
}

// apiMillis is t as the API has it, nil for the zero time.
func apiMillis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

type pagination struct {
	Cursor *string `json:"cursor"`
}

func page(cursor string) pagination {
	if cursor == "" {
		return pagination{}
	}
	return pagination{&cursor}
}

type actorList struct {
	Actors     []actorObject `json:"actors"`
	Pagination pagination    `json:"pagination"`
}

// refuseAPI answers a call of the API that failed.
func (f *front) refuseAPI(w http.ResponseWriter, r *http.Request, err error) {
	e := f.errorOf(r.Context(), err)
	writeError(w, r, apiStatus(e), e)
}

func badRequest(reason string) *codec.Error {
	return gatewayError("api", "bad_request", "Request is invalid: "+reason, map[string]any{"reason": reason})
}

func badInput(message string) *codec.Error {
	return gatewayError("validation", "invalid_input", message, map[string]any{"message": message})
}

func (f *front) serveActors(w http.ResponseWriter, r *http.Request) {
	serve := f.listActors
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		serve = f.createActor
	}
	answer, err := serve(r)
	if err != nil {
		f.refuseAPI(w, r, err)
		return
	}
	writeJSON(w, r, answer)
}

// listActors answers GET /actors: by ids, by name and key, or by name.
func (f *front) listActors(r *http.Request) (any, error) {
	q, err := readAPIQuery(r, "namespace", "name", "key", "actor_ids", "actor_id", "include_destroyed", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	limit, err := q.limit()
	if err != nil {
		return nil, err
	}
	switch q["include_destroyed"] {
	case nil:
	default:
		if v := q["include_destroyed"][0]; v != "true" && v != "false" {
			return nil, badQuery("include_destroyed: provided string was not `true` or `false`")
		}
	}
	ids, err := q.ids()
	if err != nil {
		return nil, err
	}
	name, byName := q.text("name")
	key, byKey := q.text("key")
	switch {
	case len(ids) > 0 && (byName || byKey):
		return nil, badInput("Cannot provide both actor_id and (name + key). Use either actor_id or (name + key).")
	case byKey && !byName:
		return nil, badInput("Name is required when key is provided.")
	case len(ids) == 0 && !byName:
		return nil, badInput("Name is required when not using actor_ids.")
	}
	answer := actorList{Actors: []actorObject{}}
	switch {
	case len(ids) > 0:
		for _, id := range ids {
			rec, ok, err := f.places.byID(r.Context(), id)
			if err != nil {
				return nil, err
			}
			if ok {
				answer.Actors = append(answer.Actors, f.object(&rec))
			}
		}
	case byKey:
		rec, ok, err := f.places.find(r.Context(), name, gateway.ParseKey(key))
		if err != nil {
			return nil, err
		}
		if ok {
			answer.Actors = append(answer.Actors, f.object(&rec))
		}
	case limit > 0:
		cursor, _ := q.text("cursor")
		recs, next, err := f.places.list(r.Context(), name, cursor, limit)
		if errors.Is(err, errCursor) {
			return nil, badQuery("cursor: no such cursor")
		}
		if err != nil {
			return nil, err
		}
		for i := range recs {
			answer.Actors = append(answer.Actors, f.object(&recs[i]))
		}
		answer.Pagination = page(next)
	}
	return answer, nil
}

func (f *front) serveNames(w http.ResponseWriter, r *http.Request) {
	answer, err := f.listNames(r)
	if err != nil {
		f.refuseAPI(w, r, err)
		return
	}
	writeJSON(w, r, answer)
}

// listNames answers with the names that there are actors of, and those that
// there could be.
func (f *front) listNames(r *http.Request) (any, error) {
	q, err := readAPIQuery(r, "namespace", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	limit, err := q.limit()
	if err != nil {
		return nil, err
	}
	names, err := f.places.names(r.Context())
	if err != nil {
		return nil, err
	}
	names = mergeNames(names, f.rt.Names())
	cursor, _ := q.text("cursor")
	answer := struct {
		Names      map[string]nameInfo `json:"names"`
		Pagination pagination          `json:"pagination"`
	}{Names: make(map[string]nameInfo)}
	for _, name := range names {
		if name <= cursor && cursor != "" {
			continue
		}
		if len(answer.Names) == limit {
			break
		}
		answer.Names[name] = nameInfo{}
		answer.Pagination = page(name)
	}
	return answer, nil
}

// serveDatacenters names the one region, as if it were one of an engine's.
func (f *front) serveDatacenters(w http.ResponseWriter, r *http.Request) {
	type datacenter struct {
		Label int    `json:"label"`
		Name  string `json:"name"`
		URL   string `json:"url"`
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	writeJSON(w, r, struct {
		Datacenters []datacenter `json:"datacenters"`
		Pagination  pagination   `json:"pagination"`
	}{Datacenters: []datacenter{{1, region, scheme + r.Host + "/"}}})
}

// serveDestroy answers when the actor is gone.
func (f *front) serveDestroy(w http.ResponseWriter, r *http.Request, id string) {
	_, err := readAPIQuery(r, "namespace")
	switch {
	case err != nil:
	case !idForm.MatchString(id):
		err = badRequest("Invalid URL: " + strconv.Quote(clip(id)) + " is not the id of an actor")
	default:
		err = f.places.destroy(r.Context(), id)
	}
	if err != nil {
		f.refuseAPI(w, r, err)
		return
	}
	writeJSON(w, r, struct{}{})
}

// mergeNames merges two sorted lists.
func mergeNames(a, b []string) []string {
	merged := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch strings.Compare(a[0], b[0]) {
		case -1:
			merged, a = append(merged, a[0]), a[1:]
		case 1:
			merged, b = append(merged, b[0]), b[1:]
		default:
			merged, a, b = append(merged, a[0]), a[1:], b[1:]
		}
	}
	return append(append(merged, a...), b...)
}
