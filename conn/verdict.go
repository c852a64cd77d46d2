package conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// Reached says whether a call got to the actor.
type Reached uint8

const (
	// ReachedMaybe is what is not known.
	ReachedMaybe Reached = iota
	// ReachedNo is provably not run: safe to send again.
	ReachedNo
	// ReachedYes is delivered and answered by the actor.
	ReachedYes
)

// String returns "maybe", "no" or "yes".
func (r Reached) String() string {
	switch r {
	case ReachedNo:
		return "no"
	case ReachedYes:
		return "yes"
	}
	return "maybe"
}

// Verdict is what one error means for calls and for connections.
type Verdict struct {
	// Reached is whether the call that failed so got to the actor.
	Reached Reached
	// Resend is whether sending the call again soon may help; it implies
	// ReachedNo.
	Resend bool
	// Permanent is whether no further attempt to connect can help. It speaks
	// of an attempt that was refused; a link that was connected and ends with
	// the same error has every reason to be opened again.
	Permanent bool
}

// Classify is the one table of what errors mean: calls over HTTP and over
// connections, and the supervisor, all ask it. The error may be wrapped;
// addressing decides what a missing actor means.
func Classify(err error, addressing Addressing) Verdict {
	if err == nil {
		return Verdict{}
	}
	if v, ok := classifyOwn(err); ok {
		return v
	}
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return classifyCode(e, addressing)
	}
	if e, ok := errors.AsType[*CloseError](err); ok {
		return Verdict{Permanent: e.Code == int(ws.CloseUnsupported)}
	}
	return classifyNetwork(err)
}

// classifyOwn judges what this module says itself. These come first: what they
// wrap, such as the reason why a link was lost, is not about the call.
func classifyOwn(err error) (Verdict, bool) {
	if errors.Is(err, ErrClosed) {
		return Verdict{Permanent: true}, true
	}
	if _, ok := errors.AsType[*PermanentError](err); ok {
		return Verdict{Reached: ReachedNo, Permanent: true}, true
	}
	if _, ok := errors.AsType[*ws.InvalidError](err); ok {
		return Verdict{Reached: ReachedNo, Permanent: true}, true
	}
	if _, ok := errors.AsType[*DisconnectedError](err); ok {
		return Verdict{}, true
	}
	if _, ok := errors.AsType[*StalledError](err); ok {
		return Verdict{}, true
	}
	if _, ok := errors.AsType[*TooLargeError](err); ok {
		return Verdict{Reached: ReachedNo}, true
	}
	if _, ok := errors.AsType[*OutboxFullError](err); ok {
		return Verdict{Reached: ReachedNo}, true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Verdict{}, true
	}
	return Verdict{}, false
}

// classifyNetwork judges errors of dialing: nothing was sent before there was
// a connection. All others may have cut off an answer.
func classifyNetwork(err error) Verdict {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		// A name that does not exist is rather a mistake than a failure.
		return Verdict{Reached: ReachedNo, Resend: dns.IsTemporary || dns.IsTimeout}
	}
	if _, ok := errors.AsType[*ws.ProxyError](err); ok {
		return Verdict{Reached: ReachedNo}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return Verdict{Reached: ReachedNo, Resend: true}
	}
	if isTLS(err) {
		return Verdict{Reached: ReachedNo}
	}
	return Verdict{}
}

// isTLS reports whether a TLS handshake failed for reasons that trying again
// soon does not mend.
func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}

// scope says for which addressing something holds.
type scope uint8

const (
	never  scope = iota
	byID         // handles of one incarnation only
	noID         // all but these
	noMake       // handles that do not create what is missing
	makes        // handles that do
	always
)

func (s scope) holds(a Addressing) bool {
	switch s {
	case byID:
		return a == ByID
	case noID:
		return a != ByID
	case noMake:
		return a == ByID || a == ByKey
	case makes:
		return a != ByID && a != ByKey
	}
	return s == always
}

// rule is a line of the table.
type rule struct {
	reached   Reached
	resend    scope
	permanent scope
}

// What many codes have in common.
var (
	unknown   = rule{ReachedMaybe, never, never} // nothing certain: a plain failure
	answered  = rule{ReachedYes, never, never}   // the actor ran it
	rejected  = rule{ReachedYes, never, always}  // the actor says no
	refused   = rule{ReachedNo, never, never}    // turned away, not for good
	misplaced = rule{ReachedNo, never, always}   // turned away for good
	later     = rule{ReachedNo, always, never}   // turned away for now
	gone      = rule{ReachedNo, noID, byID}      // destroyed: a key may find a new one
	missing   = rule{ReachedNo, makes, noMake}   // not there: only creating helps
)

