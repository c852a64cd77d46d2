package codec_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/codec"
)

// vector is one golden message, as its README describes them.
type vector struct {
	Name        string          `json:"name"`
	Encoding    string          `json:"encoding"`
	Direction   string          `json:"direction"`
	Hex         string          `json:"hex"`
	Text        string          `json:"text"`
	Decoded     json.RawMessage `json:"decoded"`
	Version     int             `json:"version"`
	Status      int             `json:"status"`
	ContentType string          `json:"contentType"`
	Path        string          `json:"path"`
	Close       json.RawMessage `json:"close"`
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.Text != "" {
		return []byte(v.Text)
	}
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) enc(t testing.TB) codec.Encoding {
	t.Helper()
	enc, err := codec.ParseEncoding(v.Encoding)
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

func (v vector) toServer() bool { return v.Direction == "toServer" }

// meaning is the vector's decoded form as plain maps and slices.
func (v vector) meaning(t testing.TB) map[string]any {
	t.Helper()
	m, ok := typed(t, v.Decoded).(map[string]any)
	if !ok {
		t.Fatalf("vector %q has no object: %s", v.Name, v.Decoded)
	}
	return m
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) == 0 {
		t.Fatalf("%s is empty", file)
	}
	return vs
}

// typed reads JSON with numbers kept as text.
func typed(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}

// plain decodes one encoded value with other decoders than ours and brings it
// into the form that comparable gives the meaning of a vector.
func plain(t testing.TB, enc codec.Encoding, data []byte) any {
	t.Helper()
	if enc == codec.JSON {
		return comparable(t, typed(t, data))
	}
	var v any
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	// Native maps have keys of any type.
	if err := mode.Unmarshal(data, &v); err != nil {
		if err := cbor.Unmarshal(data, &v); err != nil {
			t.Fatalf("%v in %x", err, data)
		}
	}
	return comparable(t, v)
}

// comparable makes values of different origin comparable: numbers become
// float64, the compat pairs and the vectors' {"$bigint":…} the same text.
func comparable(t testing.TB, v any) any {
	t.Helper()
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return f
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case []any:
		if len(v) == 2 {
			switch v[0] {
			case "$BigInt":
				return fmt.Sprint("bigint ", v[1])
			case "$Undefined":
				return "undefined"
			}
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = comparable(t, v[i])
		}
		return out
	case map[string]any:
		if n, ok := v["$bigint"]; ok {
			return fmt.Sprint("bigint ", n)
		}
		if _, ok := v["$undefined"]; ok {
			return "undefined"
		}
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = comparable(t, v[k])
		}
		return out
	case nil:
		return nil
	}
	return v
}

// exotic says that a meaning has values for which CBOR and the vectors' typed
// JSON have several forms; package codec's value tests cover those.
func exotic(decoded json.RawMessage) bool {
	for _, mark := range []string{"$bytes", "$arraybuffer", "$date", "$set", "$map", "$typedarray", "$float", "$bigint", "$undefined", `["$`} {
		if bytes.Contains(decoded, []byte(mark)) {
			return true
		}
	}
	return false
}

// sameValue compares encoded bytes with their meaning.
func sameValue(t *testing.T, v vector, enc codec.Encoding, data []byte, want any, what string) {
	t.Helper()
	if len(data) == 0 && (want == nil || comparable(t, want) == "undefined") {
		return
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if exotic(w) {
		if enc != codec.JSON {
			if err := cbor.Wellformed(data); err != nil {
				t.Errorf("%s: %v in %x", what, err, data)
			}
		} else if !json.Valid(data) {
			t.Errorf("%s: invalid JSON %s", what, data)
		}
		return
	}
	if got, want := plain(t, enc, data), comparable(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestWebSocketVectors(t *testing.T) {
	kinds := map[string]int{}
	for _, file := range []string{"to_server.json", "to_client.json", "captured_ws.json", "legacy_2_0_33.json"} {
		for i, v := range readVectors(t, file) {
			if v.Close != nil || !bytes.Contains(v.Decoded, []byte(`"body"`)) || !bytes.Contains(v.Decoded, []byte(`"tag"`)) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d %s %s", file, i, v.Encoding, v.Name), func(t *testing.T) {
				enc, frame := v.enc(t), v.bytes(t)
				m := decodeWS(t, v, frame)
				checkWS(t, v, m)
				kinds[v.Encoding+m.Kind.String()]++

				again := appendWS(enc, m)
				if enc == codec.BARE && file != "legacy_2_0_33.json" && v.Version == 0 {
					// Only the version is ours to choose.
					if !bytes.Equal(again[2:], frame[2:]) {
						t.Errorf("encoded again: %x, want %x", again, frame)
					}
				}
				checkWS(t, v, decodeWS(t, v, again))
				if enc == codec.JSON && !json.Valid(again) {
					t.Errorf("not JSON: %s", again)
				}
				if enc == codec.CBOR {
					if err := cbor.Wellformed(again); err != nil {
						t.Errorf("not CBOR: %v in %x", err, again)
					}
				}

				name, args, ok := codec.ScanEvent(enc, frame)
				if ok != (m.Kind == codec.KindEvent) {
					t.Errorf("ScanEvent ok = %v on %s", ok, m.Kind)
				}
				if ok && (!bytes.Equal(name, m.Name) || !bytes.Equal(args, m.Value)) {
					t.Errorf("ScanEvent = %q %x", name, args)
				}
			})
		}
	}
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		for k := codec.KindInit; k <= codec.KindSubscription; k++ {
			if kinds[enc.String()+k.String()] == 0 {
				t.Errorf("no vector of %s in %s", k, enc)
			}
		}
	}
}

