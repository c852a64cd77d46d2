package rivet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// Descriptors name what an actor offers, with types. They live in a package
// that clients and hosts share.
const (
	Increment    = rivet.Action[int, int]("increment")
	GetCount     = rivet.Action[rivet.None, int]("getCount")
	CountChanged = rivet.Event[int]("countChanged")
)

// exampleTB lets examples use a gateway for tests.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTB) Helper()                   {}
func (t *exampleTB) Logf(string, ...any)       {}
func (t *exampleTB) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *exampleTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *exampleTB) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) end() {
	for i := range t.cleanups {
		t.cleanups[len(t.cleanups)-1-i]()
	}
}

// exampleClient returns a client of a gateway with a counter, as NewClient
// returns one of an engine.
func exampleClient(t *exampleTB) *rivet.Client {
	gw := rivettest.NewGateway(t)
	counter := gw.Actor("counter")
	count := 0
	rivettest.Handle(counter, Increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
		if by < 0 {
			return 0, rivettest.UserError("negative", "Cannot go back", map[string]int{"by": by})
		}
		count += by
		rivettest.Emit(r, CountChanged, count)
		return count, nil
	})
	rivettest.Do(counter, GetCount, func(context.Context, *rivettest.Request) (int, error) { return count, nil })
	counter.OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%d at %s", count, r.URL.Path)
	}))
	return gw.Client(t)
}

func Example() {
	t := new(exampleTB)
	defer t.end()
	client := exampleClient(t) // in a program: rivet.NewClient()
	ctx := context.Background()

	counter := client.GetOrCreate("counter", rivet.Key{"my-counter"})
	n, err := Increment.Call(ctx, counter, 5)
	fmt.Println(n, err)

	conn := counter.Connect(ctx)
	defer conn.Close()
	CountChanged.On(conn, func(n int) {}) // callbacks, if you like them
	sub := CountChanged.Subscribe(conn)   // comes before the call that follows
	if _, err := Increment.Call(ctx, conn, 2); err != nil {
		fmt.Println(err)
	}
	for n, err := range sub.All(ctx) {
		fmt.Println(n, err)
		break
	}
	// Output:
	// 5 <nil>
	// 7 <nil>
}

func ExampleAction_Call() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	counter := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"})

	fmt.Println(Increment.Call(ctx, counter, 2))
	fmt.Println(rivet.Do(ctx, counter, GetCount))                  // no argument
	fmt.Println(rivet.Call[int](ctx, counter, "increment", 3))     // by name
	_, err := Increment.Call(ctx, counter, -1, rivet.Idempotent()) // may be sent again
	fmt.Println(rivet.IsCode(err, "negative"), rivet.MaybeExecuted(err))
	// Output:
	// 2 <nil>
	// 2 <nil>
	// 5 <nil>
	// true true
}

func ExampleEvent_Await() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	conn := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"}).Connect(ctx)
	defer conn.Close()

	n, err := CountChanged.Await(ctx, conn, func(ctx context.Context) error {
		_, err := Increment.Call(ctx, conn, 5)
		return err
	})
	fmt.Println(n, err)
	// Output: 5 <nil>
}

func ExampleClient_Get() {
	t := new(exampleTB)
	defer t.end()
	client := exampleClient(t)
	_, err := Increment.Call(context.Background(), client.Get("counter", rivet.Key{"nobody"}), 1)
	fmt.Println(errors.Is(err, rivet.ErrActorNotFound))
	// Output: true
}

func ExampleHandle_Transport() {
	t := new(exampleTB)
	defer t.end()
	counter := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"})
	hc := &http.Client{Transport: counter.Transport()}
	resp, err := hc.Get("http://actor/history") // the host does not matter
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %v\n", body, err)
	// Output: 0 at /history <nil>
}

func ExampleError() {
	t := new(exampleTB)
	defer t.end()
	counter := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"})
	_, err := Increment.Call(context.Background(), counter, -3)
	var e *rivet.Error
	if errors.As(err, &e) {
		var meta struct{ By int }
		fmt.Println(e.Code, e.Decode(&meta), meta.By)
	}
	// Output: negative <nil> -3
}

func ExampleKey() {
	fmt.Println(rivet.Key{"org", "a/b"}, rivet.Key{"org", "a", "b"})
	// Output: org/a\/b org/a/b
}
