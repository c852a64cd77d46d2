package stream

import (
	"errors"
	"fmt"
)

// What a subscription gets that says nothing else.
const (
	DefaultBuffer      = 4096    // events
	DefaultBufferBytes = 8 << 20 // bytes
)

// Policy says what a full buffer does with the next event.
type Policy uint8

const (
	// DropOldest drops the events that have waited longest. The loop receives
	// a [*LagError] before the first event that survived. It suits live data
	// and is the default.
	DropOldest Policy = iota

	// DropNewest drops the event that finds no room. The loop receives a
	// [*LagError] at its place.
	DropNewest

	// Latest keeps nothing but the newest event: a loop that asks gets the
	// state of now. Buffer and BufferBytes do not matter. To skip what is out
	// of date is what this policy is for, so that it is counted in
	// [Stats.Dropped] but not told as a LagError.
	Latest

	// Block drops nothing and makes the producer wait, and with it everything
	// else that the producer serves.
	Block

	// Fail ends the subscription with an [*OverflowError], which the loop
	// receives after what was in the buffer.
	Fail
)

// String returns the name of the constant.
func (p Policy) String() string {
	switch p {
	case DropOldest:
		return "DropOldest"
	case DropNewest:
		return "DropNewest"
	case Latest:
		return "Latest"
	case Block:
		return "Block"
	case Fail:
		return "Fail"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// Config is what the options of a subscription add up to. See [NewConfig].
type Config struct {
	Buffer      int    // events that may wait; 0 means DefaultBuffer
	BufferBytes int    // bytes that may wait; 0 means DefaultBufferBytes
	Overflow    Policy // what happens when either limit is reached
	Gaps        bool   // whether the loop receives *GapError
}

// Option changes one property of a subscription. A type of another package
// that embeds an Option is one. Every Option is a [ShareOption] too.
type Option interface {
	ShareOption
	apply(*Config) error
}

// OptionError says which option of a subscription, or which operator of a
// stream, was given a value that cannot be used, and why.
type OptionError struct {
	Option string // such as "Buffer", or "Take"
	Err    error
}

// Error names the option or operator, and the reason.
func (e *OptionError) Error() string { return fmt.Sprintf("stream: %s: %v", e.Option, e.Err) }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

type optionFunc func(*Config) error

func (f optionFunc) apply(c *Config) error { return f(c) }

// Buffer limits the events that wait for the consumer to n, at least 1; the
// default is [DefaultBuffer]. Memory is taken as events come. Beside the buffer
// a consumer holds the batch it is working on: at most n events, and at most
// 64.
func Buffer(n int) Option {
	return optionFunc(func(c *Config) error {
		if n < 1 {
			return &OptionError{"Buffer", fmt.Errorf("%d is less than 1 event", n)}
		}
		c.Buffer = n
		return nil
	})
}

// BufferBytes limits the memory that the waiting events hold on to to n bytes,
// at least 1; the default is [DefaultBufferBytes]. An event that is larger than
// n on its own is taken when nothing else waits; [DropOldest] drops what waits
// to make that so.
func BufferBytes(n int) Option {
	return optionFunc(func(c *Config) error {
		if n < 1 {
			return &OptionError{"BufferBytes", fmt.Errorf("%d is less than 1 byte", n)}
		}
		c.BufferBytes = n
		return nil
	})
}

// Overflow sets what a full buffer does. The default is [DropOldest].
func Overflow(p Policy) Option {
	return optionFunc(func(c *Config) error {
		if p > Fail {
			return &OptionError{"Overflow", fmt.Errorf("unknown policy %v", p)}
		}
		c.Overflow = p
		return nil
	})
}

// Gaps sets whether the loop receives a [*GapError] when the source was down
// for a while. Without it, which is the default, gaps are only counted in
// [Stats.Gaps].
func Gaps(on bool) Option {
	return optionFunc(func(c *Config) error {
		c.Gaps = on
		return nil
	})
}

// NewConfig applies opts to the defaults of a subscription to something live:
// DropOldest, 4,096 events, 8 MiB. The error joins one [*OptionError] for each
// option that has an unusable value. A nil option is skipped.
func NewConfig(opts ...Option) (Config, error) {
	c := Config{Buffer: DefaultBuffer, BufferBytes: DefaultBufferBytes}
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o.apply(&c); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}
