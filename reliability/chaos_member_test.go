package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// member is one client in the chaos, with one connection.
type member struct {
	index  int
	key    string
	client *rivet.Client
	handle *rivet.Handle
	conn   *conn.Conn
	seed   uint64

	faithful *record // a subscription with room for everything
	slow     *record // one that cannot keep up, nil for most
	view     *rivet.View[tally]
	churns   atomic.Int64 // subscriptions begun and ended

	listeners, callers sync.WaitGroup
	leave              context.CancelFunc // ends the listeners

	mu       sync.Mutex
	orders   []outcome
	observed map[string]int // outcomes as the observer counts them
	returned map[string]int // and as the calls return
}

// outcome is how one call ended for its caller.
type outcome struct {
	id         int
	action     string
	idempotent bool
	http       bool
	receipt    receipt
	err        error
}

func newMember(t *testing.T, index int, seed uint64, endpoint string, through *proxy) *member {
	t.Helper()
	m := &member{index: index, key: fmt.Sprint("k", index%10), seed: seed,
		observed: make(map[string]int), returned: make(map[string]int)}
	client, err := rivet.NewClient(
		rivet.WithEndpoint(endpoint),
		rivet.WithDialer(through.dialer(index)),
		rivet.WithEncoding(encodings[index%len(encodings)]),
		rivet.WithHeaders(http.Header{"X-Member": {fmt.Sprint(index)}}),
		rivet.WithBackoff(backoff.Exponential(50*time.Millisecond, 500*time.Millisecond)),
		rivet.WithPing(400*time.Millisecond, time.Second),
		rivet.WithPanicHandler(func(r any, stack []byte) { t.Errorf("panic: %v\n%s", r, stack) }),
		rivet.WithObserver(rivet.Observer{Call: m.observe}),
	)
	if err != nil {
		t.Fatal(err)
	}
	m.client = client
	m.handle = client.GetOrCreate("room", rivet.Key{m.key})
	m.conn = m.handle.Connect(context.Background())
	var ctx context.Context
	ctx, m.leave = context.WithCancel(context.Background())
	m.faithful = newRecord()
	m.listen(ctx, m.faithful, 0, stream.Buffer(1<<16), stream.BufferBytes(64<<20))
	if index%5 == 0 {
		m.slow = newRecord()
		m.listen(ctx, m.slow, 300*time.Millisecond, stream.Buffer(4))
	}
	if index%5 < 2 {
		m.view = rivet.NewView(m.conn, func(ctx context.Context, c rivet.Caller) (tally, error) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			return rivet.Do(ctx, c, tell)
		}, rivet.Fold(changed, tally.after), rivet.Refresh(0))
	}
	m.listeners.Go(func() { m.churn(ctx, t) })
	return m
}

func (m *member) observe(i conn.CallInfo) {
	if i.Action == string(tell) {
		return // the View's
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observed[fmt.Sprint(i.Action, i.HTTP, i.Err == nil)]++
	if i.Err != nil || i.Sends > 0 {
		return
	}
	m.observed["answered without being sent"]++
}

// listen records a subscription until ctx ends. Every wait it takes up to
// pause.
func (m *member) listen(ctx context.Context, r *record, pause time.Duration, opts ...stream.Option) {
	sub := changed.Subscribe(m.conn, append(opts, stream.Gaps(true))...)
	rng := rand.New(rand.NewPCG(m.seed, uint64(m.index)))
	m.listeners.Go(func() {
		for c, err := range sub.All(ctx) {
			r.add(c, err)
			if pause > 0 {
				<-time.After(time.Duration(rng.Int64N(int64(pause))))
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stats = sub.Stats()
	})
}

// churn subscribes and unsubscribes all the time. What comes has to come in
// order.
func (m *member) churn(ctx context.Context, t *testing.T) {
	rng := rand.New(rand.NewPCG(m.seed, uint64(m.index)|1<<40))
	for ctx.Err() == nil {
		m.churns.Add(1)
		few, cancel := context.WithTimeout(ctx, time.Duration(50+rng.IntN(300))*time.Millisecond)
		want, last := rng.IntN(20), 0
		for c, err := range beats.All(few, m.conn) {
			if err != nil && !stream.IsNotice(err) {
				break
			}
			if err == nil && c.Seq <= last {
				t.Errorf("member %d: beat %d after %d", m.index, c.Seq, last)
			}
			if err == nil {
				last = c.Seq
			}
			if want--; want < 0 {
				break
			}
		}
		cancel()
		if m.conn.Status() == conn.Closed {
			return
		}
	}
}

// work calls actions until stop is closed, on two goroutines.
func (m *member) work(stop <-chan struct{}) {
	for lane := range 2 {
		m.callers.Go(func() {
			rng := rand.New(rand.NewPCG(m.seed, uint64(m.index)<<8|uint64(lane)|1<<41))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(80)) * time.Millisecond):
				}
				m.order(rng, (m.index*2+lane)*1_000_000+n)
				if rng.IntN(200) == 0 {
					m.conn.Reconnect()
				}
			}
		})
	}
}

// order places one call.
func (m *member) order(rng *rand.Rand, id int) {
	o := outcome{id: id, idempotent: rng.IntN(5) == 0, http: rng.IntN(4) == 0}
	patience := 5 * time.Second
	if rng.IntN(4) == 0 {
		patience = time.Duration(rng.IntN(60)) * time.Millisecond
	}
	action := add
	by := rng.IntN(1000)
	switch rng.IntN(8) {
	case 0:
		action = fail
	case 1:
		action, by = dawdle, rng.IntN(50)
	}
	var caller rivet.Caller = m.conn
	if o.http {
		caller = m.handle
	}
	var opts []rivet.CallOption
	if o.idempotent {
		opts = append(opts, rivet.Idempotent())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.action = string(action)
	o.receipt, o.err = action.Call(ctx, caller, order{ID: id, By: by}, opts...)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = append(m.orders, o)
	m.returned[fmt.Sprint(o.action, o.http, o.err == nil)]++
}

// record is what one subscription has received, in order.
type record struct {
	mu      sync.Mutex
	entries []entry
	last    int           // number of the latest event
	moved   chan struct{} // closed at the next event
	stats   stream.Stats  // at the end
}

// entry is an event, or a notice.
type entry struct {
	seq int
	lag uint64
	gap bool
	err error // anything else
}

func newRecord() *record { return &record{moved: make(chan struct{})} }

func (r *record) add(c change, err error) {
	e := entry{seq: c.Seq}
	var lag *stream.LagError
	var gap *stream.GapError
	switch {
	case errors.As(err, &lag):
		e = entry{lag: lag.Dropped}
	case errors.As(err, &gap):
		e = entry{gap: true}
	case err != nil:
		e = entry{err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	if e.seq > 0 {
		r.last = e.seq
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// reach waits until event seq or a later one has come.
func (r *record) reach(ctx context.Context, seq int) bool {
	for {
		r.mu.Lock()
		last, moved := r.last, r.moved
		r.mu.Unlock()
		if last >= seq {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

// isTyped reports whether a failed call ended in one of the ways that the
// documentation lists. Over HTTP that is whatever net/http says.
func isTyped(err error, http bool) bool {
	var ce *rivet.CallError
	if !errors.As(err, &ce) {
		return false
	}
	var e *codec.Error
	var lost *rivet.DisconnectedError
	var full *rivet.OutboxFullError
	return http || errors.As(err, &e) || errors.As(err, &lost) || errors.As(err, &full) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rivet.ErrClosed)
}
