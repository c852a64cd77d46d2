package local

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// maxAPIBody bounds the body of a call of the API, in bytes. An input of the
// size that the store takes fits in.
const maxAPIBody = 4 << 20

// apiQuery is the query of a call of the API.
type apiQuery url.Values

func badQuery(reason string) *codec.Error {
	return badRequest("Failed to deserialize query string: " + reason)
}

// readAPIQuery reads a query that may have those parameters, of which the
// first is the namespace.
func readAPIQuery(r *http.Request, known ...string) (apiQuery, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badQuery("invalid percent-encoding")
	}
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			return nil, badQuery(clip(name) + ": unknown field `" + clip(name) + "`, expected " + oneOf(known))
		case len(list) > 1 && name != "actor_id":
			return nil, badQuery(name + ": unsupported value")
		}
	}
	if !values.Has("namespace") {
		return nil, badQuery("missing field `namespace`")
	}
	if values.Get("namespace") != namespace {
		return nil, errUnknownNamespace
	}
	return apiQuery(values), nil
}

func oneOf(names []string) string {
	quoted := "`" + strings.Join(names, "`, `") + "`"
	if len(names) > 1 {
		return "one of " + quoted
	}
	return quoted
}

func (q apiQuery) text(name string) (string, bool) {
	if list := q[name]; len(list) > 0 {
		return list[0], true
	}
	return "", false
}

func (q apiQuery) limit() (int, error) {
	text, ok := q.text("limit")
	if !ok {
		return defaultLimit, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		n = maxLimit
	} else if err != nil {
		return 0, badQuery("limit: invalid digit found in string")
	}
	return int(min(n, maxLimit)), nil
}

// ids are the actors that are asked for by id. Of actor_ids, which is a list
// with commas, the engine ignores what is none.
func (q apiQuery) ids() ([]string, error) {
	var ids []string
	for _, id := range q["actor_id"] {
		if !idForm.MatchString(id) {
			return nil, badQuery("actor_id[" + strconv.Itoa(len(ids)) + "]: invalid id")
		}
		ids = append(ids, id)
	}
	if text, ok := q.text("actor_ids"); ok {
		for id := range strings.SplitSeq(text, ",") {
			if idForm.MatchString(id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) > maxLimit {
		return nil, badInput("Too many actor ids, the limit is " + strconv.Itoa(maxLimit) + ".")
	}
	return ids, nil
}

// createActor answers PUT and POST /actors.
func (f *front) createActor(r *http.Request) (any, error) {
	if _, err := readAPIQuery(r, "namespace"); err != nil {
		return nil, err
	}
	s, err := readCreate(r)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodPut {
		rec, created, err := f.places.getOrCreate(r.Context(), s)
		if err != nil {
			return nil, err
		}
		return struct {
			Actor   actorObject `json:"actor"`
			Created bool        `json:"created"`
		}{f.object(&rec), created}, nil
	}
	rec, err := f.places.create(r.Context(), s)
	if taken, ok := errors.AsType[*takenError](err); ok {
		key := gateway.SerializeKey(s.Key)
		return nil, gatewayError("actor", "duplicate_key", "Actor key '"+key+"' already in use for actor '"+taken.Existing+"'",
			map[string]any{"existing_actor_id": taken.Existing, "key": key})
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Actor actorObject `json:"actor"`
	}{f.object(&rec)}, nil
}

// createFields are the members of the body, in the order in which the engine
// misses them.
var createFields = []string{"datacenter", "name", "key", "input", "runner_name_selector", "crash_policy"}

func badBody(reason string) *codec.Error {
	return badRequest("Failed to deserialize the JSON body into the target type: " + reason)
}

// readCreate reads the body of PUT and POST /actors. An actor that is created by
// POST needs no key.
func readCreate(r *http.Request) (s spec, err error) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return s, badRequest("Expected request with `Content-Type: application/json`")
	}
	members, err := readObject(r.Body)
	if err != nil {
		return s, err
	}
	optional := []string{"datacenter", "input"}
	if r.Method == http.MethodPost {
		optional = append(optional, "key")
	}
	text := make(map[string]string, len(members))
	for name, value := range members {
		if slices.Contains(optional, name) && value == nil {
			continue
		}
		v, ok := value.(string)
		if !ok {
			return s, badBody(name + ": invalid type, expected a string")
		}
		text[name] = v
	}
	for _, name := range createFields {
		if _, ok := text[name]; !ok && !slices.Contains(optional, name) {
			return s, badBody("missing field `" + name + "`")
		}
	}
	if policy := text["crash_policy"]; !isCrashPolicy(policy) {
		return s, badBody("crash_policy: unknown variant `" + clip(policy) + "`, expected one of `restart`, `sleep`, `destroy`")
	}
	key, hasKey := text["key"]
	if hasKey && key == "" {
		return s, errEmptyKey
	}
	s = spec{Name: text["name"], Key: gateway.ParseKey(key), Keyless: !hasKey, Region: text["datacenter"], Pool: text["runner_name_selector"], CrashPolicy: text["crash_policy"]}
	if input, ok := text["input"]; ok {
		if s.Input, err = base64.StdEncoding.DecodeString(input); err != nil {
			return s, badBody("input: not base64 with padding")
		}
	}
	if e := checkSpec(&s); e != nil {
		return s, e
	}
	if e := checkPool(s.Pool); e != nil {
		return s, e
	}
	return s, nil
}

// readObject reads a JSON object with members out of createFields, each of
// them once.
func readObject(body io.Reader) (map[string]any, error) {
	limited := &io.LimitedReader{R: body, N: maxAPIBody + 1}
	dec := json.NewDecoder(limited)
	members := make(map[string]any)
	failure := func(err error) error {
		if limited.N <= 0 {
			return tooLarge(maxAPIBody)
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("EOF while parsing a value")
		}
		return badRequest("Failed to parse the request body as JSON: " + err.Error())
	}
	token, err := dec.Token()
	if err != nil {
		return nil, failure(err)
	}
	if token != json.Delim('{') {
		return nil, badBody("invalid type, expected an object")
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, failure(err)
		}
		name := token.(string) // of an object, or there was an error
		if !slices.Contains(createFields, name) {
			return nil, badBody(clip(name) + ": unknown field `" + clip(name) + "`, expected " + oneOf(createFields))
		}
		if _, twice := members[name]; twice {
			return nil, badBody("duplicate field `" + name + "`")
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, failure(err)
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, failure(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("trailing characters")
		}
		return nil, failure(err)
	}
	return members, nil
}