func decodeWS(t *testing.T, v vector, frame []byte) codec.Message {
	t.Helper()
	var m codec.Message
	decode, other := codec.DecodeToClient, codec.DecodeToServer
	if v.toServer() {
		decode, other = other, decode
	}
	if err := decode(v.enc(t), frame, &m); err != nil {
		t.Fatal(err)
	}
	if v.enc(t) != codec.BARE { // whose union tags mean something both ways
		if err := other(v.enc(t), frame, new(codec.Message)); err == nil {
			t.Error("decoded in the wrong direction")
		}
	}
	return m
}

func appendWS(enc codec.Encoding, m codec.Message) []byte {
	switch m.Kind {
	case codec.KindInit:
		return codec.AppendInit(nil, enc, m.ActorID, m.ConnectionID)
	case codec.KindError:
		return codec.AppendError(nil, enc, m.Err, m.ID, m.HasID)
	case codec.KindActionResponse:
		return codec.AppendActionResponse(nil, enc, m.ID, m.Value)
	case codec.KindEvent:
		return codec.AppendEvent(nil, enc, string(m.Name), m.Value)
	case codec.KindActionRequest:
		return codec.AppendActionRequest(nil, enc, m.ID, string(m.Name), m.Value)
	case codec.KindSubscription:
		return codec.AppendSubscription(nil, enc, string(m.Name), m.Subscribe)
	}
	return nil
}

// checkWS compares a decoded message with the meaning of its vector.
func checkWS(t *testing.T, v vector, m codec.Message) {
	t.Helper()
	body := v.meaning(t)["body"].(map[string]any)
	if got := m.Kind.String(); got != body["tag"] {
		t.Fatalf("kind = %s, want %s", got, body["tag"])
	}
	val := body["val"].(map[string]any)
	enc := v.enc(t)
	id := func(member string) {
		t.Helper()
		want, has := val[member].(map[string]any)
		if m.HasID != has || has && want["$bigint"] != strconv.FormatUint(m.ID, 10) {
			t.Errorf("id = %d (%v), want %v", m.ID, m.HasID, val[member])
		}
	}
	switch m.Kind {
	case codec.KindInit:
		if m.ActorID != val["actorId"] || m.ConnectionID != val["connectionId"] {
			t.Errorf("init = %q %q, want %v", m.ActorID, m.ConnectionID, val)
		}
	case codec.KindError:
		id("actionId")
		checkError(t, v, m.Err, val)
	case codec.KindActionResponse:
		id("id")
		if _, ok := val["output"]; !ok { // what 2.0 leaves out, we write
			val["output"] = map[string]any{"$undefined": true}
		}
		sameValue(t, v, enc, m.Value, val["output"], "output")
	case codec.KindEvent:
		if string(m.Name) != val["name"] {
			t.Errorf("name = %q, want %v", m.Name, val["name"])
		}
		sameValue(t, v, enc, m.Value, val["args"], "args")
	case codec.KindActionRequest:
		id("id")
		if string(m.Name) != val["name"] {
			t.Errorf("name = %q, want %v", m.Name, val["name"])
		}
		sameValue(t, v, enc, m.Value, val["args"], "args")
	case codec.KindSubscription:
		if string(m.Name) != val["eventName"] || m.Subscribe != val["subscribe"] {
			t.Errorf("subscription = %q %v, want %v", m.Name, m.Subscribe, val)
		}
	}
}

func checkError(t *testing.T, v vector, e *codec.Error, val map[string]any) {
	t.Helper()
	if e.Group != val["group"] || e.Code != val["code"] || e.Message != val["message"] {
		t.Errorf("error = %+v, want %v", e, val)
	}
	if val["metadata"] == nil && len(e.Metadata.Bytes()) > 0 {
		t.Errorf("metadata %x, want none", e.Metadata.Bytes())
	}
	if val["metadata"] != nil {
		sameValue(t, v, e.Metadata.Encoding(), e.Metadata.Bytes(), val["metadata"], "metadata")
	}
	actor, has := val["actor"].(map[string]any)
	if actor["$undefined"] != nil {
		has = false
	}
	if v.Encoding == "bare" && v.Version != 0 && v.Version < 4 {
		has = false
	}
	if !has {
		if e.Actor != nil {
			t.Errorf("actor = %+v, want none", e.Actor)
		}
		return
	}
	if e.Actor == nil {
		t.Fatalf("no actor, want %v", actor)
	}
	key, hasKey := actor["key"].(string)
	generation, _ := strconv.ParseUint(fmt.Sprint(actor["generation"]), 10, 64)
	if want := (codec.ActorRef{ID: actor["actorId"].(string), Generation: generation, Key: key, HasKey: hasKey}); *e.Actor != want {
		t.Errorf("actor = %+v, want %+v", *e.Actor, want)
	}
}

