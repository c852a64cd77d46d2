package receive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/interop/fixture"
)

// javascript is the official client 2.3.19, in a node process.
func javascript(ctx context.Context, x *exchange) (err error) {
	args := []string{x.feed.Endpoint, x.enc.String(), wire.Actor, x.payload.Event()}
	if x.clocked {
		args = append(args, "clocked")
	}
	// It ends when its input does, not by force.
	cmd, err := fixture.Program(context.WithoutCancel(ctx), false, "receive.mjs", args...)
	if err != nil {
		return err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	for lines := json.NewDecoder(out); ; {
		var run struct {
			Events, Sum int
			CPU         time.Duration
			At          []int64 // µs
		}
		if err := lines.Decode(&run); err != nil {
			_ = in.Close()
			if ended := cmd.Wait(); ended != nil {
				return fmt.Errorf("%w\n%s", ended, &stderr)
			}
			if ctx.Err() != nil {
				return nil
			}
			return errors.Join(err, errors.New(stderr.String()))
		}
		for i := range run.At {
			run.At[i] *= int64(time.Microsecond)
		}
		x.done <- total{events: run.Events, sum: run.Sum, ends: 1, at: run.At, cpu: run.CPU}
	}
}
