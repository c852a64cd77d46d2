package backoff

import (
	"errors"
	"fmt"
	"time"
)

const (
	// DefaultMin and DefaultMax are the bounds of the exponential policy that
	// is used when none is given.
	DefaultMin = 250 * time.Millisecond
	DefaultMax = 30 * time.Second
)

// Policy makes one Sequence per connection. It is safe for concurrent use.
type Policy interface {
	// New returns a Sequence at its beginning.
	New() Sequence
}

// Sequence is the waits of one connection. It is used by one goroutine at a
// time and does not block. It is an alias, the same as stream.Delays, so that
// the New of a Policy fits Stream.Retry too.
type Sequence = interface {
	// Next returns the wait before the next attempt. The sequence of a
	// connection never ends, a negative wait counts as zero; Stream.Retry gives
	// up then.
	Next() time.Duration
	// Reset starts anew.
	Reset()
}

// Func is a policy without state: it returns the wait before the attempt that
// follows n failures in a row, n being 1 or more. It has to be safe for
// concurrent use. It takes care of jitter itself: clients that lost the same
// server at the same moment should not come back at the same moment.
type Func func(n int) time.Duration

// New returns a sequence that counts for f. A nil Func, which Validate
// reports, waits between DefaultMin and DefaultMax.
func (f Func) New() Sequence {
	if f == nil {
		return Exponential(DefaultMin, DefaultMax).New()
	}
	return &counted{f: f}
}

func (f Func) validate() error {
	if f == nil {
		return errors.New("backoff: nil Func")
	}
	return nil
}

type counted struct {
	f Func
	n int
}

func (c *counted) Next() time.Duration {
	c.n++
	return c.f(c.n)
}

func (c *counted) Reset() { c.n = 0 }

// Constant always waits d, without jitter: for tests and for a single client
// beside its server.
func Constant(d time.Duration) Policy { return constant(d) }

type constant time.Duration

func (c constant) New() Sequence       { return c }
func (c constant) Next() time.Duration { return time.Duration(c) }
func (c constant) Reset()              {}

func (c constant) validate() error {
	if c < 0 {
		return fmt.Errorf("backoff: constant wait %v is negative", time.Duration(c))
	}
	return nil
}

// Validate returns an error that says what is wrong with a policy of this
// package, and for a nil policy. Other policies are not looked into.
func Validate(p Policy) error {
	if p == nil {
		return errors.New("backoff: no policy")
	}
	if v, ok := p.(interface{ validate() error }); ok {
		return v.validate()
	}
	return nil
}
