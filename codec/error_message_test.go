package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rivet-go/rivet/codec"
)

var sentinels = map[string]error{
	"ErrActorNotFound": codec.ErrActorNotFound, "ErrRouteNotFound": codec.ErrRouteNotFound,
	"ErrActorExists": codec.ErrActorExists, "ErrActorDestroyed": codec.ErrActorDestroyed,
	"ErrActorUnavailable": codec.ErrActorUnavailable, "ErrActionNotFound": codec.ErrActionNotFound,
	"ErrActionTimedOut": codec.ErrActionTimedOut, "ErrForbidden": codec.ErrForbidden,
	"ErrUnauthorized": codec.ErrUnauthorized, "ErrNamespaceNotFound": codec.ErrNamespaceNotFound,
	"ErrRegionNotFound": codec.ErrRegionNotFound, "ErrPoolNotFound": codec.ErrPoolNotFound,
	"ErrInvalidKey": codec.ErrInvalidKey, "ErrOverloaded": codec.ErrOverloaded,
	"ErrRateLimited": codec.ErrRateLimited, "ErrQueueFull": codec.ErrQueueFull,
	"ErrMessageTooLong": codec.ErrMessageTooLong, "ErrInternal": codec.ErrInternal,
}

func TestSentinels(t *testing.T) {
	actor := &codec.ActorRef{ID: "abc"}
	used := map[string]bool{}
	for _, tt := range []struct {
		group, code string
		actor       *codec.ActorRef
		want        string // names of the sentinels that match
	}{
		{"actor", "not_found", nil, "ErrActorNotFound"},
		{"actor", "not_found", actor, "ErrRouteNotFound"},
		{"guard", "no_route", nil, "ErrRouteNotFound"},
		{"api", "not_found", nil, "ErrRouteNotFound"},
		{"actor", "duplicate_key", nil, "ErrActorExists"},
		{"actor", "destroyed_while_waiting_for_ready", nil, "ErrActorDestroyed"},
		{"actor", "destroyed_during_creation", nil, "ErrActorDestroyed"},
		{"actor", "destroying", nil, "ErrActorDestroyed"},
		{"actor", "stopping", actor, "ErrActorUnavailable"},
		{"guard", "actor_wake_retries_exceeded", nil, "ErrActorUnavailable"},
		{"guard", "service_unavailable", nil, "ErrActorUnavailable"},
		{"actor", "action_not_found", actor, "ErrActionNotFound"},
		{"action", "not_found", nil, "ErrActionNotFound"},
		{"actor", "action_timed_out", actor, "ErrActionTimedOut"},
		{"action", "timed_out", nil, "ErrActionTimedOut"},
		{"auth", "forbidden", actor, "ErrForbidden"},
		{"api", "forbidden", nil, "ErrForbidden"},
		{"api", "unauthorized", nil, "ErrUnauthorized"},
		{"namespace", "not_found", nil, "ErrNamespaceNotFound"},
		{"actor", "namespace_not_found", nil, "ErrNamespaceNotFound"},
		{"datacenter", "not_found", nil, "ErrRegionNotFound"},
		{"actor", "no_runner_config_configured", nil, "ErrPoolNotFound"},
		{"actor", "empty_key", nil, "ErrInvalidKey"},
		{"actor", "key_too_large", nil, "ErrInvalidKey"},
		{"actor", "overloaded", actor, "ErrOverloaded"},
		{"guard", "rate_limit", nil, "ErrRateLimited"},
		{"queue", "full", actor, "ErrQueueFull"},
		{"message", "incoming_too_long", actor, "ErrMessageTooLong"},
		{"message", "outgoing_too_long", nil, "ErrMessageTooLong"},
		{"queue", "message_too_large", actor, "ErrMessageTooLong"},
		{"actor", "input_too_large", nil, "ErrMessageTooLong"},
		{"rivetkit", "internal_error", actor, "ErrInternal"},
		{"core", "internal_error", nil, "ErrInternal"},
		{"actor", "internal_error", nil, "ErrInternal"},
		{"internal", "internal_error", nil, "ErrInternal"},
		// An application may use any code in its own group.
		{"user", "not_found", actor, ""},
		{"user", "forbidden", actor, ""},
		{"user", "destroyed_by_fire", actor, ""},
		{"", "internal_error", nil, ""},
		{"actor", "destroyedness", nil, ""},
	} {
		e := &codec.Error{Group: tt.group, Code: tt.code, Actor: tt.actor}
		err := fmt.Errorf("calling: %w", errors.Join(io.EOF, e))
		var got []string
		for name, sentinel := range sentinels {
			if errors.Is(err, sentinel) {
				got = append(got, name)
				used[name] = true
			}
			if errors.Is(sentinel, e) {
				t.Errorf("%s is %v", name, e)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s.%s: matches %v, want %q", tt.group, tt.code, got, tt.want)
		}
	}
	texts := map[string]bool{}
	for name, sentinel := range sentinels {
		if !used[name] {
			t.Errorf("%s was never matched", name)
		}
		if s := sentinel.Error(); !strings.HasPrefix(s, "rivet: ") || texts[s] {
			t.Errorf("%s says %q", name, s)
		} else {
			texts[s] = true
		}
	}
}

func TestIsCode(t *testing.T) {
	full := &codec.Error{Group: "user", Code: "full"}
	wrapped := fmt.Errorf("joining: %w", errors.Join(&codec.Error{Group: "actor", Code: "stopped"}, full))
	for _, tt := range []struct {
		err  error
		code string
		want bool
	}{
		{full, "full", true}, {full, "ful", false}, {full, "", false},
		{wrapped, "full", true}, {wrapped, "stopped", true}, {wrapped, "not_found", false},
		{io.EOF, "EOF", false}, {errors.New("full"), "full", false}, {nil, "full", false},
	} {
		if got := codec.IsCode(tt.err, tt.code); got != tt.want {
			t.Errorf("IsCode(%v, %q) = %v", tt.err, tt.code, got)
		}
	}
	for target, want := range map[*codec.Error]bool{
		{Group: "user", Code: "full"}:  true,
		{Code: "full"}:                 true,
		{Group: "actor", Code: "full"}: false,
		{Group: "user"}:                false,
		{}:                             false,
		{Group: "user", Code: "full", Message: "other"}: true,
	} {
		if got := errors.Is(wrapped, target); got != want {
			t.Errorf("errors.Is(%+v) = %v", target, got)
		}
	}
}

// oneLine fails for text that could break a log line.
func oneLine(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || len(s) > 700 || s != strings.TrimSpace(s) {
		t.Fatalf("error text of %d bytes: %q", len(s), s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			t.Fatalf("error text has %U: %q", r, s)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*codec.Error{
		"actor.not_found: The actor does not exist.": {Group: "actor", Code: "not_found", Message: "The actor does not exist."},
		"user.full":                                 {Group: "user", Code: "full"},
		"bad_token":                                 {Code: "bad_token"},
		"user.full: no seats (ray t1s8)":            {Group: "user", Code: "full", Message: "no seats", RayID: "t1s8"},
		"user.full: line one line two bell end":     {Group: "user", Code: "full", Message: "\n line one\r\n\tline two \x07bell\u202e end\x00"},
		"user.\uFFFD: \uFFFD":                       {Group: "user", Code: "\xff", Message: "\xff"},
		"user.c: " + strings.Repeat("é", 150) + "…": {Group: "user", Code: "c", Message: strings.Repeat("é", 10000)},
		strings.Repeat("g", 64) + "….c":             {Group: strings.Repeat("g", 65), Code: "c"},
		"user.quiet: no secret":                     {Group: "user", Code: "quiet", Message: "no secret", Metadata: codec.RawValue(codec.JSON, []byte(`"secret metadata"`))},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		oneLine(t, e.Error())
	}
}

func TestParseCloseReasonVectors(t *testing.T) {
	for _, v := range readVectors(t, "close_reasons.json") {
		var want *struct{ Group, Code, RayID string }
		if err := json.Unmarshal(v.Decoded, &want); err != nil {
			t.Fatal(err)
		}
		group, code, ray, ok := codec.ParseCloseReason(v.Text)
		switch {
		case want != nil:
			if !ok || group != want.Group || code != want.Code || ray != want.RayID {
				t.Errorf("%q: %q %q %q %v, want %+v", v.Text, group, code, ray, ok, want)
			}
		case ok && group != "":
			t.Errorf("%q: %q %q, want free text", v.Text, group, code)
		}
	}
	for _, v := range readVectors(t, "captured_ws.json") {
		if v.Close == nil {
			continue
		}
		group, code, _, ok := codec.ParseCloseReason(v.Text)
		if want := v.Text != "Disposed"; ok != want || ok && group+"."+code != v.Text {
			t.Errorf("%q: %q %q %v", v.Text, group, code, ok)
		}
	}
}

func TestParseCloseReason(t *testing.T) {
	type parts struct{ group, code, ray string }
	for reason, want := range map[string]parts{
		"actor.not_found#ray1":     {"actor", "not_found", "ray1"},
		"actor.not_found#":         {"actor", "not_found", ""},
		"user.Two Words":           {"user", "Two Words", ""},
		"user.ünïcode":             {"user", "ünïcode", ""},
		"bad_token":                {"", "bad_token", ""}, // RivetKit 2.0.33
		"internal_error":           {"", "internal_error", ""},
		"internal_error#ray2":      {"", "internal_error", "ray2"},
		"banned":                   {"", "banned", ""},
		"":                         {},
		"Disposed":                 {},
		"get out":                  {},
		"bye. see you":             {},
		"Bye.now":                  {},
		"#ray":                     {},
		".":                        {},
		"..":                       {},
		"actor.#ray":               {},
		"_x.y":                     {},
		"4001":                     {},
		"https://example.com/path": {},
	} {
		group, code, ray, ok := codec.ParseCloseReason(reason)
		if got := (parts{group, code, ray}); got != want || ok != (want != parts{}) {
			t.Errorf("%q: %+v %v, want %+v", reason, got, ok, want)
		}
	}
}

func TestDecodeHTTPError(t *testing.T) {
	user := &codec.Error{Group: "user", Code: "full", Message: "no seats"}
	body := func(enc codec.Encoding) string { return string(codec.AppendHTTPError(nil, enc, user)) }
	html := "<html>\r\n<head><title>502 Bad Gateway</title></head></html>"
	for _, tt := range []struct {
		what        string
		enc         codec.Encoding
		status      int
		contentType string
		body        string
		want        string
	}{
		{"actor, bare", codec.BARE, 500, "application/octet-stream", body(codec.BARE), "user.full: no seats"},
		{"actor, cbor", codec.CBOR, 500, "application/octet-stream", body(codec.CBOR), "user.full: no seats"},
		{"actor, json", codec.JSON, 500, "application/json", body(codec.JSON), "user.full: no seats"},
		{"gateway, to a bare request", codec.BARE, 404, "application/json", body(codec.JSON), "user.full: no seats"},
		{"gateway, with a charset", codec.CBOR, 404, "Application/JSON; charset=utf-8", body(codec.JSON), "user.full: no seats"},
		{"2.0, bare", codec.BARE, 400, "text/plain; charset=UTF-8", body(codec.BARE), "user.full: no seats"},
		{"2.0, json", codec.JSON, 400, "text/plain", body(codec.JSON), "user.full: no seats"},
		{"JSON under a wrong type", codec.BARE, 500, "text/html", " " + body(codec.JSON) + "\n", "user.full: no seats"},
		{"no type", codec.CBOR, 500, "", body(codec.JSON), "user.full: no seats"},
		{"proxy page", codec.BARE, 502, "text/html", html, "http.status_502: Bad Gateway: <html> <head><title>502 Bad Gateway</title></head></html>"},
		{"2.0 without queues", codec.BARE, 404, "text/plain", "Not Found (RivetKit)", "http.status_404: Not Found: Not Found (RivetKit)"},
		{"empty", codec.BARE, 503, "", "", "http.status_503: Service Unavailable"},
		{"blank", codec.JSON, 503, "application/json", " \n", "http.status_503: Service Unavailable"},
		{"unknown status", codec.JSON, 599, "", "", "http.status_599: unexpected response"},
		{"JSON of another kind", codec.BARE, 500, "application/json", `{"error":"oops"}`, `http.status_500: Internal Server Error: {"error":"oops"}`},
		{"empty group", codec.JSON, 500, "application/json", `{"group":"","code":"c"}`, `http.status_500: Internal Server Error: {"group":"","code":"c"}`},
		{"garbage", codec.CBOR, 500, "application/octet-stream", "\xa3\x00\xff\x00", "http.status_500: Internal Server Error: \uFFFD \uFFFD"},
		{"long", codec.JSON, 500, "", strings.Repeat("x", 1<<20), "http.status_500: Internal Server Error: " + strings.Repeat("x", 200) + "…"},
		{
			"page that quotes the URL", codec.BARE, 502, "text/html",
			`cannot reach "/gateway/abc@s3cret/action/f?rvt-token=s3cret&rvt-input=s3cret" at /gateway/abc@s3cret`,
			`http.status_502: Bad Gateway: cannot reach "/gateway/abc@…/action/f?…" at /gateway/abc@…`,
		},
	} {
		t.Run(tt.what, func(t *testing.T) {
			e := codec.DecodeHTTPError(tt.enc, tt.status, tt.contentType, []byte(tt.body))
			if e.Error() != tt.want || e.HTTPStatus != tt.status {
				t.Errorf("got  %q %d\nwant %q %d", e, e.HTTPStatus, tt.want, tt.status)
			}
		})
	}
}

func TestErrorMetadataCrossesEncodings(t *testing.T) {
	jsonBytes := []byte(`{"seats":3}`)
	cborBytes := fromHex(t, "a1657365617473 03")
	for _, from := range []codec.Value{codec.RawValue(codec.JSON, jsonBytes), codec.RawValue(codec.CBOR, cborBytes), codec.RawValue(codec.BARE, cborBytes)} {
		for _, enc := range encodings {
			sent := &codec.Error{Group: "user", Code: "full", Message: "m", Metadata: from}
			got := codec.DecodeHTTPError(enc, 500, enc.ContentType(), codec.AppendHTTPError(nil, enc, sent))
			want := cborBytes
			if enc == codec.JSON {
				want = jsonBytes
			}
			if !bytes.Equal(got.Metadata.Bytes(), want) {
				t.Errorf("%s to %s: %q", from.Encoding(), enc, got.Metadata.Bytes())
			}
			var meta struct {
				Seats int `json:"seats"`
			}
			if err := got.Decode(&meta); err != nil || meta.Seats != 3 {
				t.Errorf("%s to %s: %+v %v", from.Encoding(), enc, meta, err)
			}
		}
	}
}
