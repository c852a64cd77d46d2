package rx

import (
	"context"
	"errors"
	"fmt"

	"github.com/reactivex/rxgo/v2"

	"github.com/rivet-go/rivet/stream"
)

// DefaultBuffer is how many items wait between a stream and its observer, if
// [WithBufferedChannel] says nothing else.
const DefaultBuffer = 256

// Observable returns s as an observable of RxGo, whose items are the values.
//
// It is cold: each call of Observe, and of every operator that comes down to
// one, consumes s anew, on one goroutine, into a channel of [DefaultBuffer]
// items. That ends, and has released s when it closes the channel, when
//
//   - s has ended; if with an error, that is the last item,
//   - the context has ended that the observer gave with [rxgo.WithContext], to
//     Observe itself or to the operator that observes, or
//   - that of [WithContext] has; as everywhere in RxGo, the observer cannot tell
//     this from a clean end.
//
// An observer that stops receiving without either leaves the goroutine behind;
// RxGo has no other way to tell. See the package documentation for operators
// that do, and [Stream] for a consumer that does not.
//
// The order is kept. Notices are skipped: see [stream.Stream.OnNotice],
// [stream.Stream.Strict] and [WithNotices]. With an option that cannot be used
// the only item is a [*stream.OptionError].
//
// The options of RxGo for sources are here, under the same names, as far as they
// mean something: RxGo would take the others for this kind of observable, and
// ignore them.
func Observable[T any](s stream.Stream[T], opts ...Option) rxgo.Observable {
	b := bridge{buffer: DefaultBuffer}
	var errs []error
	for _, o := range opts {
		if o != nil {
			errs = append(errs, o(&b))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Observable(stream.FromError[T](err))
	}
	produce := func(ctx context.Context, next chan<- rxgo.Item) {
		ctx, release := b.bind(ctx)
		defer release()
		out := output{ctx: ctx, next: next, drop: b.drop, notices: b.notices}
		for v, err := range s.All(ctx) {
			if err == nil {
				out.value(v)
			} else if b.notices || !stream.IsNotice(err) {
				out.error(err)
			}
		}
		out.lag()
	}
	return rxgo.Defer([]rxgo.Producer{produce}, rxgo.WithBufferedChannel(b.buffer))
}

// output is the side of a bridge that sends.
type output struct {
	ctx     context.Context
	next    chan<- rxgo.Item
	drop    bool
	notices bool
	lost    uint64 // dropped since the last item that was sent
}

func (o *output) value(v any) {
	if !o.drop {
		rxgo.Of(v).SendContext(o.ctx, o.next)
		return
	}
	if o.notices && o.lost > 0 {
		if !o.tell().SendNonBlocking(o.next) {
			o.lost++
			return
		}
		o.lost = 0
	}
	if !rxgo.Of(v).SendNonBlocking(o.next) {
		o.lost++
	}
}

// error waits for room also when values do not.
func (o *output) error(err error) {
	o.lag()
	rxgo.Error(err).SendContext(o.ctx, o.next)
}

// lag tells what was dropped before the item that comes next, or the end.
func (o *output) lag() {
	if o.notices && o.lost > 0 {
		o.tell().SendContext(o.ctx, o.next)
	}
	o.lost = 0
}

func (o *output) tell() rxgo.Item { return rxgo.Error(&stream.LagError{Dropped: o.lost}) }

// Option changes one property of [Observable].
type Option func(*bridge) error

// bridge is what the options add up to.
type bridge struct {
	ctx     context.Context // nil: only that of the observer
	buffer  int
	drop    bool
	notices bool
}

// bind returns the context that ends with ctx and with that of WithContext.
func (b *bridge) bind(ctx context.Context) (_ context.Context, release func()) {
	if b.ctx == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if b.ctx.Err() != nil { // AfterFunc would take its time
		cancel(context.Cause(b.ctx))
	}
	stop := context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// WithContext ends every consumption of the observable when ctx ends, beside
// the context of the observer, whatever operators are between. An operator that
// is about to send to somebody who does not receive is not reached by it.
func WithContext(ctx context.Context) Option {
	return func(b *bridge) error {
		if ctx == nil {
			return &stream.OptionError{Option: "WithContext", Err: errors.New("no context")}
		}
		b.ctx = ctx
		return nil
	}
}

// WithBufferedChannel sets how many items wait for an observer that says
// nothing itself. With 0 the stream is one value ahead of the observer, and
// RxGo takes two to three times as long for an item.
func WithBufferedChannel(n int) Option {
	return func(b *bridge) error {
		if n < 0 {
			return &stream.OptionError{Option: "WithBufferedChannel", Err: fmt.Errorf("%d is less than 0 items", n)}
		}
		b.buffer = n
		return nil
	}
}

// WithBackPressureStrategy says what happens to a value for which the channel
// to the observer has no room. With [rxgo.Block], the default, the stream waits,
// and what its source does then is up to the source: a subscription goes by its
// own policy ([stream.Overflow]). With [rxgo.Drop] the value is dropped, which
// only an observer with [WithNotices] is told, as a [*stream.LagError] in its
// place; errors are never dropped. For more than that, such as to drop the
// oldest, see [stream.Stream.Buffered].
//
// The option of the same name that RxGo has is honoured by FromEventSource and
// Interval, and by nothing else.
func WithBackPressureStrategy(s rxgo.BackpressureStrategy) Option {
	return func(b *bridge) error {
		if s != rxgo.Block && s != rxgo.Drop {
			return &stream.OptionError{Option: "WithBackPressureStrategy", Err: fmt.Errorf("unknown strategy %d", s)}
		}
		b.drop = s == rxgo.Drop
		return nil
	}
}

// WithNotices sends notices (see [stream.IsNotice]) as error items, in their
// place among the values. Most operators of RxGo stop at an error item, unless
// they are given rxgo.WithErrorStrategy(rxgo.ContinueOnError); [Stream] makes a
// notice of it again.
func WithNotices() Option {
	return func(b *bridge) error {
		b.notices = true
		return nil
	}
}
