package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/gateway"
)

// fakeRegistry is a registry of two actors.
type fakeRegistry struct {
	endpoint, namespace, token string
	buffer                     int
	log                        *slog.Logger
	slow                       atomic.Int64
}

func (*fakeRegistry) Names() []string { return []string{"chat", "counter"} }
func (g *fakeRegistry) Log() *slog.Logger {
	if g.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return g.log
}
func (g *fakeRegistry) Public() (string, string, string) { return g.endpoint, g.namespace, g.token }
func (g *fakeRegistry) SlowLink()                        { g.slow.Add(1) }
func (*fakeRegistry) Version() uint32                    { return 0 }
func (g *fakeRegistry) SendBuffer() int {
	if g.buffer == 0 {
		return 1 << 20
	}
	return g.buffer
}

// fakePlaces are actors in memory whose instances are fakes.
type fakePlaces struct {
	handler http.Handler                      // of every actor
	accept  func(l actor.Link) actor.Receiver // nil takes what comes and acks it
	// block is what acquire waits for, nil for nothing.
	block chan struct{}
	// opening is called in place of binding a new socket.
	opening func(in instance, s socket)
	fail    error // of everything

	mu       sync.Mutex
	records  []record
	inputs   [][]byte // of the records
	held     int
	woken    []string
	attached map[string]socket
	detached []string
}

var birth = time.UnixMilli(1795243557014)

func (p *fakePlaces) getOrCreate(ctx context.Context, s spec) (record, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return record{}, false, p.fail
	}
	if i := p.index(s.Name, s.Key); i >= 0 && !s.Keyless {
		return p.records[i], false, nil
	}
	rec := record{
		ID: fmt.Sprintf("a%029d", len(p.records)), Name: s.Name, Key: s.Key, Keyless: s.Keyless, Region: region,
		Pool: s.Pool, CrashPolicy: s.CrashPolicy, CreatedAt: birth,
	}
	p.records = append(p.records, rec)
	p.inputs = append(p.inputs, s.Input)
	return rec, true, nil
}

func (p *fakePlaces) index(name string, key rivet.Key) int {
	return slices.IndexFunc(p.records, func(r record) bool {
		return r.Name == name && !r.Keyless && gateway.SerializeKey(r.Key) == gateway.SerializeKey(key) && r.DestroyedAt.IsZero()
	})
}

func (p *fakePlaces) create(ctx context.Context, s spec) (record, error) {
	rec, created, err := p.getOrCreate(ctx, s)
	if err == nil && !created {
		err = &takenError{Existing: rec.ID}
	}
	return rec, err
}

func (p *fakePlaces) find(ctx context.Context, name string, key rivet.Key) (record, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.index(name, key); i >= 0 {
		return p.records[i], true, p.fail
	}
	return record{}, false, p.fail
}

func (p *fakePlaces) byID(ctx context.Context, id string) (record, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if r.ID == id {
			return r, true, nil
		}
	}
	return record{}, false, nil
}

func (p *fakePlaces) list(ctx context.Context, name, cursor string, limit int) ([]record, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cursor != "" && !strings.HasPrefix(cursor, "c") {
		return nil, "", errCursor
	}
	skip := len(cursor)
	var recs []record
	for _, r := range p.records {
		if r.Name != name || !r.DestroyedAt.IsZero() {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(recs) == limit {
			return recs, cursor + strings.Repeat("c", limit), nil
		}
		recs = append(recs, r)
	}
	return recs, "", nil
}

func (p *fakePlaces) names(ctx context.Context) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, r := range p.records {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return slices.Compact(names), p.fail
}

func (p *fakePlaces) destroy(ctx context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.records {
		if p.records[i].ID == id {
			p.records[i].DestroyedAt = birth.Add(time.Second)
			return nil
		}
	}
	return errNoSuchActor
}

func (p *fakePlaces) acquire(ctx context.Context, id string) (instance, func(), error) {
	if p.block != nil {
		select {
		case <-p.block:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if r.ID == id && r.DestroyedAt.IsZero() {
			p.held++
			return &fakeInstance{p: p, rec: r}, func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.held--
			}, nil
		}
	}
	return nil, nil, errNoSuchActor
}

func (p *fakePlaces) open(id string, in instance, s socket) {
	p.mu.Lock()
	if p.attached == nil {
		p.attached = make(map[string]socket)
	}
	p.attached[s.ID()] = s
	p.mu.Unlock()
	if p.opening != nil {
		p.opening(in, s)
		return
	}
	s.bind(in.Open(s))
}

func (p *fakePlaces) detach(id, linkID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.attached, linkID)
	p.detached = append(p.detached, id+" "+linkID)
}

func (p *fakePlaces) connectable(id string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.woken, id) {
		return birth.Add(time.Minute)
	}
	return time.Time{}
}

func (p *fakePlaces) wake(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = append(p.woken, id)
}

// fakeInstance answers with the handler of its world.
type fakeInstance struct {
	p   *fakePlaces
	rec record
}

func (i *fakeInstance) Hold() (func(), bool)              { return func() {}, true }
func (i *fakeInstance) Restored(id string) actor.Receiver { return nil }
func (i *fakeInstance) Stop(ctx context.Context, reason actor.StopReason) error {
	return nil
}

func (i *fakeInstance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if i.p.handler != nil {
		i.p.handler.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s %s %s %s", i.rec.Name, gateway.SerializeKey(i.rec.Key), r.Method, r.RequestURI)
}

func (i *fakeInstance) Open(l actor.Link) actor.Receiver {
	if i.p.accept != nil {
		return i.p.accept(l)
	}
	return &fakeReceiver{link: l, refuseAt: -1}
}

// fakeReceiver records what comes.
type fakeReceiver struct {
	link     actor.Link
	keep     bool // does not ack
	refuseAt int  // index to refuse from, -1 for never
	echo     bool

	mu     sync.Mutex
	got    []string
	ends   []string
	calls  int
	change func() // called with each message
}

func (r *fakeReceiver) Message(index uint64, text bool, data []byte) bool {
	r.mu.Lock()
	r.calls++
	if r.calls != 1 {
		panic("two calls at a time")
	}
	if r.refuseAt >= 0 && int(index) >= r.refuseAt {
		r.calls--
		r.mu.Unlock()
		return false
	}
	kind := "binary"
	if text {
		kind = "text"
	}
	r.got = append(r.got, fmt.Sprintf("%d %s %s", index, kind, data))
	r.calls--
	change := r.change
	r.mu.Unlock()
	if change != nil {
		change()
	}
	if r.echo {
		_ = r.link.Send(actor.NewFrame(text, slices.Clone(data)))
	}
	clear(data) // it is ours
	if !r.keep {
		r.link.Ack(index)
	}
	return true
}

func (r *fakeReceiver) Closed(code int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, fmt.Sprintf("%d %s", code, reason))
}

func (r *fakeReceiver) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *fakeReceiver) closed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ends)
}

// newTestFront returns a front that the end of the test shuts down.
func newTestFront(t testing.TB, g *fakeRegistry, p *fakePlaces) *front {
	t.Helper()
	if g == nil {
		g = &fakeRegistry{}
	}
	f := newFront(g, p)
	t.Cleanup(func() {
		if err := f.shutdown(context.Background()); err != nil {
			t.Errorf("shut down: %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held != 0 {
			t.Errorf("%d instances are still held", p.held)
		}
	})
	return f
}
