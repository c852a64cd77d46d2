package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// stage is a starter whose instances do as they are told, and write down what
// happens.
type stage struct {
	mu      sync.Mutex
	lines   []string
	onStart func(actor.Start) error
	onStop  func(*player, actor.StopReason) error
	players []*player
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// took returns what has happened since it was asked last.
func (s *stage) took() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := strings.Join(s.lines, ", ")
	s.lines = nil
	return got
}

func (s *stage) last() *player {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.players[len(s.players)-1]
}

func (s *stage) Start(ctx context.Context, start actor.Start) (instance, error) {
	s.mu.Lock()
	f := s.onStart
	s.mu.Unlock()
	if f != nil {
		if err := f(start); err != nil {
			s.note("failed %d", start.Generation)
			return nil, err
		}
	}
	s.note("start %d", start.Generation)
	p := &player{stage: s, start: start, born: time.Now()}
	s.mu.Lock()
	s.players = append(s.players, p)
	s.mu.Unlock()
	return p, nil
}

// player is a generation on a stage.
type player struct {
	stage *stage
	start actor.Start
	born  time.Time

	mu       sync.Mutex
	held     int
	stopping bool
}

func (p *player) Hold() (func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil, false
	}
	p.held++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held--
	}, true
}

func (p *player) Stop(ctx context.Context, reason actor.StopReason) (err error) {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	if f := p.stage.onStop; f != nil {
		err = f(p, reason)
	}
	p.stage.note("%s %d", reason, p.start.Generation)
	return err
}

func (p *player) ServeHTTP(http.ResponseWriter, *http.Request) {}

type ear struct{ p *player }

func (ear) Message(uint64, bool, []byte) bool { return true }

func (ear) Closed(int, string) {}

func (p *player) Open(l actor.Link) actor.Receiver { return ear{p} }

func (p *player) Restored(id string) actor.Receiver {
	if p.start.Links[id] == nil || id == "unknown" {
		return nil
	}
	return ear{p}
}

// plug is a socket that writes down what it is told.
type plug struct {
	id    string
	stage *stage
}

func (s *plug) ID() string { return s.id }

func (s *plug) Request() *http.Request { return nil }

func (s *plug) Send(*actor.Frame) error { return nil }

func (s *plug) Ack(uint64) {}

func (s *plug) Close(int, string) {}

func (s *plug) bind(r actor.Receiver) { s.stage.note("bind %s %d", s.id, r.(ear).p.start.Generation) }

func (s *plug) unbind() { s.stage.note("unbind %s", s.id) }

func (s *plug) shut(code int, why string) { s.stage.note("shut %s %d %s", s.id, code, why) }

// play runs f in a bubble with places on a stage, and one actor.
func play(t *testing.T, f func(t *testing.T, p *places, s *stage, id string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := new(stage)
		p := newPlaces(t, openStore(new(memory)), s)
		p.begin()
		rec, created, err := p.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}, Input: []byte("in")})
		if err != nil || !created {
			t.Fatal(created, err)
		}
		f(t, p, s, rec.ID)
		if err := p.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.store.close(); err != nil {
			t.Error(err)
		}
	})
}

func newPlaces(t *testing.T, s *store, run starter) *places {
	t.Helper()
	p, err := openPlaces(s, run, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *stage) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := s.took(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// use acquires and releases.
func use(t *testing.T, p *places, id string) {
	t.Helper()
	_, release, err := p.acquire(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || e.Group+"."+e.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
