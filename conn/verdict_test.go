package conn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
)

func code(group, code string) error { return &codec.Error{Group: group, Code: code} }

func fromActor(group, code string) error {
	return &codec.Error{Group: group, Code: code, HTTPStatus: 500, Actor: &codec.ActorRef{ID: "x"}}
}

func status(n int) error { return &codec.Error{Group: "http", Code: "status", HTTPStatus: n} }

func TestClassify(t *testing.T) {
	const (
		no, maybe, yes = conn.ReachedNo, conn.ReachedMaybe, conn.ReachedYes
		id, key, make  = conn.ByID, conn.ByKey, conn.OrCreate
	)
	refusedDial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	tests := []struct {
		name       string
		err        error
		addressing conn.Addressing
		want       conn.Verdict
	}{
		{"nothing", nil, make, conn.Verdict{}},

		// What may have run is neither resent nor, as it passes, permanent.
		{"reply lost in the actor", code("actor", "dropped_reply"), make, conn.Verdict{Reached: maybe}},
		{"stopping, also from within an action", code("actor", "stopping"), make, conn.Verdict{Reached: maybe}},
		{"actor stopped", code("actor", "stopped"), make, conn.Verdict{Reached: maybe}},
		{"response did not begin", code("guard", "gateway_response_start_timeout"), make, conn.Verdict{Reached: maybe}},
		{"tunnel closed", code("guard", "tunnel_response_closed"), make, conn.Verdict{Reached: maybe}},
		{"server lost", code("guard", "actor_stopped_while_waiting"), make, conn.Verdict{Reached: maybe}},
		{"unavailable, also after forwarding", code("guard", "service_unavailable"), make, conn.Verdict{Reached: maybe}},
		{"parameters of another type", code("actor", "invalid_request"), make, conn.Verdict{Reached: maybe, Permanent: true}},
		{"parameters that fail a schema", code("actor", "validation_error"), key, conn.Verdict{Reached: maybe, Permanent: true}},
		{"unknown code", code("nobody", "knows"), make, conn.Verdict{Reached: maybe}},
		{"HTML 502", status(502), make, conn.Verdict{Reached: maybe}},
		{"undecodable 503", status(503), make, conn.Verdict{Reached: maybe}},
		{"undecodable 408", status(408), make, conn.Verdict{Reached: maybe}},
		{"undecodable 409", status(409), make, conn.Verdict{Reached: maybe}},
		{"undecodable 425", status(425), make, conn.Verdict{Reached: maybe}},
		{"undecodable 499", status(499), make, conn.Verdict{Reached: maybe}},
		{"an actor's 403 of its own", &codec.Error{Group: "custom", Code: "new", HTTPStatus: 403, Actor: &codec.ActorRef{ID: "x"}}, make, conn.Verdict{Reached: maybe}},
		{"timeout of a dial that was cancelled", fmt.Errorf("%w: %w", context.DeadlineExceeded, refusedDial), make, conn.Verdict{Reached: maybe}},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, make, conn.Verdict{Reached: maybe}},
		{"cut off", io.ErrUnexpectedEOF, make, conn.Verdict{Reached: maybe}},
		{"cancelled", context.Canceled, make, conn.Verdict{Reached: maybe}},
		{"engine trouble", code("core", "internal_error"), make, conn.Verdict{Reached: maybe}},

		// What was turned away for now.
		{"starting", code("actor", "starting"), id, conn.Verdict{Reached: no, Resend: true}},
		{"restarting", code("actor", "restarting"), make, conn.Verdict{Reached: no, Resend: true}},
		{"not ready in time", code("guard", "actor_ready_timeout"), key, conn.Verdict{Reached: no, Resend: true}},
		{"rate limit", code("guard", "rate_limit"), make, conn.Verdict{Reached: no, Resend: true}},
		{"routing timeout", code("pegboard", "route_resolve_query_timeout"), make, conn.Verdict{Reached: no, Resend: true}},
		{"undecodable 429", status(429), make, conn.Verdict{Reached: no, Resend: true}},
		{"connection refused", refusedDial, id, conn.Verdict{Reached: no, Resend: true}},
		{"name server busy", &net.DNSError{IsTemporary: true}, id, conn.Verdict{Reached: no, Resend: true}},
		{"name server slow", &net.DNSError{IsTimeout: true}, id, conn.Verdict{Reached: no, Resend: true}},

		// What was turned away, and again soon would be.
		{"overloaded", code("actor", "overloaded"), make, conn.Verdict{Reached: no}},
		{"action not found", fromActor("actor", "action_not_found"), make, conn.Verdict{Reached: no}},
		{"action not found on 2.0", code("action", "not_found"), make, conn.Verdict{Reached: no}},
		{"wake retries", code("guard", "actor_wake_retries_exceeded"), make, conn.Verdict{Reached: no}},
		{"body too long", fromActor("message", "incoming_too_long"), make, conn.Verdict{Reached: no}},
		{"queue full", fromActor("queue", "full"), make, conn.Verdict{Reached: no}},
		{"proxy's 404", status(404), make, conn.Verdict{Reached: no}},
		{"no such host", &net.DNSError{IsNotFound: true}, make, conn.Verdict{Reached: no}},
		{"unknown authority", x509.UnknownAuthorityError{}, make, conn.Verdict{Reached: no}},
		{"message too large", &conn.TooLargeError{Size: 2, Limit: 1}, make, conn.Verdict{Reached: no}},
		{"outbox full", &conn.OutboxFullError{Limit: 1}, make, conn.Verdict{Reached: no}},

		// What no attempt can mend.
		{"refused query", code("guard", "query_invalid_params"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"no such namespace", code("namespace", "not_found"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"no such pool", code("actor", "no_runner_config_configured"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"forbidden", fromActor("auth", "forbidden"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"bad token", code("api", "unauthorized"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"proxy's 401", status(401), make, conn.Verdict{Reached: no, Permanent: true}},
		{"proxy's 403", status(403), make, conn.Verdict{Reached: no, Permanent: true}},
		{"any 401 of a gateway", &codec.Error{Group: "guard", Code: "new", HTTPStatus: 401}, make, conn.Verdict{Reached: no, Permanent: true}},
		{"any 403 of a gateway", &codec.Error{Group: "guard", Code: "new", HTTPStatus: 403}, make, conn.Verdict{Reached: no, Permanent: true}},
		{"an application's own 401", &codec.Error{Group: "user", Code: "expired", HTTPStatus: 401}, make, conn.Verdict{Reached: yes, Permanent: true}},
		{"proxy that refuses", &ws.ProxyError{Status: 407}, make, conn.Verdict{Reached: no}},
		{"dial that cannot be", fmt.Errorf("dial: %w", &ws.InvalidError{Field: "URL"}), make, conn.Verdict{Reached: no, Permanent: true}},
		// A certificate is renewed, and a laptop leaves the network with the
		// prying proxy: worth trying again, but not soon.
		{"certificate that does not fit", &tls.CertificateVerificationError{Err: x509.HostnameError{}}, id, conn.Verdict{Reached: no}},
		{"path not found in the actor", fromActor("actor", "not_found"), make, conn.Verdict{Reached: no, Permanent: true}},
		{"target that cannot be", &conn.PermanentError{Err: errors.New("x")}, make, conn.Verdict{Reached: no, Permanent: true}},
		{"encoding not supported", &conn.CloseError{Code: 1003}, make, conn.Verdict{Reached: maybe, Permanent: true}},
		{"closed", conn.ErrClosed, make, conn.Verdict{Reached: maybe, Permanent: true}},

		// What the actor's code said.
		{"user error", fromActor("user", "bad_token"), make, conn.Verdict{Reached: yes, Permanent: true}},
		{"hook or action threw", fromActor("rivetkit", "internal_error"), make, conn.Verdict{Reached: yes, Permanent: true}},
		{"action timed out", fromActor("actor", "action_timed_out"), make, conn.Verdict{Reached: yes}},
		{"result too long", fromActor("message", "outgoing_too_long"), make, conn.Verdict{Reached: yes}},

		// What depends on the addressing.
		{"missing by id", code("actor", "not_found"), id, conn.Verdict{Reached: no, Permanent: true}},
		{"missing by key", code("actor", "not_found"), key, conn.Verdict{Reached: no, Permanent: true}},
		{"missing, to be created", code("actor", "not_found"), make, conn.Verdict{Reached: no, Resend: true}},
		{"destroyed by id", code("actor", "destroyed_while_waiting_for_ready"), id, conn.Verdict{Reached: no, Permanent: true}},
		{"destroyed by key", code("actor", "destroyed_while_waiting_for_ready"), key, conn.Verdict{Reached: no, Resend: true}},
		{"id that is none", code("core", "internal_error"), id, conn.Verdict{Reached: maybe, Permanent: true}},

		// Close frames.
		{"kicked with words", &conn.CloseError{Code: 1000, Reason: "bye"}, make, conn.Verdict{}},
		{"refused on connect", &conn.CloseError{Code: 1011, Err: &codec.Error{Group: "user", Code: "no"}}, make, conn.Verdict{Reached: yes, Permanent: true}},
		{"refused by 2.0", &conn.CloseError{Code: 1011, Err: &codec.Error{Code: "bad_token"}}, make, conn.Verdict{Reached: yes, Permanent: true}},
		{"starting on 2.0", &conn.CloseError{Code: 1011, Err: &codec.Error{Code: "starting"}}, make, conn.Verdict{Reached: no, Resend: true}},
		{"stopped on 2.0", &conn.CloseError{Code: 1000, Err: &codec.Error{Code: "stopped"}}, make, conn.Verdict{}},

		// The reason of a lost link says nothing of the calls on it.
		{"link lost to a refusal", &conn.DisconnectedError{Err: code("actor", "starting")}, make, conn.Verdict{Reached: maybe}},
		{"link lost to the network", &conn.DisconnectedError{Err: refusedDial}, make, conn.Verdict{Reached: maybe}},
		{"cancelled after a refusal", errors.Join(context.Canceled, code("actor", "starting")), make, conn.Verdict{Reached: maybe}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := conn.Classify(tt.err, tt.addressing); got != tt.want {
				t.Errorf("Classify(%v) = %+v, want %+v", tt.err, got, tt.want)
			}
			if tt.err == nil {
				return
			}
			if got := conn.Classify(fmt.Errorf("wrapped: %w", tt.err), tt.addressing); got != tt.want {
				t.Errorf("wrapped: Classify(%v) = %+v, want %+v", tt.err, got, tt.want)
			}
		})
	}
}

// A call must never be sent again unless it provably was not run, whatever
// server says whatever.
func TestClassifyResendImpliesNotReached(t *testing.T) {
	groups := []string{"", "actor", "action", "guard", "pegboard", "user", "rivetkit", "core", "message", "queue", "auth", "api", "http", "ws", "new"}
	codes := []string{"", "not_found", "starting", "stopping", "destroyed_x", "query_x", "route_x", "internal_error", "rate_limit",
		"restarting", "timed_out", "dropped_reply", "service_unavailable", "tunnel_message_timeout", "full", "forbidden"}
	for _, g := range groups {
		for _, c := range codes {
			for _, st := range []int{0, 200, 400, 401, 404, 429, 500, 503} {
				for _, a := range []conn.Addressing{0, conn.ByID, conn.ByKey, conn.OrCreate} {
					v := conn.Classify(&codec.Error{Group: g, Code: c, HTTPStatus: st}, a)
					if v.Resend && v.Reached != conn.ReachedNo {
						t.Errorf("%s.%s (%d): resend although reached=%v", g, c, st, v.Reached)
					}
				}
			}
		}
	}
}
