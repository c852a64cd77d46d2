package rivettest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/rivet-go/rivet/codec"
)

// Error returns an error that, from a handler or hook, reaches the client with
// this group, code, message and metadata (nil for none). Any other error is
// masked, as RivetKit does, as rivetkit.internal_error; a *[codec.Error] is
// sent as it is.
func Error(group, code, message string, metadata any) error {
	return &failure{group: group, code: code, message: message, metadata: metadata}
}

// UserError is [Error] with the group of an application's own errors, "user".
func UserError(code, message string, metadata any) error {
	return Error("user", code, message, metadata)
}

// failure is an error for the client whose metadata is not encoded yet.
type failure struct {
	group, code, message string
	metadata             any
}

func (f *failure) Error() string { return fmt.Sprintf("%s.%s: %s", f.group, f.code, f.message) }

// internalMessage is what stands for the text of a private error.
const internalMessage = "An internal error occurred"

// describe turns an error of a handler into what goes on the wire. inst is
// nil for errors of the gateway itself.
func (g *Gateway) describe(err error, enc codec.Encoding, inst *Instance) *codec.Error {
	var e codec.Error
	var f *failure
	var wire *codec.Error
	switch {
	case errors.As(err, &f):
		e = codec.Error{Group: f.group, Code: f.code, Message: f.message}
		if f.metadata != nil {
			data, err := encode(enc, f.metadata)
			if err != nil {
				g.tb.Errorf("rivettest: metadata of %v: %v", f, err)
			}
			e.Metadata = codec.RawValue(enc, data)
		}
	case errors.As(err, &wire):
		e = *wire
	default:
		g.tb.Logf("rivettest: masked as an internal error: %v", err)
		e = codec.Error{Group: "rivetkit", Code: "internal_error", Message: internalMessage}
	}
	if g.cfg.legacy {
		g.describeLegacy(&e)
	} else if inst != nil && !ofGateway(&e) {
		e.Actor = &codec.ActorRef{ID: inst.id, Generation: inst.generation, Key: serializeKey(inst.key), HasKey: true}
	}
	return &e
}

// ofGateway tells errors that the gateway makes, which are JSON whatever the
// request asked for and name no actor, from those of an actor.
func ofGateway(e *codec.Error) bool {
	switch e.Group {
	case "guard", "pegboard", "namespace", "datacenter", "api", "validation":
		return true
	case "actor":
		switch e.Code {
		case "not_found", "destroyed_while_waiting_for_ready", "destroyed_during_creation", "no_runner_config_configured":
			return true
		}
	}
	return false
}

// statusOf is the status of the HTTP answer that carries e.
func (g *Gateway) statusOf(e *codec.Error) int {
	if e.HTTPStatus != 0 {
		return e.HTTPStatus
	}
	if g.cfg.legacy && (e.Group == "user" || e.Group == "action") {
		return http.StatusBadRequest
	}
	switch e.Group {
	case "message", "namespace", "datacenter", "validation":
		return http.StatusBadRequest
	case "auth":
		return http.StatusForbidden
	case "guard":
		return guardStatus(e.Code)
	}
	switch e.Group + "." + e.Code {
	case "actor.not_found", "actor.action_not_found", "api.not_found":
		return http.StatusNotFound
	case "actor.action_timed_out":
		return http.StatusRequestTimeout
	case "actor.method_not_allowed":
		return http.StatusMethodNotAllowed
	case "actor.destroyed_while_waiting_for_ready", "actor.duplicate_key", "actor.empty_key", "actor.key_too_large",
		"actor.no_runner_config_configured", "actor.input_too_large", "api.bad_request":
		return http.StatusBadRequest
	case "api.unauthorized":
		return http.StatusUnauthorized
	case "api.forbidden":
		return http.StatusForbidden
	case "pegboard.route_resolve_query_timeout":
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

func guardStatus(code string) int {
	switch code {
	case "rate_limit":
		return http.StatusTooManyRequests
	case "upstream_error", "retry_attempts_exceeded", "invalid_response_body":
		return http.StatusBadGateway
	case "request_timeout", "gateway_response_start_timeout":
		return http.StatusGatewayTimeout
	case "service_unavailable", "actor_ready_timeout", "actor_wake_retries_exceeded", "actor_stopped_while_waiting":
		return http.StatusServiceUnavailable
	case "no_route":
		return http.StatusNotFound
	case "invalid_request_body":
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// closeReason is how e travels in a close frame.
func (g *Gateway) closeReason(e *codec.Error) string {
	if g.cfg.legacy {
		return e.Code
	}
	reason := e.Group + "." + e.Code
	if ofGateway(e) {
		reason += "#" + g.ray()
	}
	return reason[:min(len(reason), 123)]
}

// encode encodes one value; codec.None, and a Value that is undefined, are no
// bytes at all, which the message around it spells out.
func encode(enc codec.Encoding, v any) ([]byte, error) {
	switch v := v.(type) {
	case codec.None:
		return nil, nil
	case codec.Value:
		if (v.Encoding() == codec.JSON) == (enc == codec.JSON) {
			return v.Bytes(), nil
		}
	}
	return codec.Marshal(enc, v)
}
