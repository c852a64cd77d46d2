package calls

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
)

// one is an action of the actors "echo", here and in the official fixture.
const one = rivet.Action[int, int]("one")

// fresh is a key that no other case has.
func fresh() string { return fmt.Sprintf("calls-%d-%d", os.Getpid(), time.Now().UnixNano()) }

// rivetClient makes calls with this library, in its defaults: from one client, to
// one actor, over HTTP or over one connection.
func rivetClient(ctx context.Context, t *trial.Trial, callers int, overConn bool, p peer) (err error) {
	client, err := rivet.NewClient(rivet.WithEndpoint(p.endpoint))
	if err != nil {
		return err
	}
	defer client.Close()
	h := client.GetOrCreate("echo", rivet.Key{fresh()})
	var c rivet.Caller = h
	if overConn {
		cn := h.Connect(ctx)
		defer cn.Close()
		if err := cn.Ready(ctx); err != nil {
			return err
		}
		c = cn
	}
	return drive(ctx, t, callers, p, func(ctx context.Context, n int) (int, error) { return one.Call(ctx, c, n) })
}
