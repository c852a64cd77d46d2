package conn

import (
	"context"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rivet-go/rivet/stream"
)

// maxCallbacks bounds the callbacks that wait behind one that does not
// return; the newest are given up then, and counted.
const maxCallbacks = 4096

// callbacks runs funcs in order on one goroutine, which exists only while
// there are any. User code runs here or on a listener's goroutine, never on
// the reader, the writer or under a lock.
type callbacks struct {
	mu      sync.Mutex
	queue   []func()
	idle    chan struct{} // closed when the goroutine has ended; nil when there is none
	busy    atomic.Bool   // a func is running
	dropped atomic.Uint64
	onPanic func(recovered any, stack []byte)
}

func (k *callbacks) push(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) >= maxCallbacks {
		k.dropped.Add(1)
		return
	}
	k.queue = append(k.queue, f)
	if k.idle == nil {
		k.idle = make(chan struct{})
		go k.loop(k.idle)
	}
}

func (k *callbacks) loop(idle chan struct{}) {
	over := false
	defer func() {
		if !over { // a callback has ended its goroutine, as testing.T.FailNow does
			go k.loop(idle)
		}
	}()
	for {
		k.busy.Store(false)
		k.mu.Lock()
		if len(k.queue) == 0 {
			over = true
			k.queue, k.idle = nil, nil
			k.mu.Unlock()
			close(idle)
			return
		}
		f := k.queue[0]
		k.queue[0] = nil
		k.queue = k.queue[1:]
		k.mu.Unlock()
		k.busy.Store(true)
		k.guard(f)
	}
}

// guard calls f, code of the user's, and reports its panic instead of passing
// it on. All such code runs below it, which is how insideCallback knows.
func (k *callbacks) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			k.report(r, debug.Stack())
		}
	}()
	f()
}

func (k *callbacks) report(r any, stack []byte) {
	defer func() { _ = recover() }() // a panic hook that panics has nobody left to tell
	k.onPanic(r, stack)
}

// insideCallback reports whether its caller was called by guard, that is,
// whether waiting for a callback may be to wait for oneself.
func insideCallback() bool {
	pcs := make([]uintptr, 64)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); f.Entry == guardEntry {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

var guardEntry = reflect.ValueOf((*callbacks).guard).Pointer()

// settle waits until all callbacks have run or ctx has ended. From inside a
// callback it does not wait for one that is running.
func (k *callbacks) settle(ctx context.Context, inside bool) {
	k.mu.Lock()
	idle := k.idle
	k.mu.Unlock()
	if idle == nil || inside && k.busy.Load() {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// hooks is a set of registered callbacks of one kind.
type hooks[A any] struct {
	mu   sync.Mutex
	next int
	set  map[int]func(A)
	ids  []int
}

func (h *hooks[A]) add(f func(A)) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.set == nil {
		h.set = make(map[int]func(A))
	}
	id := h.next
	h.next++
	h.set[id] = f
	h.ids = append(h.ids, id)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.set, id)
		h.ids = slices.DeleteFunc(h.ids, func(x int) bool { return x == id })
	}
}

// fire queues arg for every callback that is registered now and has not been
// removed when its turn comes.
func (h *hooks[A]) fire(k *callbacks, arg A) {
	h.mu.Lock()
	ids := slices.Clone(h.ids)
	h.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	k.push(func() {
		for _, id := range ids {
			h.mu.Lock()
			f := h.set[id]
			h.mu.Unlock()
			if f != nil {
				k.guard(func() { f(arg) })
			}
		}
	})
}

// OnOpen registers f to be called with each link that becomes connected, and
// soon once if one is connected now. Callbacks run in order on one goroutine
// of the connection and may use every method of it; one that panics is
// reported and disturbs no other. remove may be called from anywhere.
func (c *Conn) OnOpen(f func(OpenInfo)) (remove func()) {
	c.mu.Lock() // open fires under it: f is called for this link once
	defer c.mu.Unlock()
	unregister := c.onOpen.add(f)
	if c.link == nil {
		return unregister
	}
	var removed atomic.Bool
	info := c.link.info
	c.callbacks.push(func() {
		if !removed.Load() {
			f(info)
		}
	})
	return func() {
		removed.Store(true)
		unregister()
	}
}

// OnClose registers f to be called when a link that was connected has ended;
// see OnOpen.
func (c *Conn) OnClose(f func(CloseInfo)) (remove func()) { return c.onClose.add(f) }

// OnError registers f to be called with the cause of each failed attempt and
// lost link, and with errors that the server sends for the connection rather
// than for a call; see OnOpen.
func (c *Conn) OnError(f func(error)) (remove func()) { return c.onError.add(f) }

// OnStatusChange registers f to be called at each step of the status machine
// from now on; see OnOpen, and Statuses for a loop that begins with the
// current one.
func (c *Conn) OnStatusChange(f func(Status)) (remove func()) { return c.onStatus.add(f) }

// listener is one goroutine that feeds a callback from a subscription.
type listener struct {
	done chan struct{}
	busy atomic.Bool // the callback is running
}

// Listen calls f with each event of sub, one at a time and in order, on a
// goroutine that c owns, until sub ends or cancel is called. f may use every
// method of c and may call cancel; a panic in f is reported and the next event
// goes on. A notice (see stream.IsNotice) is logged, since f cannot carry it,
// and counted in the subscription's Stats. After Close of c, f is not called
// again.
func Listen[T any](c *Conn, sub *stream.Subscription[T], f func(T)) (cancel func()) {
	l := &listener{done: make(chan struct{})}
	c.mu.Lock()
	if c.listeners == nil {
		c.listeners = make(map[*listener]struct{})
	}
	c.listeners[l] = struct{}{}
	c.mu.Unlock()
	go func() {
		defer close(l.done)
		defer func() {
			c.mu.Lock()
			delete(c.listeners, l)
			c.mu.Unlock()
		}()
		defer sub.Close()
		for {
			v, err := sub.Next(c.quit)
			switch {
			case stream.IsNotice(err):
				c.LogNotice(err)
				continue
			case err != nil:
				return
			}
			l.busy.Store(true)
			if c.quit.Err() != nil {
				return
			}
			c.callbacks.guard(func() { f(v) })
			l.busy.Store(false)
		}
	}()
	return func() { _ = sub.Close() }
}

// settleListeners waits for the goroutines of Listen to end, or for ctx. From
// inside a callback it does not wait for those that are inside one.
func (c *Conn) settleListeners(ctx context.Context, inside bool) {
	c.mu.Lock()
	ls := make([]*listener, 0, len(c.listeners))
	for l := range c.listeners {
		ls = append(ls, l)
	}
	c.mu.Unlock()
	for _, l := range ls {
		if inside && l.busy.Load() {
			continue
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return
		}
	}
}

// On calls f with each event named event; see Listen.
func (c *Conn) On(event string, f func(Event)) (cancel func()) {
	return Listen(c, c.Subscribe([]string{event}), f)
}

// Once waits for the next event named event and unsubscribes. It fails with
// ctx's error, or with Err once the connection is closed.
func (c *Conn) Once(ctx context.Context, event string) (Event, error) {
	sub := c.Subscribe([]string{event})
	defer sub.Close()
	for {
		ev, err := sub.Next(ctx)
		if stream.IsNotice(err) {
			continue
		}
		return ev, err
	}
}