func TestHTTPVectors(t *testing.T) {
	seen := map[string]int{}
	for _, file := range []string{"http_bodies.json", "captured_http.json", "legacy_2_0_33.json"} {
		for i, v := range readVectors(t, file) {
			if v.Encoding == "closeReason" || len(v.Decoded) == 0 || bytes.Contains(v.Decoded, []byte(`"tag"`)) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d %s %s", file, i, v.Encoding, v.Name), func(t *testing.T) {
				seen[checkHTTP(t, v)]++
			})
		}
	}
	if want := []string{"action call", "action result", "error", "queue result", "queue send"}; !slices.Equal(slices.Sorted(maps.Keys(seen)), want) {
		t.Errorf("saw vectors of %v, want %v", seen, want)
	}
}

// checkHTTP decodes a body, encodes and decodes it again, and says what it was.
func checkHTTP(t *testing.T, v vector) (what string) {
	t.Helper()
	enc, body, val := v.enc(t), v.bytes(t), v.meaning(t)
	exact := func(again []byte) {
		t.Helper()
		if enc == codec.BARE && v.Version == 0 && body[0] == 4 && !bytes.Equal(again[2:], body[2:]) {
			t.Errorf("encoded again: %x, want %x", again, body)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	switch _, isError := val["code"]; {
	case isError:
		contentType, status := v.ContentType, max(v.Status, 500)
		if strings.Contains(v.Name, "text/plain") {
			contentType = "text/plain"
		}
		if v.Status != 0 {
			status = v.Status
		}
		e := codec.DecodeHTTPError(enc, status, contentType, body)
		if e.HTTPStatus != status {
			t.Errorf("status = %d, want %d", e.HTTPStatus, status)
		}
		checkError(t, v, e, val)
		again := codec.AppendHTTPError(nil, enc, e)
		exact(again)
		checkError(t, v, codec.DecodeHTTPError(enc, status, enc.ContentType(), again), val)
		return "error"
	case val["status"] != nil:
		r, err := codec.DecodeQueueResult(enc, body)
		must(err)
		again := codec.AppendQueueResult(nil, enc, r)
		exact(again)
		r2, err := codec.DecodeQueueResult(enc, again)
		must(err)
		for _, r := range []codec.QueueResult{r, r2} {
			if r.Status != val["status"] {
				t.Errorf("status = %q, want %v", r.Status, val["status"])
			}
			sameValue(t, v, enc, r.Response, val["response"], "response")
		}
		return "queue result"
	case v.toServer() && val["args"] == nil:
		q, err := codec.DecodeQueueSend(enc, body)
		must(err)
		again := codec.AppendQueueSend(nil, enc, q)
		exact(again)
		q2, err := codec.DecodeQueueSend(enc, again)
		must(err)
		ms, _ := strconv.Atoi(fmt.Sprint(val["timeout"]))
		name, _ := val["name"].(string)
		wait, _ := val["wait"].(bool)
		for _, q := range []codec.QueueSend{q, q2} {
			if q.Name != name || q.Wait != wait || q.Timeout != time.Duration(ms)*time.Millisecond {
				t.Errorf("queue send = %+v, want %v", q, val)
			}
			sameValue(t, v, enc, q.Body, val["body"], "body")
		}
		return "queue send"
	case v.toServer():
		args, err := codec.DecodeActionCall(enc, body)
		must(err)
		again := codec.AppendActionCall(nil, enc, args)
		exact(again)
		args2, err := codec.DecodeActionCall(enc, again)
		must(err)
		sameValue(t, v, enc, args, val["args"], "args")
		if !bytes.Equal(args, args2) {
			t.Errorf("args again = %x, want %x", args2, args)
		}
		return "action call"
	default:
		out, err := codec.DecodeActionResult(enc, body)
		must(err)
		sameValue(t, v, enc, out, val["output"], "output")
		if len(out) == 0 {
			return "action result"
		}
		again := codec.AppendActionResult(nil, enc, out)
		exact(again)
		out2, err := codec.DecodeActionResult(enc, again)
		must(err)
		if !bytes.Equal(out, out2) {
			t.Errorf("output again = %x, want %x", out2, out)
		}
		return "action result"
	}
}
