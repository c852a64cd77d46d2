package stream

import "testing"

// A subscription that is closed between finding a notice and handing it on has
// delivered what it had before, no less. No consumer can be stopped just there
// from outside.
func TestAbandonedNoticeChangesNoCount(t *testing.T) {
	q := NewQueue(Config{}, Hooks[int]{})
	s := Direct(q)
	q.Push([]int{1, 2})
	q.Notice(&DecodeError{Err: ErrClosed})
	for range 2 {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.batch.reset()
	if found := s.src.fill(&s.batch); found != got || !s.batch.notice {
		t.Fatalf("found %v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Delivered != 2 || st.Received != 2 || st.Depth != 0 {
		t.Errorf("%+v", st)
	}
}
