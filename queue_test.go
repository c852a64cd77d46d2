package rivet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

const (
	jobs  = rivet.Queue[job, int]("jobs")
	quiet = rivet.Queue[int, rivet.None]("quiet")
)

type job struct {
	N int `json:"n"`
}

func TestQueues(t *testing.T) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(enc.String(), func(t *testing.T) {
			gw := newGateway(t)
			taken := make(chan int, 1)
			rivettest.Consume(gw.Actor("counter"), jobs, func(_ context.Context, m *rivettest.QueueMessage, j job) (int, error) {
				if !m.Wait {
					taken <- j.N
				}
				return 2 * j.N, nil
			})
			rivettest.Consume(gw.Actor("counter"), quiet, func(context.Context, *rivettest.QueueMessage, int) (rivet.None, error) {
				return rivet.None{}, nil
			})
			ctx := t.Context()
			h := gw.Client(t, rivet.WithEncoding(enc)).GetOrCreate("counter", nil)
			if err := jobs.Send(ctx, h, job{4}); err != nil {
				t.Fatal(err)
			}
			if n := <-taken; n != 4 {
				t.Errorf("the actor took %d", n)
			}
			if n, err := jobs.SendWait(ctx, h, job{5}); n != 10 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			if _, err := quiet.SendWait(ctx, h, 1); err != nil {
				t.Errorf("without a value: %v", err)
			}
			if v, err := h.SendWait(ctx, "quiet", 1); err != nil || len(v.Bytes()) != 0 {
				t.Errorf("without a value: %v, %v", v, err)
			}
		})
	}
}

// Each outcome of a wait has its own error.
func TestBehaviour33_QueueWaitOutcomes(t *testing.T) {
	fail := func(group, code string) rivettest.Step {
		return rivettest.Fail(rivettest.Error(group, code, "m", nil))
	}
	tests := []struct {
		name  string
		step  rivettest.Step
		check func(error) bool
		maybe bool
	}{
		{"full", fail("queue", "full"), func(err error) bool { return errors.Is(err, rivet.ErrQueueFull) }, false},
		{"overloaded", fail("actor", "overloaded"), func(err error) bool { return errors.Is(err, rivet.ErrOverloaded) }, false},
		{"too large", fail("queue", "message_too_large"), func(err error) bool { return errors.Is(err, rivet.ErrMessageTooLong) }, false},
		{"forbidden", fail("auth", "forbidden"), func(err error) bool { return errors.Is(err, rivet.ErrForbidden) }, false},
		{"actor lost", rivettest.Run(fail("guard", "actor_stopped_while_waiting")), func(err error) bool { return rivet.IsCode(err, "guard.actor_stopped_while_waiting") }, true},
		{"reply lost", rivettest.Run(fail("actor", "dropped_reply")), func(err error) bool { return rivet.IsCode(err, "actor.dropped_reply") }, true},
		{"nonsense", rivettest.Answer(200, "application/octet-stream", codec.AppendQueueResult(nil, codec.BARE, codec.QueueResult{Status: "lost"})), func(err error) bool { return err != nil }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gw := newGateway(t)
			rivettest.Consume(gw.Actor("counter"), jobs, func(_ context.Context, _ *rivettest.QueueMessage, j job) (int, error) { return j.N, nil })
			gw.ScriptHTTP("/queue/", tt.step)
			_, err := jobs.SendWait(t.Context(), gw.Client(t).GetOrCreate("counter", nil), job{1})
			var ce *rivet.CallError
			if !tt.check(err) || !errors.As(err, &ce) || ce.MaybeExecuted != tt.maybe {
				t.Errorf("error %v, maybe executed %v", err, rivet.MaybeExecuted(err))
			}
			if errors.Is(err, rivet.ErrQueueTimedOut) {
				t.Error("that is not a timeout")
			}
			if n := len(gw.Requests(func(r rivettest.HTTPRequest) bool { return r.Queue != nil })); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
	t.Run("timed out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory())
			rivettest.Consume(gw.Actor("counter"), jobs, func(ctx context.Context, _ *rivettest.QueueMessage, j job) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := jobs.SendWait(ctx, gw.Client(t).GetOrCreate("counter", nil), job{1})
			var qe *rivet.QueueTimeoutError
			if !errors.Is(err, rivet.ErrQueueTimedOut) || !errors.As(err, &qe) || qe.Queue != "jobs" || !rivet.MaybeExecuted(err) {
				t.Errorf("error %v", err)
			}
			if ctx.Err() != nil {
				t.Error("the answer came after the caller's own time was up")
			}
		})
	})
	t.Run("longer than the call timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory(), rivettest.ActionTimeout(time.Hour))
			rivettest.Consume(gw.Actor("counter"), jobs, func(context.Context, *rivettest.QueueMessage, job) (int, error) {
				<-time.After(10 * time.Minute)
				return 7, nil
			})
			if n, err := jobs.SendWait(t.Context(), gw.Client(t).GetOrCreate("counter", nil), job{1}); n != 7 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		})
	})
}
