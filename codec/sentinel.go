package codec

import (
	"errors"
	"slices"
	"strings"
)

// Well-known errors, for errors.Is. Each stands for one or several codes of
// the protocol, under the names that servers of RivetKit 2.0 and 2.3 give
// them. None of them is ever returned as such: what is returned is an *Error
// that has the details.
var (
	// ErrActorNotFound: there is no such actor, or it was destroyed.
	// RivetKit 2.0 answers with an internal error in its place.
	ErrActorNotFound error = &sentinel{
		text:  "actor not found",
		codes: []string{"actor.not_found"},
		also:  func(e *Error) bool { return e.Actor == nil },
	}
	// ErrRouteNotFound: the actor, or the gateway, has nothing at that path.
	// An actor says not_found too; that it answers tells that it exists.
	ErrRouteNotFound error = &sentinel{
		text:  "route not found",
		codes: []string{"actor.not_found", "guard.no_route", "api.not_found"},
		also:  func(e *Error) bool { return e.Group != "actor" || e.Actor != nil },
	}
	// ErrActorExists: the key of the actor to create is taken.
	ErrActorExists error = &sentinel{
		text:  "actor exists already",
		codes: []string{"actor.duplicate_key"},
	}
	// ErrActorDestroyed: the actor was destroyed while it was waited for. A
	// handle that creates on demand gets a new one soon after.
	ErrActorDestroyed error = &sentinel{
		text:  "actor was destroyed",
		codes: []string{"actor.destroying"},
		stem:  "actor.destroyed_", // while_waiting_for_ready, during_creation
	}
	// ErrActorUnavailable: the actor did not become ready, as it is starting,
	// stopping, or failing to start. Trying again later may help.
	ErrActorUnavailable error = &sentinel{
		text: "actor is not available",
		codes: []string{
			"guard.actor_ready_timeout", "guard.actor_runner_failed", "guard.actor_wake_retries_exceeded",
			"guard.service_unavailable", "actor.starting", "actor.not_ready", "actor.stopping", "actor.stopped",
			"actor.restarting", "actor.not_configured",
		},
	}
	// ErrActionNotFound: the actor has no action of that name.
	ErrActionNotFound error = &sentinel{
		text:  "action not found",
		codes: []string{"actor.action_not_found", "action.not_found"},
	}
	// ErrActionTimedOut: the action ran longer than the actor allows. It has
	// run, and may run on.
	ErrActionTimedOut error = &sentinel{
		text:  "action timed out",
		codes: []string{"actor.action_timed_out", "action.timed_out"},
	}
	// ErrForbidden: the actor does not permit the subscription or queue
	// message, or the engine the operation.
	ErrForbidden error = &sentinel{
		text:  "forbidden",
		codes: []string{"auth.forbidden", "api.forbidden"},
	}
	// ErrUnauthorized: the token is missing or wrong.
	ErrUnauthorized error = &sentinel{
		text:  "unauthorized",
		codes: []string{"api.unauthorized", "inspector.unauthorized"},
	}
	// ErrNamespaceNotFound: the engine has no such namespace.
	ErrNamespaceNotFound error = &sentinel{
		text:  "namespace not found",
		codes: []string{"namespace.not_found", "actor.namespace_not_found"},
	}
	// ErrRegionNotFound: the engine has no such datacenter.
	ErrRegionNotFound error = &sentinel{
		text:  "region not found",
		codes: []string{"datacenter.not_found"},
	}
	// ErrPoolNotFound: no server is configured under the pool's name.
	ErrPoolNotFound error = &sentinel{
		text:  "pool not found",
		codes: []string{"actor.no_runner_config_configured"},
	}
	// ErrInvalidKey: the actor's key is empty or too long for the engine.
	ErrInvalidKey error = &sentinel{
		text:  "invalid actor key",
		codes: []string{"actor.empty_key", "actor.key_too_large"},
	}
	// ErrOverloaded: the actor's mailbox is full.
	ErrOverloaded error = &sentinel{
		text:  "actor is overloaded",
		codes: []string{"actor.overloaded"},
	}
	// ErrRateLimited: the gateway refuses more requests for now.
	ErrRateLimited error = &sentinel{
		text:  "rate limited",
		codes: []string{"guard.rate_limit"},
	}
	// ErrQueueFull: the queue holds as many messages as it may.
	ErrQueueFull error = &sentinel{
		text:  "queue is full",
		codes: []string{"queue.full"},
	}
	// ErrMessageTooLong: a request, answer, input or queue message is over the
	// server's limit.
	ErrMessageTooLong error = &sentinel{
		text: "message too long",
		codes: []string{
			"message.incoming_too_long", "message.outgoing_too_long",
			"queue.message_too_large", "actor.input_too_large",
		},
	}
	// ErrInternal: something failed in the actor or the engine that is not
	// meant for callers; the ray id helps support to find it.
	ErrInternal error = &sentinel{
		text: "internal error",
		codes: []string{
			"rivetkit.internal_error", "core.internal_error",
			"actor.internal_error", "internal.internal_error",
		},
	}
)

// sentinel is a set of codes that are one error to callers.
type sentinel struct {
	text  string
	codes []string          // "group.code"
	stem  string            // what further codes begin with, none if empty
	also  func(*Error) bool // must hold as well, if set
}

func (s *sentinel) Error() string { return "rivet: " + s.text }

func (s *sentinel) matches(e *Error) bool {
	id := e.Group + "." + e.Code
	if !slices.Contains(s.codes, id) && (s.stem == "" || !strings.HasPrefix(id, s.stem)) {
		return false
	}
	return s.also == nil || s.also(e)
}

// anyCode is the target by which IsCode searches the tree of an error.
type anyCode string

func (c anyCode) Error() string { return string(c) }

// Is makes errors.Is work with the sentinels of this package, and with an
// *Error that has a code: it stands for all errors of that code and, unless
// its group is empty, that group.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case *sentinel:
		return t.matches(e)
	case anyCode:
		return string(t) == e.Code
	case *Error:
		return t.Code != "" && t.Code == e.Code && (t.Group == "" || t.Group == e.Group)
	}
	return false
}

// IsCode reports whether err is or wraps an *Error with that code, of any
// group. It is meant for the codes that an application gives its own errors.
func IsCode(err error, code string) bool { return errors.Is(err, anyCode(code)) }
