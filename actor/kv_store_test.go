package actor

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf is a Store in memory that can lose power. It outlives the generations
// that write to it.
type shelf struct {
	mu     sync.Mutex
	values map[string][]byte
	slow   time.Duration
	fail   error // of Apply
	onGet  func()
}

func newShelf() *shelf { return &shelf{values: make(map[string][]byte)} }

func (s *shelf) Get(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	if len(keys) > MaxBatch {
		return nil, errors.New("too many keys in a Get")
	}
	out := make([][]byte, len(keys))
	s.mu.Lock()
	for i, k := range keys {
		if v, ok := s.values[string(k)]; ok {
			out[i] = append([]byte{}, v...)
		}
	}
	s.mu.Unlock()
	if s.onGet != nil {
		s.onGet() // meanwhile, so to speak
	}
	return out, ctx.Err()
}

func (s *shelf) Apply(ctx context.Context, b Batch) error {
	if s.slow > 0 {
		select {
		case <-time.After(s.slow):
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.fail != nil:
		return s.fail
	case len(b) > MaxBatch || b.size() > MaxBatchBytes:
		return errors.New("a batch over the limit")
	}
	for _, c := range b {
		switch {
		case len(c.Key) > MaxKey || len(c.Value) > MaxValue:
			return errors.New("a key or a value over the limit")
		case c.To != nil:
			for k := range s.values {
				if k >= string(c.Key) && k < string(c.To) {
					delete(s.values, k)
				}
			}
		case c.Value == nil:
			delete(s.values, string(c.Key))
		default:
			s.values[string(c.Key)] = bytes.Clone(append([]byte{}, c.Value...))
		}
	}
	return nil
}

func (s *shelf) List(ctx context.Context, from, to []byte, limit int, reverse bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s.mu.Lock()
		var found []Entry
		for k, v := range s.values {
			if k >= string(from) && (len(to) == 0 || k < string(to)) {
				found = append(found, Entry{[]byte(k), bytes.Clone(v)})
			}
		}
		s.mu.Unlock()
		slices.SortFunc(found, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
		if reverse {
			slices.Reverse(found)
		}
		if limit > 0 && len(found) > limit {
			found = found[:limit]
		}
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// set changes a value behind everybody's back.
func (s *shelf) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = []byte(value)
}

// keys counts the keys with a prefix.
func (s *shelf) keys(prefix ...byte) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.values {
		if strings.HasPrefix(k, string(prefix)) {
			n++
		}
	}
	return n
}

// journalOn returns the journal of a new generation, and what crashes it: from
// then on nothing more is written.
func journalOn(t *testing.T, s Store) (j *journal, crash func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	j = &journal{ctx: ctx, store: s, log: slog.New(slog.DiscardHandler)}
	crash = func() { cancel(ErrLeaseEnded); j.owner.Wait() }
	t.Cleanup(crash)
	return j, crash
}
