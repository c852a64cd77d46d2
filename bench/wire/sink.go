package wire

import (
	"context"
	"net"
	"sync"
)

// socket is written to by who sends events and by who answers the client.
type socket struct {
	mu   sync.Mutex
	conn net.Conn
}

func (s *socket) write(frames []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(frames)
	return err
}

// sink is what events are written to.
type sink struct {
	*socket
	format format
}

// sinks are the connections by the events that they are subscribed to.
type sinks struct {
	mu      sync.Mutex
	byEvent map[string]map[*sink]bool
	changed chan struct{} // closed when byEvent has changed
}

func newSinks() *sinks {
	return &sinks{byEvent: make(map[string]map[*sink]bool), changed: make(chan struct{})}
}

func (s *sinks) change(event string, k *sink, subscribe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byEvent[event] == nil {
		s.byEvent[event] = make(map[*sink]bool)
	}
	if subscribe {
		s.byEvent[event][k] = true
	} else {
		delete(s.byEvent[event], k)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// remove forgets a connection.
func (s *sinks) remove(k *sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.byEvent {
		delete(list, k)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// of lists the connections that are subscribed to an event.
func (s *sinks) of(event string) []*sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*sink, 0, len(s.byEvent[event]))
	for k := range s.byEvent[event] {
		list = append(list, k)
	}
	return list
}

// wait waits until so many are.
func (s *sinks) wait(ctx context.Context, event string, connections int) error {
	for {
		s.mu.Lock()
		n, changed := len(s.byEvent[event]), s.changed
		s.mu.Unlock()
		if n == connections {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
