package rivet_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

const CountUp = rivet.Action[int, rivet.None]("countUp")

// exampleCounter returns a connection to a counter that counts up to a number
// at once, one event each.
func exampleCounter(t *exampleTB) *conn.Conn {
	gw := rivettest.NewGateway(t)
	rivettest.Handle(gw.Actor("counter"), CountUp, func(_ context.Context, r *rivettest.Request, to int) (rivet.None, error) {
		for n := range to {
			rivettest.Emit(r, CountChanged, n+1)
		}
		return rivet.None{}, nil
	})
	c := gw.Client(t).GetOrCreate("counter", nil).Connect(context.Background())
	t.Cleanup(func() { c.Close() })
	return c
}

// What is subscribed before a call misses nothing that the call causes.
func ExampleEvent_Subscribe() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleCounter(t)

	counts := CountChanged.Subscribe(c)
	defer counts.Close()
	if _, err := CountUp.Call(ctx, c, 3); err != nil {
		fmt.Println(err)
	}
	for range 3 {
		fmt.Println(counts.Next(ctx))
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

// The first event that matches, after a call, within five seconds.
func Example_firstMatching() {
	t := new(exampleTB)
	defer t.end()
	c := exampleCounter(t)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	large := CountChanged.Stream(c).Filter(func(n int) bool { return n > 20 })
	n, err := large.Await(ctx, func(ctx context.Context) error {
		_, err := CountUp.Call(ctx, c, 30)
		return err
	})
	fmt.Println(n, err)
	// Output: 21 <nil>
}

// A consumer that only wants the newest value is not told of those it skips.
func Example_newestOnly() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleCounter(t)

	counts := CountChanged.Subscribe(c, stream.Overflow(stream.Latest))
	if _, err := CountUp.Call(ctx, c, 30); err != nil { // its events come before its reply
		fmt.Println(err)
	}
	for n, err := range counts.All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(n)
		break
	}
	// Output: 30
}

// A log in which nothing is missing: with Block the connection waits for it,
// and with Strict whatever may be missing all the same is the end.
func Example_losslessLog() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleCounter(t)

	counts := CountChanged.Subscribe(c, stream.Overflow(stream.Block), stream.Gaps(true))
	if _, err := CountUp.Call(ctx, c, 3); err != nil {
		fmt.Println(err)
	}
	c.Reconnect() // events of the time between two links would be lost

	log := stream.FromSubscription(func() *stream.Subscription[int] { return counts })
	err := log.Strict().ForEach(ctx, func(n int) error {
		_, err := fmt.Println("log:", n)
		return err
	})
	var gap *rivet.GapError
	fmt.Println("there may be a gap:", errors.As(err, &gap))
	// Output:
	// log: 1
	// log: 2
	// log: 3
	// there may be a gap: true
}

func ExampleEvent_Once() {
	t := new(exampleTB)
	defer t.end()
	c := exampleCounter(t)

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := CountChanged.Once(ctx, c) // nobody counts
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

func ExampleEvent_On() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleCounter(t)

	done := make(chan struct{})
	cancel := CountChanged.On(c, func(n int) {
		fmt.Println(n)
		if n == 2 {
			close(done)
		}
	})
	defer cancel()
	if _, err := CountUp.Call(ctx, c, 2); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output:
	// 1
	// 2
}

func ExampleEvent_Chan() {
	t := new(exampleTB)
	defer t.end()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the channel
	c := exampleCounter(t)

	counts := CountChanged.Chan(ctx, c)
	if _, err := CountUp.Call(ctx, c, 1); err != nil {
		fmt.Println(err)
	}
	select {
	case n := <-counts:
		fmt.Println(n)
	case <-time.After(time.Minute):
		fmt.Println("nothing for a minute")
	}
	// Output: 1
}

// A View is a copy of an actor's state that follows its events.
func ExampleNewView() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"}).Connect(ctx)
	defer c.Close()

	view := rivet.NewView(c,
		func(ctx context.Context, c rivet.Caller) (int, error) { return rivet.Do(ctx, c, GetCount) },
		rivet.Fold(CountChanged, func(_, n int) int { return n }))
	defer view.Close()
	for count, err := range view.All(ctx) {
		if stream.IsNotice(err) {
			continue // a snapshot failed and will be tried again
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(count)
		if count > 0 {
			break
		}
		if _, err := Increment.Call(ctx, c, 4); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0
	// 4
}
