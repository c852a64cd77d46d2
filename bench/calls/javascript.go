package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/interop/fixture"
)

// javascript makes calls with an official client, which does in node what drive
// does here.
func javascript(ctx context.Context, t *trial.Trial, legacy bool, callers int, overConn bool, p peer) (err error) {
	over := "http"
	if overConn {
		over = "connection"
	}
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	cmd, err := fixture.Program(ctx, legacy, "calls.mjs", p.endpoint, over, strconv.Itoa(callers), fresh(), ms(warming(t)), ms(p.measured(t)))
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
	var failed bytes.Buffer
	cmd.Stderr = &failed
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			err = fmt.Errorf("the official client: %w\n%s", err, failed.Bytes())
		}
	}()

	says := json.NewDecoder(out)
	if err := says.Decode(&struct{}{}); err != nil {
		return err
	}
	before, err := p.cpu()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		return err
	}
	var got struct {
		Ops           int
		WallMs, CPUUs float64
		TookMs        map[string]float64
	}
	if err := says.Decode(&got); err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if got.Ops == 0 {
		return errors.New("no call was made")
	}
	ops := float64(got.Ops)
	t.Report(trial.OpsPerSec, ops/got.WallMs*1e3)
	t.Report(trial.WallPerOp, got.WallMs*1e6/ops)
	t.Report(trial.CPUPerOp, got.CPUUs*1e3/ops)
	t.Report(trial.ServerPerOp, float64(after-before)/ops)
	reportLatency(t, got.Ops, func(part float64) float64 { return 1e3 * got.TookMs[strconv.FormatFloat(part, 'g', -1, 64)] })
	return nil
}
