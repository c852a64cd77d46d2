package conn

import "testing"

// A connection that stays down must not keep the frames of calls that were
// given up, however many there are.
func TestOutboxKeepsNoWithdrawnCalls(t *testing.T) {
	var o outbox
	o.push(item{frame: []byte("subscribe")})
	var kept []*pending
	for i := range 10_000 {
		p := &pending{id: uint64(i)}
		o.push(item{frame: make([]byte, 64), call: p})
		if i%1000 == 0 {
			kept = append(kept, p)
		} else {
			o.withdraw(p)
		}
	}
	if n := len(o.items) - o.head; n > 1000 || o.calls != len(kept) {
		t.Errorf("%d entries are held for %d calls, %d counted", n, len(kept), o.calls)
	}
	if it, ok := o.pop(); !ok || it.call != nil {
		t.Errorf("the subscription is not at the front: %+v", it)
	}
	for _, p := range kept {
		if it, ok := o.pop(); !ok || it.call != p {
			t.Fatalf("call %d is missing or out of order", p.id)
		}
	}
	if _, ok := o.pop(); ok || o.calls != 0 || o.withdrawn != 0 {
		t.Errorf("left over: %+v", o)
	}
}

// What a burst needed is not kept once it is over.
func TestOutboxGivesMemoryBack(t *testing.T) {
	var o outbox
	for range 10_000 {
		o.push(item{frame: []byte("subscribe")})
	}
	for range 10_000 {
		if _, ok := o.pop(); !ok {
			t.Fatal("less came out than went in")
		}
	}
	if _, ok := o.pop(); ok || cap(o.items) > 1024 {
		t.Errorf("room for %d items is kept", cap(o.items))
	}
}

// Nor may an outbox grow that is never empty, or hold what was popped.
func TestOutboxThatIsNeverEmptyStaysSmall(t *testing.T) {
	var o outbox
	o.push(item{frame: []byte("subscribe")})
	for range 100_000 {
		o.push(item{frame: []byte("subscribe")})
		if _, ok := o.pop(); !ok {
			t.Fatal("less came out than went in")
		}
		if o.head > 0 && o.items[o.head-1].frame != nil {
			t.Fatal("the frame that was popped is kept")
		}
	}
	if n := len(o.items) - o.head; n != 1 || cap(o.items) > 2048 {
		t.Errorf("%d items, room for %d", n, cap(o.items))
	}
}
