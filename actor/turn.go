package actor

import "sync/atomic"

// A turn is the right to touch an actor's state. One goroutine holds it, the one
// that runs the function it was given to.
type turn struct {
	box  *mailbox
	id   uint64 // from 1
	held atomic.Bool
	// lets is called in the turn before it is given away; it may be nil.
	lets func(*turn)
	// telling is set while OnStateChange is told of the turn.
	telling bool

	// Both are nil until the turn is first given away. From then on the
	// function runs on a goroutine that drains no more, and the one that does
	// lends it the turn: it waits at returned after it has granted.
	granted, returned chan struct{}
}

// await gives the turn away while f runs, as JavaScript's await does, and waits
// for it behind everything that has come to the mailbox meanwhile. It has it
// again when it returns, also after a panic of f.
func (t *turn) await(f func() error) error {
	if t.lets != nil {
		t.lets(t)
	}
	if t.granted == nil {
		t.granted, t.returned = make(chan struct{}), make(chan struct{})
		t.release()
		// The goroutine that drains is busy with f, so another one does.
		t.box.startDrain()
	} else {
		t.giveBack()
	}
	defer func() {
		_ = t.box.push(item{resume: t}) // which is never refused
		<-t.granted
	}()
	return f()
}

// lend hands the turn to the function that has given it away, and waits until
// it is given back.
func (t *turn) lend() {
	t.hold()
	t.granted <- struct{}{}
	<-t.returned
}

// giveBack returns a turn that was lent.
func (t *turn) giveBack() {
	t.release()
	t.returned <- struct{}{}
}

func (t *turn) hold() {
	t.held.Store(true)
	t.box.current.Store(t.id)
}

func (t *turn) release() {
	t.held.Store(false)
	t.box.current.Store(0)
}

// holds reports whether the turn with that id is held at this moment, not given
// away nor over.
func (m *mailbox) holds(id uint64) bool { return id != 0 && m.current.Load() == id }
