package local

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// gatewayError is an error as the engine's API and gateway make them. metadata
// is nil for none.
func gatewayError(group, code, message string, metadata map[string]any) *codec.Error {
	e := &codec.Error{Group: group, Code: code, Message: message}
	if metadata != nil {
		// Strings and numbers, which never fail.
		data, _ := json.Marshal(metadata)
		e.Metadata = codec.RawValue(codec.JSON, data)
	}
	return e
}

// Errors that are always the same.
var (
	errNoSuchPath       = gatewayError("api", "not_found", "The requested resource was not found", nil)
	errNoSuchActor      = gatewayError("actor", "not_found", "The actor does not exist or was destroyed.", nil)
	errUnknownNamespace = gatewayError("namespace", "not_found", "The namespace does not exist.", nil)
	errUnknownRegion    = gatewayError("datacenter", "not_found", "The provided datacenter does not exist.", nil)
	errEmptyKey         = gatewayError("actor", "empty_key", "Key label cannot be empty.", nil)
	errInternal         = gatewayError("core", "internal_error", "An internal error occurred", nil)
	errGoingAway        = gatewayError("guard", "service_unavailable", "The host is shutting down.", nil)
	errNoWebSocket      = gatewayError("guard", "websocket_not_supported", "WebSocket is not supported here.", nil)
	errNoHijacker       = gatewayError("guard", "websocket_not_supported", "WebSocket is not supported here: the server does not let go of the connection.", nil)
	errTooLarge         = tooLarge(maxBody)
)

func tooLarge(limit int) *codec.Error {
	reason := "request body exceeded the " + strconv.Itoa(limit) + "-byte limit"
	return gatewayError("guard", "invalid_request_body", "Unable to parse request body: "+reason+".", map[string]any{"reason": reason})
}

// errorOf is err as clients see it. What is no *codec.Error is logged, and
// masked.
func (f *front) errorOf(ctx context.Context, err error) *codec.Error {
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return e
	}
	if f.ctx.Err() != nil || ctx.Err() != nil {
		return errGoingAway // which nobody reads when it is the client that has gone
	}
	f.log.Error("cannot answer a client", "error", err)
	return errInternal
}

// gatewayStatus is the status of the gateway's answer with e. Those of the API
// are 400 where this is 404 for an actor.
func gatewayStatus(e *codec.Error) int {
	if e.HTTPStatus != 0 {
		return e.HTTPStatus
	}
	switch e.Group + "." + e.Code {
	case "actor.not_found", "api.not_found", "guard.no_route":
		return http.StatusNotFound
	case "core.internal_error":
		return http.StatusInternalServerError
	case "guard.invalid_request_body":
		return http.StatusRequestEntityTooLarge
	case "guard.actor_ready_timeout", "guard.actor_wake_retries_exceeded", "guard.actor_stopped_while_waiting", "guard.service_unavailable":
		return http.StatusServiceUnavailable
	case "pegboard.route_resolve_query_timeout":
		return http.StatusGatewayTimeout
	}
	return http.StatusBadRequest
}

func apiStatus(e *codec.Error) int {
	if e.Group == "actor" && e.HTTPStatus == 0 {
		return http.StatusBadRequest
	}
	return gatewayStatus(e)
}

// writeError answers with an error of the gateway or the API, which is JSON
// whatever the request's encoding.
func writeError(w http.ResponseWriter, r *http.Request, status int, e *codec.Error) {
	body := codec.AppendHTTPError(nil, codec.JSON, e)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone
	}
}

// writeJSON answers 200 with v, which can be encoded.
func writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeError(w, r, http.StatusInternalServerError, errInternal)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// setError names the error in a header, as the gateway does and the API does
// not.
func setError(h http.Header, e *codec.Error) {
	h.Set(gateway.HeaderError, e.Group+"."+e.Code)
}
