package stream

import "testing"

// What has left a queue is not held on to, wherever in the ring it was.
func TestRingIsCleared(t *testing.T) {
	for what, run := range map[string]func() *Queue[*int]{
		"drained": func() *Queue[*int] {
			q := NewQueue(Config{}, Hooks[*int]{})
			for _, n := range []int{minRing - 2, 5} { // the second from end to begin
				q.Push(pointers(n))
				if got, _, _ := q.drain(nil, 64, 1); len(got) != n {
					t.Errorf("drained %d of %d", len(got), n)
				}
			}
			return q
		},
		"dropped": func() *Queue[*int] {
			q := NewQueue(Config{Buffer: 1}, Hooks[*int]{})
			for range minRing - 1 {
				q.Push(pointers(1))
			}
			q.drain(nil, 64, 1) // the notice
			q.drain(nil, 64, 1)
			return q
		},
	} {
		q := run()
		if len(q.ring) != minRing || q.head != q.tail {
			t.Errorf("%s: a ring of %d holds %d", what, len(q.ring), q.tail-q.head)
		}
		for i, p := range q.ring {
			if p != nil {
				t.Errorf("%s: slot %d holds on to its event", what, i)
			}
		}
	}
}

func pointers(n int) (batch []*int) {
	for range n {
		batch = append(batch, new(int))
	}
	return batch
}

// An event that is larger than a batch may be is one by itself: without it the
// consumer would find nothing for ever.
func TestBatchHasAtLeastOneEvent(t *testing.T) {
	q := NewQueue(Config{}, Hooks[int]{Size: func(*int) int { return 10 }})
	q.Push([]int{1, 2})
	for left := 1; left >= 0; left-- {
		if got, _, _ := q.drain(nil, 64, 5); len(got) != 1 || q.bytes != 10*left {
			t.Errorf("drained %v, %d bytes are left", got, q.bytes)
		}
	}
}
