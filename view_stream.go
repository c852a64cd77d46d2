package rivet

import (
	"context"
	"fmt"
	"iter"

	"github.com/rivet-go/rivet/stream"
)

// All ranges over the state: the current one, and after each change the
// newest; a slow loop skips those between. Failures to take a snapshot are
// steps with an error and no state, after which the loop goes on, as after
// every notice (see stream.IsNotice). When the View has ended its error is the
// last step, ErrClosed after Close; the end of ctx ends the loop without one.
func (v *View[S]) All(ctx context.Context) iter.Seq2[S, error] { return v.Stream().All(ctx) }

// Stream returns what All ranges over as a stream, for the operators of package
// stream: stream.CombineAll makes one state of several Views. It may be
// consumed by several goroutines at a time. There is no goroutine, and what
// waits for a slow consumer is one state at most: it is copied (see Clone) when
// the consumer asks for it.
func (v *View[S]) Stream() stream.Stream[S] {
	looks := stream.FromSubscription(v.subscribe).Filter(func(l look[S]) bool { return l.fresh })
	return stream.TryMap(looks, func(l look[S]) (S, error) { return l.state, l.err })
}

// change tells a stream of a View to look at it: it is the number of a step.
// The state stays with the View meanwhile.
type change uint64

// look is what it finds.
type look[S any] struct {
	state S
	err   error // a SnapshotError, instead of a state
	fresh bool  // there is something that the look before did not find
}

func (v *View[S]) subscribe() *stream.Subscription[look[S]] {
	var q *stream.Queue[change]
	q = stream.NewQueue(stream.Config{Overflow: stream.Latest}, stream.Hooks[change]{Closed: func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.streams, q)
	}})
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended {
		return stream.Failed[look[S]](v.err)
	}
	if v.streams == nil {
		v.streams = make(map[*stream.Queue[change]]struct{})
	}
	v.streams[q] = struct{}{}
	q.Push([]change{v.changes})
	seen := ^change(0)
	return stream.Decoded(q, func(_ *change, dst *look[S]) error {
		v.mu.RLock()
		defer v.mu.RUnlock()
		if v.changes == seen {
			return nil // the look before was late, and found this already
		}
		seen = v.changes
		switch {
		case v.err != nil && !v.ended:
			dst.err, dst.fresh = &SnapshotError{Err: v.err}, true
		case v.ready:
			dst.state, dst.fresh = v.copy(), true
		}
		return nil
	})
}

// SnapshotError is a notice of View.All and View.Stream: a snapshot failed and
// will be tried again.
type SnapshotError struct{ Err error }

// Error says what failed.
func (e *SnapshotError) Error() string { return fmt.Sprintf("rivet: view: snapshot failed: %v", e.Err) }

// Unwrap returns the reason.
func (e *SnapshotError) Unwrap() error { return e.Err }

// Notice reports true: the loop goes on.
func (e *SnapshotError) Notice() bool { return true }
