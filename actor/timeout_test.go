package actor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// busy can be kept busy in all ways.
func busy(j *journal, opts ...actor.DefinitionOption) actor.Actor {
	return define(func(d *actor.Definition[S]) {
		pause := func(n int) { <-time.After(time.Duration(n) * time.Second) }
		on(d, "hold", func(c sctx, n int) (int, error) {
			j.note("begun %d", n)
			pause(n)
			j.note("ended %v", context.Cause(c))
			c.State.N++
			return n, c.Err()
		})
		on(d, "await", func(c sctx, n int) (int, error) { return n, c.Await(func() error { pause(n); return nil }) })
		on(d, "beside", func(c sctx, n int) (int, error) { pause(n); return n, nil }, actor.Concurrent())
		on(d, "get", getN)
	}, opts...)
}

// A call whose time is over is told so: as one that did not run when it was still
// waiting, else as one that may have. The handler keeps its turn.
func TestActionTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, busy(&j, actor.ActionTimeout(10*time.Second)))
		in := b.mustStart(t)
		begun := time.Now()
		runs := later(in, "hold", 25)
		synctest.Wait()
		<-time.After(time.Second)
		waits := later(in, "hold", 1)
		want(t, <-runs, "408 action_timed_out")
		if d := time.Since(begun); d != 10*time.Second {
			t.Errorf("the first answer came after %v", d)
		}
		want(t, <-waits, "503 overloaded")
		if d := time.Since(begun); d != 11*time.Second {
			t.Errorf("the second answer came after %v", d)
		}
		<-time.After(9 * time.Second)
		want(t, ask(in, "get", 0), "1")
		if d := time.Since(begun); d != 25*time.Second {
			t.Errorf("the turn was kept for %v", d)
		}
		want(t, ask(in, "beside", 11), "408 action_timed_out")
		want(t, ask(in, "await", 11), "408 action_timed_out")
		b.stop(t, in, actor.Sleeping)
		want(t, j.String(), "begun 25 ended actor.action_timed_out: Action timed out")
	})
}

// MailboxSize bounds all calls there are, in whatever way they are kept.
func TestMailboxSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, busy(&j, actor.MailboxSize(4)))
		in := b.mustStart(t)
		var answers []<-chan string
		for _, name := range []string{"beside", "await", "hold", "get"} {
			answers = append(answers, later(in, name, 5))
			synctest.Wait()
		}
		// What asks for a connection of its own waits for the turn before it is a
		// call, so the ones too many come over a connection.
		begun := time.Now()
		l := newLink("l", "/connect", "rivet, rivet_encoding.json")
		r := in.Open(l)
		<-time.After(6 * time.Second)
		for _, answer := range answers {
			<-answer
		}
		if m := l.next(t); m.Kind != codec.KindInit || time.Since(begun) != 6*time.Second {
			t.Fatalf("the first message is %v after %v", m.Kind, time.Since(begun))
		}
		names := []string{"beside", "await", "await", "hold", "get", "get", "none"}
		for i, name := range names {
			r.Message(uint64(i+1), true, codec.AppendActionRequest(nil, codec.JSON, uint64(i), name, []byte("[5]")))
		}
		got := make([]string, len(names))
		for range names {
			switch m := l.next(t); m.Kind {
			case codec.KindActionResponse:
				got[m.ID] = string(m.Value)
			default:
				got[m.ID] = string(m.Err.Code)
			}
		}
		want(t, fmt.Sprint(got), "[5 5 5 5 overloaded overloaded action_not_found]")
		want(t, ask(in, "get", 0), "2")
		b.stop(t, in, actor.Sleeping)
		if len(l.frames) > 0 {
			t.Error("a call was answered twice")
		}
	})
}

// A message whose call was refused for its time is acknowledged: the next
// generation must not run it. One that waits when the actor stops is not.
func TestWaitingMessagesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, busy(&j, actor.ActionTimeout(5*time.Second), actor.StopGrace(2*time.Second)))
		in := b.mustStart(t)
		l := newLink("l", "/connect", "rivet, rivet_encoding.json")
		r := in.Open(l)
		l.next(t)
		send := func(index uint64, action string, n int) {
			r.Message(index, true, codec.AppendActionRequest(nil, codec.JSON, index, action, fmt.Appendf(nil, "[%d]", n)))
		}
		send(1, "hold", 100)
		<-time.After(time.Second)
		send(2, "hold", 1)
		<-time.After(6 * time.Second)
		for _, code := range []string{"action_timed_out", "overloaded"} {
			if m := l.next(t); m.Kind != codec.KindError || string(m.Err.Code) != code {
				t.Errorf("the answer is %v %v", m.Kind, m.Err)
			}
		}
		send(3, "hold", 2)
		synctest.Wait()
		if err := in.Stop(t.Context(), actor.Sleeping); err == nil {
			t.Error("Stop returned nil while a handler ran")
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.acked != 2 || len(l.frames) > 0 {
			t.Errorf("acknowledged up to %d, and %d more answers", l.acked, len(l.frames))
		}
		<-time.After(100 * time.Second)
		synctest.Wait()
		want(t, j.String(), "begun 100 ended actor.action_timed_out: Action timed out")
	})
}

// Update waits for a turn no longer than the Context lasts, and f does not run
// then.
func TestUpdateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beside sctx
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "hold", func(c sctx, n int) (int, error) { <-time.After(time.Minute); return 0, nil })
			on(d, "update", func(c sctx, n int) (int, error) {
				if c.State != nil {
					t.Error("a concurrent handler has a State")
				}
				beside = c
				<-c.Done()
				return 0, nil
			}, actor.Concurrent())
		}, actor.ActionTimeout(10*time.Second)))
		in := b.mustStart(t)
		update := later(in, "update", 0)
		synctest.Wait()
		hold := later(in, "hold", 0)
		synctest.Wait()
		begun := time.Now()
		err := beside.Update(func(*S) { t.Error("f ran") })
		if err == nil || !strings.Contains(err.Error(), "action_timed_out") || time.Since(begun) != 10*time.Second {
			t.Errorf("Update returned %v after %v", err, time.Since(begun))
		}
		want(t, <-hold, "408 action_timed_out")
		want(t, <-update, "408 action_timed_out")
		<-time.After(time.Minute)
		if err := beside.View(func(*S) { t.Error("f ran") }); err == nil {
			t.Error("View returned nil when the context was done")
		}
		b.stop(t, in, actor.Sleeping)
	})
}
