package actor_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type job struct {
	Name string `json:"name"`
}

type ledger struct{ Done []string }

const (
	Jobs = rivet.Queue[job, string]("jobs")
	Done = rivet.Action[rivet.None, []string]("done")
)

// sendHTTP sends a message to a queue and returns the status and what it says.
func sendHTTP(t *testing.T, in *actor.Instance, enc codec.Encoding, queue string, body any, wait bool, timeout time.Duration) (int, string) {
	t.Helper()
	data, err := codec.Marshal(enc, body)
	if err != nil {
		t.Fatal(err)
	}
	return sendBody(t, in, enc, queue, codec.AppendQueueSend(nil, enc, codec.QueueSend{Body: data, Wait: wait, Timeout: timeout}))
}

func sendBody(t *testing.T, in *actor.Instance, enc codec.Encoding, queue string, body []byte) (int, string) {
	t.Helper()
	release, ok := in.Hold()
	if !ok {
		return 0, "it stops"
	}
	defer release()
	r := httptest.NewRequest("POST", "/queue/"+queue, strings.NewReader(string(body)))
	r.Header.Set("X-Rivet-Encoding", enc.String())
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		e := codec.DecodeHTTPError(enc, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes())
		return w.Code, e.Group + "." + e.Code
	}
	res, err := codec.DecodeQueueResult(enc, w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Response) == 0 {
		return w.Code, res.Status
	}
	var text string
	if err := codec.Unmarshal(enc, res.Response, &text); err != nil {
		t.Fatal(err)
	}
	return w.Code, res.Status + " " + text
}

