package reliability_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
)

// book is an actor in which order shows: its state tells in which order what was
// written, and its events do not, so that one too many, one too few, and two that
// have changed places all leave a wrong copy for good.
type (
	book struct {
		Count int
		Order uint64 // of all entries so far
	}
	line struct{ By, N int }
)

func (b book) with(e line) book {
	return book{b.Count + 1, b.Order*1_000_003 + uint64(e.By)<<32 + uint64(e.N)}
}

const (
	write   = rivet.Action[line, book]("write")
	written = rivet.Event[line]("written")
	read    = rivet.Action[rivet.None, book]("read")
	doze    = rivet.Action[rivet.None, rivet.None]("doze")
	expel   = rivet.Action[rivet.None, int]("expel")
)

// library is a host of one kind of actor, book, on loopback, which remembers
// what its actors have gone through.
type library struct {
	endpoint string

	mu    sync.Mutex
	order []line // in which the actor added them
	pages []book // the state with so many
	wakes int
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{pages: []book{{}}}
	type self = *actor.Context[book]
	host, err := actor.New(actor.Registry{actor.Define("book", func(d *actor.Definition[book]) {
		d.OnWake(func(c self) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.wakes++
			return nil
		})
		actor.Handle(d, write, func(c self, e line) (book, error) {
			*c.State = c.State.with(e)
			l.mu.Lock()
			l.order, l.pages = append(l.order, e), append(l.pages, *c.State)
			l.mu.Unlock()
			return *c.State, actor.Broadcast(c, written, e)
		})
		actor.Handle(d, read, func(c self, _ rivet.None) (book, error) { return *c.State, nil })
		actor.Do(d, doze, func(c self, _ rivet.None) error { c.Sleep(); return nil })
		actor.Handle(d, expel, func(c self, _ rivet.None) (n int, err error) {
			for conn := range c.Conns() {
				if viewer, err := actor.Params[bool](conn); viewer && err == nil {
					conn.Disconnect("out")
					n++
				}
			}
			return n, nil
		})
	})}, local.Memory(), actor.WithLogger(slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(host.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := host.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	l.endpoint = server.URL
	return l
}

func (l *library) client(t *testing.T, enc codec.Encoding) *rivet.Client {
	t.Helper()
	client, err := rivet.NewClient(rivet.WithEndpoint(l.endpoint), rivet.WithEncoding(enc))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// page returns the state that the actor had with so many entries.
func (l *library) page(n int) (book, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= len(l.pages) {
		return book{}, false
	}
	return l.pages[n], true
}

func (l *library) lines() []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]line(nil), l.order...)
}
