package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Delays is how long [Stream.Retry] waits before each next attempt. It is used
// by one goroutine at a time. The New method of a policy of package backoff
// returns one; so can a function of one's own.
type Delays = interface {
	// Next returns the wait before the next attempt. If it is negative there
	// is none.
	Next() time.Duration
	// Reset starts anew.
	Reset()
}

// RetryError is a notice: the stream has failed and is tried again. See
// [Stream.Retry].
type RetryError struct {
	Attempt int           // failures in a row, that is, since the last value: 1 or more
	After   time.Duration // the wait before the next attempt
	Err     error         // what the stream ended with
}

// Error says what has failed and when it is tried again.
func (e *RetryError) Error() string {
	return fmt.Sprintf("stream: failure %d, trying again in %v: %v", e.Attempt, e.After, e.Err)
}

// Unwrap returns the error that the stream ended with.
func (e *RetryError) Unwrap() error { return e.Err }

// Notice reports true: the stream goes on.
func (e *RetryError) Notice() bool { return true }

// Retry returns the stream that consumes s again when it has ended with an
// error, after a wait that delays decides on:
//
//	s.Retry(backoff.Exponential(time.Second, time.Minute).New)
//
// delays is called once for each consumption of the stream, and what it returns
// is reset by the first value after a failure. Each failure is told with a
// [*RetryError], which is a notice, before the wait, and s is released by then.
// When the next wait is negative the stream ends with the error of s.
//
// It runs on the consumer's goroutine, keeps the order, ends cleanly with s,
// and holds no values. What it delivered before a failure is not taken back: an
// s that begins at its beginning repeats itself.
func (s Stream[T]) Retry(delays func() Delays) Stream[T] {
	if delays == nil {
		return noFunc[T]("Retry")
	}
	return again(s, func(out observer[T]) *resumption[T] {
		d := delays()
		attempt := 0
		r := &resumption[T]{out: out}
		r.in = observer[T]{
			next: func(v T) bool {
				if attempt > 0 {
					attempt = 0
					d.Reset()
				}
				return out.next(v)
			},
			notice: out.notice,
			end:    r.end,
		}
		r.resume = func(err error) (Stream[T], observer[T], time.Duration, bool) {
			if d == nil {
				out.end(&OptionError{"Retry", fmt.Errorf("no delays after %w", err)})
				return s, r.in, 0, false
			}
			wait := d.Next()
			if wait < 0 {
				out.end(err)
				return s, r.in, 0, false
			}
			attempt++
			return s, r.in, wait, out.notice(&RetryError{Attempt: attempt, After: wait, Err: err})
		}
		return r
	})
}

// Catch returns the stream that goes on with f(err) when s has ended with err.
// An f that cannot help returns FromError(err). s is released before f is
// called. An error of the second stream is not caught.
//
// It runs on the consumer's goroutine, keeps the order, ends with the last of
// the two, and holds no values. Where it is merged with others, and s needs no
// goroutine for that, f(err) gets one if it does, as [Merge] says.
func (s Stream[T]) Catch(f func(error) Stream[T]) Stream[T] {
	if f == nil {
		return noFunc[T]("Catch")
	}
	return again(s, func(out observer[T]) *resumption[T] {
		r := &resumption[T]{out: out}
		r.in = observer[T]{next: out.next, notice: out.notice, end: r.end}
		r.resume = func(err error) (Stream[T], observer[T], time.Duration, bool) { return f(err), out, 0, true }
		return r
	})
}

// resumption is a consumption of a stream that goes on after an error.
type resumption[T any] struct {
	out     observer[T]
	in      observer[T] // of the stream at first
	failure error       // that it has ended with
	// resume says how it goes on after a failure: with which stream, for which
	// observer, after what time. If not ok it does not.
	resume func(err error) (next Stream[T], in observer[T], after time.Duration, ok bool)
}

func (r *resumption[T]) end(err error) {
	if err == nil {
		r.out.end(nil)
		return
	}
	r.failure = err
}

// again returns the stream that begins with s and is resumed as begin says. It
// can be attached to if s can.
func again[T any](s Stream[T], begin func(out observer[T]) *resumption[T]) Stream[T] {
	u := Stream[T]{run: func(ctx context.Context, out observer[T]) {
		r := begin(out)
		next, in := s, r.in
		for {
			next.drive(ctx, in)
			err := r.failure
			if err == nil || ctx.Err() != nil {
				return
			}
			r.failure = nil
			var after time.Duration
			var ok bool
			if next, in, after, ok = r.resume(err); !ok || !sleep(ctx, after) {
				return
			}
		}
	}}
	if s.open != nil {
		u.late = s.live()
		u.open = func(ctx context.Context, out observer[T]) pump {
			p := &resuming[T]{group: newGroup(ctx), r: begin(out)}
			p.drained = p.goOn
			p.join(s.open(ctx, p.r.in))
			return p
		}
	}
	return u
}

// sleep waits for d and reports whether ctx is still on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// resuming is the pump of a resumption: a group of one stream at a time.
type resuming[T any] struct {
	*group
	r     *resumption[T]
	then  func() // joins the next stream, once it is due
	due   atomic.Bool
	timer *time.Timer
}

// goOn is called when there is no stream, or not yet.
func (p *resuming[T]) goOn() (more bool) {
	if p.ctx.Err() != nil {
		return false
	}
	if err := p.r.failure; err != nil {
		p.r.failure = nil
		next, in, after, ok := p.r.resume(err)
		if !ok {
			return false
		}
		p.then = func() { p.join(opened(p.ctx, next, MergeAhead, in)) }
		p.due.Store(after <= 0)
		if after > 0 {
			p.timer = time.AfterFunc(after, func() {
				p.due.Store(true)
				p.bell().ring()
			})
		}
	}
	if p.then == nil {
		return false
	}
	if p.due.Load() {
		join := p.then
		p.then = nil
		join()
	}
	return true
}

func (p *resuming[T]) close() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.group.close()
}
