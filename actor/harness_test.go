package actor_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// bench is a driver that starts one actor at a time, by hand, over a store in
// memory: tests of the runtime see just what it does.
type bench struct {
	rt *actor.Runtime

	mu         sync.Mutex
	data       map[string][]byte
	alarm      time.Time
	generation uint64
	asked      []string // what the actor asked for: sleep, destroy, failed
	asks       chan string
	fail       error // of Apply
	applied    int
	input      []byte                  // of starts
	onApply    func(actor.Batch) error // sees a batch before it is applied
}

func newBench(t *testing.T, a actor.Actor, opts ...actor.Option) *bench {
	t.Helper()
	b := &bench{data: make(map[string][]byte), asks: make(chan string, 64)}
	h, err := actor.New(actor.Registry{a}, append(opts, actor.UseDriver(b))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Shutdown(context.Background()) })
	return b
}

func (b *bench) Open(_ context.Context, rt *actor.Runtime) (actor.Backend, error) {
	b.rt = rt
	return b, nil
}
func (b *bench) Handler() http.Handler          { return http.NotFoundHandler() }
func (b *bench) ClientOptions() []rivet.Option  { return nil }
func (b *bench) Shutdown(context.Context) error { return nil }

// start starts the next generation.
func (b *bench) start(ctx context.Context, links ...actor.Link) (*actor.Instance, error) {
	b.mu.Lock()
	b.generation++
	s := actor.Start{
		ID: strings.Repeat("a", 30), Generation: b.generation, Name: b.rt.Names()[0], Key: rivet.Key{"k"},
		Region: "default", CreatedAt: time.Now(), Lease: lease{b, b.generation}, Links: make(map[string]actor.Link), Input: b.input,
	}
	b.mu.Unlock()
	for _, l := range links {
		s.Links[l.ID()] = l
	}
	return b.rt.Start(ctx, s)
}

func (b *bench) mustStart(t *testing.T, links ...actor.Link) *actor.Instance {
	t.Helper()
	in, err := b.start(t.Context(), links...)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// stop stops a generation.
func (b *bench) stop(t *testing.T, in *actor.Instance, reason actor.StopReason) {
	t.Helper()
	if err := in.Stop(t.Context(), reason); err != nil {
		t.Fatal(err)
	}
}

// seeApply sets onApply.
func (b *bench) seeApply(f func(actor.Batch) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onApply = f
}

type lease struct {
	*bench
	generation uint64
}

func (l lease) ask(what string) {
	l.mu.Lock()
	l.asked = append(l.asked, what)
	l.mu.Unlock()
	select {
	case l.asks <- what:
	default: // nobody looks
	}
}
func (l lease) Sleep()           { l.ask("sleep") }
func (l lease) Destroy()         { l.ask("destroy") }
func (l lease) Failed(err error) { l.ask("failed: " + err.Error()) }

func (l lease) SetAlarm(_ context.Context, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alarm = t
	return nil
}

func (l lease) Get(_ context.Context, keys ...[]byte) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var values [][]byte
	for _, k := range keys {
		values = append(values, slices.Clone(l.data[string(k)]))
	}
	return values, nil
}

func (l lease) Apply(_ context.Context, batch actor.Batch) error {
	l.mu.Lock()
	see := l.onApply
	l.mu.Unlock()
	if see != nil {
		if err := see(batch); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	bytes := 0
	for _, c := range batch {
		bytes += len(c.Key) + len(c.Value) + len(c.To)
		if len(c.Key) > actor.MaxKey || len(c.Value) > actor.MaxValue {
			return errors.New("a change is over the limits of a Store")
		}
	}
	if len(batch) > actor.MaxBatch || bytes > actor.MaxBatchBytes {
		return errors.New("a batch is over the limits of a Store")
	}
	l.applied++
	for _, c := range batch {
		switch {
		case c.Value != nil:
			l.data[string(c.Key)] = slices.Clone(c.Value)
		case c.To != nil:
			for k := range l.data {
				if k >= string(c.Key) && k < string(c.To) {
					delete(l.data, k)
				}
			}
		default:
			delete(l.data, string(c.Key))
		}
	}
	return nil
}

func (l lease) List(_ context.Context, from, to []byte, limit int, reverse bool) iter.Seq2[actor.Entry, error] {
	l.mu.Lock()
	var found []actor.Entry
	for k, v := range l.data {
		if k >= string(from) && (len(to) == 0 || k < string(to)) {
			found = append(found, actor.Entry{Key: []byte(k), Value: slices.Clone(v)})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(found, func(a, b actor.Entry) int { return strings.Compare(string(a.Key), string(b.Key)) })
	if reverse {
		slices.Reverse(found)
	}
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return func(yield func(actor.Entry, error) bool) {
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// callHTTP calls an action as a single request.
func callHTTP(in *actor.Instance, action string, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/action/"+action, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	return w
}

// link is a client's socket whose frames are read by the test.
type link struct {
	id  string
	req *http.Request

	mu     sync.Mutex
	acked  uint64
	frames chan *actor.Frame
	closed chan string
}

func newLink(id, path, protocols string) *link {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Sec-WebSocket-Protocol", protocols)
	return &link{id: id, req: r, frames: make(chan *actor.Frame, 1024), closed: make(chan string, 16)}
}

func (l *link) ID() string                  { return l.id }
func (l *link) Request() *http.Request      { return l.req }
func (l *link) Send(f *actor.Frame) error   { l.frames <- f; return nil }
func (l *link) Close(code int, text string) { l.closed <- text }
func (l *link) Ack(index uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = index
}

// next decodes the next message to the client, which speaks JSON.
func (l *link) next(t *testing.T) codec.Message {
	t.Helper()
	select {
	case f := <-l.frames:
		var m codec.Message
		if err := codec.DecodeToClient(codec.JSON, f.Data(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	case reason := <-l.closed:
		t.Fatalf("the link was closed: %s", reason)
	case <-t.Context().Done():
		t.Fatal("no message")
	}
	return codec.Message{}
}