// codes holds what RivetKit and engine 2.3.19 and 2.0.33 are known to mean by
// their codes. "Turned away" is what they answer before anything is handed to
// the actor's code; where a code may follow an action that ran, it is unknown.
var codes = map[string]rule{
	"actor.not_found":                            missing,
	"actor.destroying":                           gone,
	"actor.starting":                             later,
	"actor.not_ready":                            later,
	"actor.not_configured":                       later,
	"actor.restarting":                           later,
	"actor.overloaded":                           refused,
	"actor.action_not_found":                     refused,
	"action.not_found":                           refused,
	"actor.key_reserved_in_different_datacenter": refused,
	"actor.action_timed_out":                     answered,
	"action.timed_out":                           answered,
	"actor.method_not_allowed":                   misplaced,
	"actor.duplicate_key":                        misplaced,
	"actor.empty_key":                            misplaced,
	"actor.key_too_large":                        misplaced,
	"actor.input_too_large":                      misplaced,
	"actor.no_runner_config_configured":          misplaced,
	"actor.namespace_not_found":                  misplaced,
	"actor.unsupported_websocket_encoding":       misplaced,

	// Parameters that are not as the actor declares them, or arguments, perhaps of
	// a call that the action has made.
	"actor.invalid_request":  {ReachedMaybe, never, always},
	"actor.validation_error": {ReachedMaybe, never, always},

	"guard.actor_ready_timeout":         later,
	"guard.actor_runner_failed":         later,
	"guard.rate_limit":                  later,
	"guard.actor_wake_retries_exceeded": refused, // the gateway tried eight times already
	"guard.invalid_request_body":        refused,
	"guard.missing_header":              misplaced,
	"guard.invalid_header":              misplaced,
	"guard.no_route":                    misplaced,
	"guard.websocket_not_supported":     misplaced,
	"guard.invalid_response_body":       answered,

	"message.incoming_too_long": refused,
	"message.outgoing_too_long": answered,

	"queue.full":              refused,
	"queue.message_too_large": refused,
	"queue.message_invalid":   refused,
	"queue.invalid_payload":   refused,
	"queue.timed_out":         answered,

	"rivetkit.internal_error": rejected, // before Init: a hook of the actor's threw
	"internal.internal_error": rejected, // the same on 2.0
	// An id that is none, or trouble in the engine, which passes.
	"core.internal_error": {ReachedMaybe, never, byID},
}

// groups holds what all other codes of a group mean.
var groups = map[string]rule{
	"user":       rejected,
	"auth":       misplaced,
	"api":        misplaced,
	"namespace":  misplaced,
	"datacenter": misplaced,
	"validation": misplaced,
	"encoding":   misplaced,
	"request":    misplaced,
	"inspector":  misplaced,
	"rivetkit":   answered,
}

// stems holds what codes that begin so mean.
var stems = []struct {
	stem string
	rule rule
}{
	{"actor.destroyed_", gone},
	{"guard.query_", misplaced},
	{"pegboard.route_", later},
}

func classifyCode(e *codec.Error, addressing Addressing) Verdict {
	r := ruleOf(e)
	return Verdict{
		Reached:   r.reached,
		Resend:    r.resend.holds(addressing),
		Permanent: r.permanent.holds(addressing),
	}
}

func ruleOf(e *codec.Error) rule {
	group := e.Group
	switch {
	case group == "http":
		return ruleOfStatus(e.HTTPStatus)
	case group == "":
		// A close reason of 2.0 is a bare code: of the actor's life cycle, or
		// of its refusal.
		if r, ok := codes["actor."+e.Code]; ok {
			return r
		}
		switch e.Code {
		case "stopping", "stopped", "dropped_reply", "aborted", "shutdown_timeout":
			return unknown
		case "going_away", "closed", "eviction":
			return unknown
		}
		return rejected
	case group == "actor" && e.Code == "not_found" && e.Actor != nil:
		return misplaced // the actor is there, the path is not
	}
	id := group + "." + e.Code
	if r, ok := codes[id]; ok {
		return r
	}
	for _, s := range stems {
		if strings.HasPrefix(id, s.stem) {
			return s.rule
		}
	}
	if r, ok := groups[group]; ok {
		return r
	}
	if (e.HTTPStatus == 401 || e.HTTPStatus == 403) && e.Actor == nil {
		return misplaced // a gateway's, whatever it calls it
	}
	return unknown
}

// ruleOfStatus judges an answer that is not of the protocol: a proxy's page,
// most likely. By what HTTP says, a 4xx was not served; a 5xx may have been.
func ruleOfStatus(status int) rule {
	switch status {
	case 401, 403, 407:
		return misplaced
	case 429:
		return later
	case 408, 409, 425, 499:
		return unknown
	}
	if status/100 == 4 {
		return refused
	}
	return unknown
}
