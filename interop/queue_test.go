package interop_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
)

type (
	job struct {
		N     int    `json:"n"`
		Data  []byte `json:"data,omitempty"`
		Delay int    `json:"delay,omitempty"`
		Fail  bool   `json:"fail,omitempty"`
	}
	echoed struct {
		Echoed job `json:"echoed"`
	}
)

const (
	jobs   = rivet.Queue[job, echoed]("jobs")
	parked = rivet.Queue[job, rivet.None]("parked")
)

// TestBehaviour33_Queues sends messages that are completed, that are late, and
// that nobody takes.
func TestBehaviour33_Queues(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		h := on.actor(t, "queues")
		if err := jobs.Send(within(t), h, job{N: 1}); err != nil {
			t.Fatal(err)
		}
		sent := job{N: 2, Data: []byte{1, 2}}
		if r, err := jobs.SendWait(within(t), h, sent); err != nil || !reflect.DeepEqual(r.Echoed, sent) {
			t.Errorf("SendWait = %+v, %v", r, err)
		}
		if seen := call[[]job](t, h, "seen"); !reflect.DeepEqual(seen, []job{{N: 1}, sent}) {
			t.Errorf("the actor saw %+v", seen)
		}
		if err := rivet.Queue[string, rivet.None]("not declared").Send(within(t), h, "x"); err != nil {
			t.Errorf("a queue that is not declared: %v", err)
		}
		if err := parked.Send(within(t), h, job{N: 3}); err != nil {
			t.Errorf("a queue that is never read: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := parked.SendWait(ctx, h, job{N: 4})
		// The deadline travels with the message: either side may notice it first.
		late := errors.Is(err, rivet.ErrQueueTimedOut) || errors.Is(err, context.DeadlineExceeded)
		if !late || !rivet.MaybeExecuted(err) {
			t.Errorf("SendWait for nobody: %v, may have run: %v", err, rivet.MaybeExecuted(err))
		}
		// A missing actor is another matter.
		_, err = jobs.SendWait(within(t), on.client(t).Get("queues", newKey(t)), job{})
		if !errors.Is(err, rivet.ErrActorNotFound) || rivet.MaybeExecuted(err) {
			t.Errorf("no actor: %v", err)
		}
	})
}

func TestLegacyHasNoQueues(t *testing.T) {
	onLegacy(t, func(t *testing.T, on target) {
		err := jobs.Send(within(t), on.actor(t, "counter"), job{})
		e, ok := errors.AsType[*rivet.Error](err)
		if !ok || e.HTTPStatus != 404 {
			t.Errorf("%v, want a 404", err)
		}
	})
}