// did returns what the ledger of an actor has.
func did(t *testing.T, in *actor.Instance) string {
	t.Helper()
	w := callHTTP(in, "done", `{"args":[]}`)
	if w.Code != http.StatusOK {
		t.Fatalf("done: %d %s", w.Code, w.Body)
	}
	return strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"output":`), "}")
}

// worker is an actor that keeps a ledger of its jobs.
func worker(consume func(*actor.Definition[ledger]), opts ...actor.DefinitionOption) actor.Actor {
	return actor.Define("worker", func(d *actor.Definition[ledger]) {
		actor.Handle(d, Done, func(c *actor.Context[ledger], _ rivet.None) ([]string, error) { return c.State.Done, nil })
		consume(d)
	}, opts...)
}

func noting(d *actor.Definition[ledger]) {
	actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
		c.State.Done = append(c.State.Done, j.Name)
		return strings.ToUpper(j.Name), nil
	})
}

func idle(*actor.Definition[ledger]) {}

// eachTime runs a test in a bubble, with generations of one actor.
func eachTime(t *testing.T, a actor.Actor, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newBench(t, a)) })
}

func TestConsume(t *testing.T) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(enc.String(), func(t *testing.T) {
			eachTime(t, worker(noting), func(t *testing.T, b *bench) {
				in := b.mustStart(t)
				defer b.stop(t, in, actor.Sleeping)
				for _, c := range []struct {
					name string
					wait bool
					want string
				}{{"a", false, "completed"}, {"b", true, "completed B"}, {"c", true, "completed C"}} {
					if status, got := sendHTTP(t, in, enc, "jobs", job{c.name}, c.wait, 0); status != 200 || got != c.want {
						t.Errorf("%s: %d %s, want %s", c.name, status, got, c.want)
					}
				}
				if got := did(t, in); got != `["a","b","c"]` {
					t.Errorf("the jobs done are %s", got)
				}
				if n := b.keys(5); n != 0 {
					t.Errorf("%d keys of messages are left", n)
				}
			})
		})
	}
}

// What a sender is told.
func TestQueueAnswers(t *testing.T) {
	a := worker(func(d *actor.Definition[ledger]) {
		actor.DeclareQueue(d, Jobs)
		actor.CanPublish(d, rivet.Queue[job, rivet.None]("private"), func(*actor.Context[ledger]) (bool, error) { return false, nil })
	}, actor.QueueSize(3), actor.MaxQueueMessage(100), actor.ActionTimeout(7*time.Second))
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		long := strings.Repeat("x", 100)
		for _, c := range []struct {
			name, queue string
			body        any
			wait        bool
			timeout     time.Duration
			status      int
			want        string
			after       time.Duration
		}{
			{"any name", "what/ever", 1, false, 0, 200, "completed", 0},
			{"no time without wait", "jobs", job{}, false, time.Hour, 200, "completed", 0},
			{"nobody completes it", "jobs", job{}, true, 3 * time.Second, 200, "timedOut", 3 * time.Second},
			{"no more room", "jobs", job{}, false, 0, 400, "queue.full", 0},
			{"too large", "jobs", job{long}, false, 0, 400, "queue.message_too_large", 0},
			{"no job", "jobs", "a string", false, 0, 400, "queue.message_invalid", 0},
			{"not allowed", "private", job{}, false, 0, 403, "auth.forbidden", 0},
		} {
			began := time.Now()
			status, got := sendHTTP(t, in, codec.JSON, strings.ReplaceAll(c.queue, "/", "%2F"), c.body, c.wait, c.timeout)
			if status != c.status || got != c.want || time.Since(began) != c.after {
				t.Errorf("%s: %d %s after %v, want %d %s after %v", c.name, status, got, time.Since(began), c.status, c.want, c.after)
			}
		}
		if status, got := sendBody(t, in, codec.JSON, "jobs", []byte(`{"wait":1}`)); status != 400 {
			t.Errorf("no message: %d %s", status, got)
		}
	})
}

func TestQueueWaitEndsWithTheTimeOfActions(t *testing.T) {
	eachTime(t, worker(idle, actor.ActionTimeout(7*time.Second)), func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		began := time.Now()
		if status, got := sendHTTP(t, in, codec.BARE, "jobs", job{}, true, 0); status != 200 || got != "timedOut" || time.Since(began) != 7*time.Second {
			t.Errorf("%d %s after %v", status, got, time.Since(began))
		}
		// A timeout of 0 is one.
		began = time.Now()
		if status, got := sendBody(t, in, codec.JSON, "jobs", []byte(`{"body":{},"wait":true,"timeout":0}`)); status != 200 || got != "timedOut" || time.Since(began) > time.Millisecond {
			t.Errorf("%d %s after %v", status, got, time.Since(began))
		}
	})
}

// A message that fails comes again, ever later, and others pass it.
func TestConsumeAgain(t *testing.T) {
	var began time.Time
	var seen []string
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
			seen = append(seen, fmt.Sprintf("%s@%v", j.Name, time.Since(began)))
			switch j.Name {
			case "bad":
				return "", errors.New("no")
			case "worse":
				panic("no")
			}
			return "", nil
		}, actor.MaxAttempts(3))
	}, actor.NoSleep())
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		began = time.Now()
		for _, name := range []string{"bad", "good", "worse"} {
			if status, got := sendHTTP(t, in, codec.JSON, "jobs", job{name}, false, 0); status != 200 {
				t.Fatalf("%s: %d %s", name, status, got)
			}
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		want := "[bad@0s good@100ms worse@200ms bad@1s worse@1.2s bad@3s worse@3.2s]"
		if got := fmt.Sprint(seen); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if n := b.keys(5); n != 0 {
			t.Errorf("%d keys of messages are left", n)
		}
	})
}

// What a handler does to the state and the end of its message are stored as one,
// so that each job is done once in spite of crashes.
func TestConsumeOnce(t *testing.T) {
	eachTime(t, worker(noting), func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		var want []string
		for i := range 50 {
			name := fmt.Sprint(i)
			want = append(want, fmt.Sprintf("%q", name))
			if status, got := sendHTTP(t, in, codec.JSON, "jobs", job{name}, false, 0); status != 200 {
				t.Fatalf("%d %s", status, got)
			}
			if i%2 == 0 {
				synctest.Wait()
			}
			if i%3 == 0 { // at whatever point the worker is
				b.crash(t, in)
				in = b.mustStart(t)
			}
		}
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		if got := did(t, in); got != "["+strings.Join(want, ",")+"]" {
			t.Errorf("the jobs done are %s", got)
		}
	})
}

// Messages that Consume has not handled wake the actor up again.
func TestConsumeWakes(t *testing.T) {
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
			return "", c.Await(func() error { <-c.Done(); return c.Err() })
		})
	}, actor.StopGrace(time.Second))
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		if status, got := sendHTTP(t, in, codec.JSON, "jobs", job{"a"}, false, 0); status != 200 {
			t.Fatalf("%d %s", status, got)
		}
		synctest.Wait()
		sent := time.Now()
		b.stop(t, in, actor.GoingAway)
		if !b.alarmAt().Equal(sent) {
			t.Errorf("the alarm is %v, want %v", b.alarmAt(), sent)
		}
		if n := b.keys(5); n != 2 {
			t.Errorf("%d keys of messages are left, want 2", n)
		}
	})
}

const (
	Poke  = rivet.Action[string, string]("poke")
	Count = rivet.Action[rivet.None, int]("count")
)

func TestConsumeFaults(t *testing.T) {
	for name, a := range map[string]actor.Actor{
		"nil":   worker(func(d *actor.Definition[ledger]) { actor.Consume[ledger, job, string](d, Jobs, nil) }),
		"twice": worker(func(d *actor.Definition[ledger]) { noting(d); noting(d) }),
		"workers": worker(func(d *actor.Definition[ledger]) {
			actor.Consume(d, Jobs, func(*actor.Context[ledger], job) (string, error) { return "", nil }, actor.Workers(0))
		}),
		"size":    worker(idle, actor.QueueSize(0)),
		"message": worker(idle, actor.MaxQueueMessage(actor.MaxValue+1)),
	} {
		if _, err := actor.New(actor.Registry{a}, actor.UseDriver(&bench{})); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A message that a worker has taken and not begun with, as the actor stops, has
// not been tried.
func TestStopsAreNoAttempts(t *testing.T) {
	for _, what := range []string{"the worker is busy", "the turn is held"} {
		t.Run(what, func(t *testing.T) {
			var seen []string
			a := worker(func(d *actor.Definition[ledger]) {
				actor.Handle(d, Poke, func(c *actor.Context[ledger], _ string) (string, error) { <-c.Done(); return "", nil })
				actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
					if seen = append(seen, j.Name); j.Name == "wait" {
						<-time.After(time.Second)
					}
					return "", nil
				}, actor.MaxAttempts(1))
			}, actor.StopGrace(2*time.Second))
			eachTime(t, a, func(t *testing.T, b *bench) {
				in := b.mustStart(t)
				if what == "the turn is held" {
					go callHTTP(in, "poke", `{"args":[""]}`)
					synctest.Wait()
				} else {
					sendHTTP(t, in, codec.JSON, "jobs", job{"wait"}, false, 0)
				}
				sendHTTP(t, in, codec.JSON, "jobs", job{"a"}, false, 0)
				synctest.Wait()
				_ = in.Stop(t.Context(), actor.GoingAway)
				for k, v := range b.data {
					if k[0] == 5 && k[1] == 1 && v[5] != 0 {
						t.Errorf("a message that waits has %d attempts", v[5])
					}
				}
				if slices.Contains(seen, "a") || b.keys(5) != 2 {
					t.Errorf("%q were handled, and %d keys are left", seen, b.keys(5))
				}
			})
		})
	}
}

// A handler that does not end in time keeps its message from being seen as done:
// the actor wakes up for it.
func TestConsumeWakesForWhatIsHandled(t *testing.T) {
	stuck := make(chan struct{})
	a := worker(func(d *actor.Definition[ledger]) {
		actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
			return "", c.Await(func() error { <-stuck; return nil })
		})
	}, actor.StopGrace(time.Second))
	synctest.Test(t, func(t *testing.T) {
		stuck = make(chan struct{})
		b := newBench(t, a)
		in := b.mustStart(t)
		sendHTTP(t, in, codec.JSON, "jobs", job{"a"}, false, 0)
		synctest.Wait()
		sent := time.Now()
		if err := in.Stop(t.Context(), actor.GoingAway); err == nil {
			t.Error("what still runs is no error")
		}
		if !b.alarmAt().Equal(sent) {
			t.Errorf("the alarm is %v, want %v", b.alarmAt(), sent)
		}
		close(stuck)
	})
}
