package rivettest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

const (
	Increment    = rivet.Action[int, int]("increment")
	Reset        = rivet.Action[rivet.None, rivet.None]("reset")
	CountChanged = rivet.Event[int]("countChanged")
	Jobs         = rivet.Queue[string, int]("jobs")
)

// exampleT stands for the *testing.T that an example does not have.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Helper()                   {}
func (t *exampleT) Logf(string, ...any)       {}
func (t *exampleT) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (t *exampleT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *exampleT) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

func Example() {
	t := new(exampleT) // in a test: its *testing.T
	defer t.end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	gw := rivettest.NewGateway(t)
	count := 0
	rivettest.Handle(gw.Actor("counter"), Increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
		count += by
		rivettest.Emit(r, CountChanged, count)
		return count, nil
	})

	// What follows would be the program under test.
	conn := gw.Client(t).GetOrCreate("counter", rivet.Key{"my-counter"}).Connect(ctx)
	defer conn.Close()
	n, err := CountChanged.Await(ctx, conn, func(ctx context.Context) error {
		_, err := Increment.Call(ctx, conn, 5)
		return err
	})
	fmt.Println("the program saw", n, err)

	fmt.Println("the gateway saw", rivettest.Calls(gw, Increment), gw.Conn(0).Messages(nil)[0])
	// Output:
	// the program saw 5 <nil>
	// the gateway saw [5] subscribe countChanged
}

func ExampleGateway_Script() {
	t := new(exampleT)
	defer t.end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	gw := rivettest.NewGateway(t, rivettest.InMemory())
	gw.Actor("counter")
	gw.Script(rivettest.Refuse(1), rivettest.Status(503, "try later"), rivettest.CloseBeforeInit(1011, "actor.stopping"))

	conn := gw.Client(t).GetOrCreate("counter", nil).Connect(ctx)
	defer conn.Close()
	fmt.Println(conn.Ready(ctx))
	for _, attempt := range gw.Attempts() {
		fmt.Printf("%q\n", attempt.Step)
	}
	// Output:
	// <nil>
	// "refuse"
	// "status 503"
	// "close 1011 before init"
	// ""
}

func ExampleRun() {
	t := new(exampleT)
	defer t.end()
	ctx := context.Background()

	gw := rivettest.NewGateway(t, rivettest.InMemory())
	rivettest.Do(gw.Actor("counter"), Reset, func(context.Context, *rivettest.Request) (rivet.None, error) {
		fmt.Println("reset")
		return rivet.None{}, nil
	})
	gw.ScriptHTTP("/action/reset", rivettest.Run(rivettest.Reset()))

	_, err := rivet.Do(ctx, gw.Client(t).GetOrCreate("counter", nil), Reset)
	fmt.Println("failed:", err != nil, "may have run:", rivet.MaybeExecuted(err))
	// Output:
	// reset
	// failed: true may have run: true
}
