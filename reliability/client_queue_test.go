package reliability_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// Each outcome of a queue has an error of its own, which is none of the
// others.
func TestBehaviour33_QueueOutcomes(t *testing.T) {
	const poison = rivet.Queue[int, int]("poison")
	bigger := strings.Repeat("x", 70_000)
	wait := func(ctx context.Context, h *rivet.Handle) error { _, err := jobs.SendWait(ctx, h, 1); return err }
	send := func(ctx context.Context, h *rivet.Handle) error { return jobs.Send(ctx, h, 1) }
	refuse := func(group, code string) func(*rivettest.Gateway) {
		return func(gw *rivettest.Gateway) {
			gw.Actor("room").OnPublish(func(context.Context, *rivettest.QueueMessage) error {
				return rivettest.Error(group, code, "refused", map[string]any{"capacity": 7})
			})
		}
	}
	never := func(gw *rivettest.Gateway) {
		gw.Actor("room").Queue(string(jobs), func(ctx context.Context, _ *rivettest.QueueMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}
	outcomes := []struct {
		name string
		// is tells whether an error is this outcome.
		is       func(error) bool
		executed bool // whether the message may have been taken
		prepare  func(*rivettest.Gateway)
		ctx      time.Duration
		send     func(context.Context, *rivet.Handle) error
	}{
		{"stored", func(err error) bool { return err == nil }, false, never, 0, send},
		{"completed", func(err error) bool { return err == nil }, false, func(gw *rivettest.Gateway) { equip(gw) }, 0, wait},
		{"not completed in the caller's time", func(err error) bool { return errors.Is(err, rivet.ErrQueueTimedOut) }, true, never, 5 * time.Second, wait},
		{"not completed in the actor's time", func(err error) bool { return errors.Is(err, codec.ErrActionTimedOut) }, true, never, 0, wait},
		{"no answer at all", func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, true, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/queue/", rivettest.Hang())
		}, 5 * time.Second, wait},
		{"full", func(err error) bool { return errors.Is(err, codec.ErrQueueFull) }, false, refuse("queue", "full"), 0, send},
		{"overloaded", func(err error) bool { return errors.Is(err, codec.ErrOverloaded) }, false, refuse("actor", "overloaded"), 0, send},
		{"not permitted", func(err error) bool { return errors.Is(err, codec.ErrForbidden) }, false, refuse("auth", "forbidden"), 0, send},
		{"too large for the server", func(err error) bool { return errors.Is(err, codec.ErrMessageTooLong) }, false, refuse("queue", "message_too_large"), 0, send},
		{"invalid", func(err error) bool { return rivet.IsCode(err, "queue.message_invalid") }, false, refuse("queue", "message_invalid"), 0, send},
		{"refused by the schema", func(err error) bool { return rivet.IsCode(err, "queue.invalid_payload") }, false, refuse("queue", "invalid_payload"), 0, send},
		{"too large to be sent", func(err error) bool { _, ok := errors.AsType[*rivet.TooLargeError](err); return ok }, false, nil, 0,
			func(ctx context.Context, h *rivet.Handle) error { return h.Send(ctx, string(jobs), bigger) }},
		{"consumer failed", func(err error) bool { return rivet.IsCode(err, "user.poisoned") }, true, func(gw *rivettest.Gateway) {
			gw.Actor("room").Queue(string(poison), func(context.Context, *rivettest.QueueMessage) (any, error) {
				return nil, rivettest.UserError("poisoned", "no", nil)
			})
		}, 0, func(ctx context.Context, h *rivet.Handle) error { _, err := poison.SendWait(ctx, h, 1); return err }},
		{"actor lost while waiting", func(err error) bool { return rivet.IsCode(err, "guard.actor_stopped_while_waiting") }, true, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/queue/", rivettest.Run(rivettest.Fail(rivettest.Error("guard", "actor_stopped_while_waiting", "lost", nil))))
			equip(gw)
		}, 0, wait},
		{"link lost while waiting", func(err error) bool {
			_, ofServer := errors.AsType[*rivet.Error](err)
			return err != nil && !ofServer && rivet.MaybeExecuted(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, rivet.ErrQueueTimedOut) &&
				!errors.Is(err, context.Canceled) && !isDecode(err)
		}, true, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/queue/", rivettest.Run(rivettest.Reset()))
			equip(gw)
		}, 0, wait},
		{"no such actor", func(err error) bool { return errors.Is(err, codec.ErrActorNotFound) }, false, nil, 0,
			func(ctx context.Context, h *rivet.Handle) error {
				return jobs.Send(ctx, clientOf(ctx).Get("room", rivet.Key{"nobody"}), 1)
			}},
		{"actor does not start", func(err error) bool { return errors.Is(err, codec.ErrActorUnavailable) }, false, func(gw *rivettest.Gateway) {
			gw.Actor("room").FailStart(rivettest.Error("guard", "actor_wake_retries_exceeded", "stopped 8 times", nil))
		}, 0, send},
		{"cancelled", func(err error) bool { return errors.Is(err, context.Canceled) }, true, never, 0,
			func(ctx context.Context, h *rivet.Handle) error {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return wait(ctx, h)
			}},
		{"result of another type", func(err error) bool { return isDecode(err) }, true, func(gw *rivettest.Gateway) {
			gw.Actor("room").Queue(string(jobs), func(context.Context, *rivettest.QueueMessage) (any, error) { return "text", nil })
		}, 0, wait},
		{"message that cannot be encoded", func(err error) bool { return isDecode(err) && !rivet.MaybeExecuted(err) }, false, nil, 0,
			func(ctx context.Context, h *rivet.Handle) error { return h.Send(ctx, string(jobs), func() {}) }},
	}
	kin := map[string]string{ // outcomes that share a test
		"stored": "success", "completed": "success",
		"result of another type": "type", "message that cannot be encoded": "type",
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					if o.prepare != nil {
						o.prepare(gw)
					}
					client := gw.Client(t, rivet.WithEncoding(enc))
					ctx := context.WithValue(t.Context(), clientKey{}, client)
					if o.ctx > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, o.ctx)
						defer cancel()
					}
					err := o.send(ctx, client.GetOrCreate("room", nil))
					if !o.is(err) {
						t.Errorf("got %v", err)
					}
					if rivet.MaybeExecuted(err) != o.executed {
						t.Errorf("MaybeExecuted %v, want %v: %v", rivet.MaybeExecuted(err), o.executed, err)
					}
					for _, other := range outcomes {
						same := other.name == o.name || kin[other.name] != "" && kin[other.name] == kin[o.name]
						if !same && other.is(err) {
							t.Errorf("%v is %q as well", err, other.name)
						}
					}
					if ce, ok := errors.AsType[*rivet.CallError](err); err != nil && (!ok || !strings.HasPrefix(ce.Action, "queue(")) {
						t.Errorf("%v does not name the queue", err)
					}
					if e, ok := errors.AsType[*rivet.Error](err); ok && e.Code == "full" {
						var meta struct{ Capacity int }
						if err := e.Decode(&meta); err != nil || meta.Capacity != 7 {
							t.Errorf("metadata %+v, %v", meta, err)
						}
					}
				})
			})
		})
	}
	t.Run("wait is as long as the caller's", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			never(gw)
			began := time.Now()
			_, err := jobs.SendWait(within(t, 5*time.Minute), room(t, gw), 1)
			if d := time.Since(began); !errors.Is(err, rivet.ErrQueueTimedOut) || d < 4*time.Minute+50*time.Second || d > 5*time.Minute {
				t.Errorf("after %v: %v", d, err)
			}
			q := only(t, gw, toActor).Queue
			if q == nil || !q.Wait || q.Timeout < 4*time.Minute || q.Timeout > 5*time.Minute {
				t.Errorf("sent %+v", q)
			}
		})
	})
	t.Run("timed out message may be completed later", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			completed := make(chan struct{})
			gw.Actor("room").Queue(string(jobs), func(ctx context.Context, _ *rivettest.QueueMessage) (any, error) {
				pass(time.Minute)
				close(completed)
				return 1, nil
			})
			_, err := jobs.SendWait(within(t, 5*time.Second), room(t, gw), 1)
			if !errors.Is(err, rivet.ErrQueueTimedOut) || !rivet.MaybeExecuted(err) {
				t.Errorf("got %v", err)
			}
			<-completed
			if n := len(gw.Requests(toActor)); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	})
}

// clientKey and clientOf hand the client to outcomes that need another handle.
type clientKey struct{}

func clientOf(ctx context.Context) *rivet.Client { return ctx.Value(clientKey{}).(*rivet.Client) }

func isDecode(err error) bool {
	_, ok := errors.AsType[*codec.TypeError](err)
	return ok
}
