package actor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// socket is a client's socket that notes all that the actor does with it, in
// order, as text: messages in JSON as they are, others in hex.
type socket struct {
	id  string
	req *http.Request

	mu     sync.Mutex
	noted  []string
	acks   []uint64
	frames []*actor.Frame
	broken bool // Send fails
	closed bool
	opened chan struct{} // closed with the first message or the close
}

func newSocket(id, path string, protocols ...string) *socket {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Sec-WebSocket-Protocol", strings.Join(append([]string{"rivet"}, protocols...), ", "))
	return &socket{id: id, req: r, opened: make(chan struct{})}
}

func (s *socket) ID() string             { return s.id }
func (s *socket) Request() *http.Request { return s.req }

func (s *socket) Send(f *actor.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || s.closed {
		return errors.New("the socket is closed")
	}
	if len(s.frames) == 0 {
		close(s.opened)
	}
	s.frames = append(s.frames, f)
	if f.Text() {
		s.noted = append(s.noted, string(f.Data()))
	} else {
		s.noted = append(s.noted, fmt.Sprintf("%x", f.Data()))
	}
	return nil
}

func (s *socket) Close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		if len(s.frames) == 0 {
			close(s.opened)
		}
		s.noted = append(s.noted, strings.TrimSpace(fmt.Sprintf("close %d %s", code, reason)))
	}
}

func (s *socket) Ack(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acks = append(s.acks, index)
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|a{30}`)

// sorted returns JSON with its members in order, and <id> for ids; other text as
// it is.
func sorted(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if strings.HasPrefix(text, "{") && d.Decode(&v) == nil {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v)
		text = strings.TrimSpace(b.String())
	}
	return ids.ReplaceAllString(text, "<id>")
}

// got returns what has come since it was last called.
func (s *socket) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	noted := s.noted
	s.noted = nil
	for i := range noted {
		noted[i] = sorted(noted[i])
	}
	return noted
}

// acked returns the indexes that were acknowledged since it was last called.
func (s *socket) acked() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	acks := s.acks
	s.acks = nil
	return acks
}

// Messages of a JSON client, and what it gets.
const gotInit = `{"body":{"tag":"Init","val":{"actorId":"<id>","connectionId":"<id>"}}}`

func call(id uint64, name, args string) []byte {
	return codec.AppendActionRequest(nil, codec.JSON, id, name, []byte(args))
}

func subscribe(event string) []byte { return codec.AppendSubscription(nil, codec.JSON, event, true) }

func unsubscribe(event string) []byte { return codec.AppendSubscription(nil, codec.JSON, event, false) }

func gotReply(id int, output string) string {
	return fmt.Sprintf(`{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","%d"],"output":%s}}}`, id, output)
}

func gotEvent(name, args string) string {
	return fmt.Sprintf(`{"body":{"tag":"Event","val":{"args":%s,"name":"%s"}}}`, args, name)
}

// equal compares lists of lines.
func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// notes collects lines from handlers.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := n.lines
	n.lines = nil
	return lines
}
