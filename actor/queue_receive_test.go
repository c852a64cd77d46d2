package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// Run receives by itself, sleeps while it waits, and gets again what it had not
// completed.
func TestReceiveInRun(t *testing.T) {
	var seen []string
	crashed := false
	a := worker(func(d *actor.Definition[ledger]) {
		d.Run(func(c *actor.Context[ledger]) error {
			for m, err := range actor.Messages(c, Jobs) {
				if err != nil {
					return err
				}
				seen = append(seen, fmt.Sprintf("%s#%d", m.Body.Name, m.Attempt()))
				if m.Body.Name == "b" && m.Attempt() == 1 {
					crashed = true
					<-c.Done()
					return nil
				}
				if err := m.Complete(c, m.Body.Name+"!"); err != nil {
					return err
				}
			}
			return nil
		})
	}, actor.SleepAfter(time.Minute))
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		if status, got := sendHTTP(t, in, codec.CBOR, "jobs", job{"a"}, true, 0); status != 200 || got != "completed a!" {
			t.Errorf("%d %s", status, got)
		}
		began := time.Now()
		if ask := <-b.asks; ask != "sleep" || time.Since(began) < time.Minute {
			t.Errorf("it asks for %s after %v", ask, time.Since(began))
		}
		for _, name := range []string{"b", "c"} {
			sendHTTP(t, in, codec.BARE, "jobs", job{name}, false, 0)
		}
		synctest.Wait()
		if !crashed {
			t.Fatal("the message did not come")
		}
		// It has a message, which keeps it awake.
		<-time.After(time.Hour)
		select {
		case ask := <-b.asks:
			t.Errorf("it asks for %s with a message in its hands", ask)
		default:
		}
		b.crash(t, in)
		in = b.mustStart(t)
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		if got := fmt.Sprint(seen); got != "[a#1 b#1 b#2 c#1]" {
			t.Errorf("received %s", got)
		}
	})
}

// In a turn: waiting gives it away, and Until bounds it.
func TestReceiveInATurn(t *testing.T) {
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Handle(d, Poke, func(c *actor.Context[ledger], how string) (string, error) {
			switch how {
			case "send":
				id, err := actor.Enqueue(c, Jobs, job{"own"})
				return fmt.Sprint(id > 0), err
			case "try":
				m, err := actor.TryNext(c, Jobs)
				if m == nil || err != nil {
					return fmt.Sprint(m, err), nil
				}
				return m.Body.Name, m.Release(0)
			case "short":
				ctx, cancel := context.WithTimeout(c, time.Second)
				defer cancel()
				_, err := actor.Next(c, Jobs, actor.Until(ctx))
				return fmt.Sprint(err), nil
			case "batch":
				all, err := actor.NextBatch(c, Jobs, 2)
				var names []string
				for _, m := range all {
					names = append(names, fmt.Sprintf("%s#%d", m.Body.Name, m.Attempt()))
					err = errors.Join(err, m.Ack(c))
				}
				return strings.Join(names, " "), err
			}
			m, err := actor.Next(c, Jobs)
			if err != nil {
				return "", err
			}
			return m.Body.Name, m.Ack(c)
		})
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		poke := func(how, want string) {
			t.Helper()
			if w := callHTTP(in, "poke", fmt.Sprintf(`{"args":[%q]}`, how)); w.Body.String() != fmt.Sprintf(`{"output":%q}`, want) {
				t.Errorf("%s: %d %s, want %s", how, w.Code, w.Body, want)
			}
		}
		poke("try", "<nil> <nil>")
		began := time.Now()
		poke("short", "context deadline exceeded")
		if d := time.Since(began); d != time.Second {
			t.Errorf("it waited for %v", d)
		}
		done := make(chan struct{})
		go func() { poke("next", "own"); close(done) }()
		synctest.Wait()
		poke("send", "true") // while the other one waits
		<-done
		for _, name := range []string{"x", "y", "z"} {
			sendHTTP(t, in, codec.JSON, "jobs", job{name}, false, 0)
		}
		poke("try", "x") // and puts it back
		poke("batch", "x#2 y#1")
		poke("try", "z")
	})
}

// A message that is no T is told of, and is there again after the next start.
func TestMessageOfAnotherType(t *testing.T) {
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Handle(d, Poke, func(c *actor.Context[ledger], how string) (string, error) {
			m, err := actor.TryNext(c, Jobs)
			if bad, ok := errors.AsType[*actor.MessageError](err); ok {
				if how == "discard" {
					ok, err := actor.Discard(c, bad.ID)
					return fmt.Sprint("discarded ", ok, err), nil
				}
				return fmt.Sprintf("%s is %s", bad.Queue, bad.Value.Bytes()), nil
			}
			if m == nil {
				return "none", err
			}
			return m.Body.Name, m.Ack(c)
		})
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		poke := func(how, want string) {
			t.Helper()
			if w := callHTTP(in, "poke", fmt.Sprintf(`{"args":[%q]}`, how)); w.Body.String() != fmt.Sprintf(`{"output":%q}`, want) {
				t.Errorf("%s: %d %s, want %s", how, w.Code, w.Body, want)
			}
		}
		sendHTTP(t, in, codec.JSON, "jobs", 5, false, 0)
		sendHTTP(t, in, codec.JSON, "jobs", job{"a"}, false, 0)
		poke("", "jobs is 5")
		poke("", "a")
		poke("", "none")
		b.stop(t, in, actor.Sleeping) // it keeps nobody awake
		in = b.mustStart(t)
		poke("discard", "discarded true <nil>")
		poke("", "none")
		b.stop(t, in, actor.Sleeping)
		if n := b.keys(5); n != 0 {
			t.Errorf("%d keys of messages are left", n)
		}
	})
}

// The loop over Messages ends with the Context, whatever else there is, and what
// nobody has got counts no attempt.
func TestMessagesEndWithTheContext(t *testing.T) {
	var seen []string
	a := worker(func(d *actor.Definition[ledger]) {
		d.Run(func(c *actor.Context[ledger]) error {
			for m, err := range actor.Messages(c, Jobs) {
				if err != nil {
					return err
				}
				seen = append(seen, fmt.Sprintf("%s#%d", m.Body.Name, m.Attempt()))
				if err := m.Ack(context.WithoutCancel(c)); err != nil {
					return err
				}
				if m.Body.Name == "b" {
					<-c.Done()
				}
			}
			return nil
		})
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		for _, name := range []string{"a", "b", "c", "d"} {
			sendHTTP(t, in, codec.JSON, "jobs", job{name}, false, 0)
		}
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		if got := fmt.Sprint(seen); got != "[a#1 b#1]" {
			t.Errorf("received %s", got)
		}
		b.stop(t, b.mustStart(t), actor.Sleeping)
		in = b.mustStart(t)
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		if got := fmt.Sprint(seen); got != "[a#1 b#1 c#1 d#1]" {
			t.Errorf("received %s", got)
		}
	})
}

// A message in somebody's hands is not discarded, and stays one of the queue.
func TestDiscardOfWhatIsHandled(t *testing.T) {
	const Other = rivet.Queue[job, rivet.None]("other")
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Consume(d, Other, func(*actor.Context[ledger], job) (rivet.None, error) { return rivet.None{}, nil })
		actor.Handle(d, Poke, func(c *actor.Context[ledger], _ string) (string, error) {
			m, err := actor.TryNext(c, Jobs)
			if err != nil {
				return "", err
			}
			gone, err := actor.Discard(c, m.ID())
			return fmt.Sprint(gone, err, m.Release(time.Minute)), nil
		})
	}, actor.NoSleep())
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		sendHTTP(t, in, codec.JSON, "jobs", job{"a"}, false, 0)
		if w := callHTTP(in, "poke", `{"args":[""]}`); w.Body.String() != `{"output":"false <nil> <nil>"}` {
			t.Error(w.Body)
		}
		b.stop(t, in, actor.Sleeping)
		if n := b.keys(5); n != 2 {
			t.Errorf("%d keys of messages are left, want 2", n)
		}
	})
}

// A Run that waits for a message when the actor is to stop has the time to put
// away what it has.
func TestRunPutsAwayAfterItWaited(t *testing.T) {
	eachTime(t, worker(func(d *actor.Definition[ledger]) {
		d.Run(func(c *actor.Context[ledger]) error {
			for _, err := range actor.Messages(c, Jobs) {
				return err
			}
			<-time.After(time.Second)
			if err := c.Update(func(s *ledger) { s.Done = append(s.Done, "put away") }); err != nil {
				t.Error(err)
			}
			return nil
		})
	}), func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		if got := did(t, in); got != `["put away"]` {
			t.Errorf("the state is %s", got)
		}
	})
}
