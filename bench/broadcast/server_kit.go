package broadcast

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/interop/fixture"
)

// kit is an actor on a RivetKit server, with the engine if it has one.
type kit struct {
	dialer
	ctx    context.Context
	client *rivet.Client
	actor  *rivet.Handle
	pids   []int
	stop   func() error
}

// startKit takes the server that was started for all cases, and a new actor.
func startKit(legacy bool) start {
	return func(ctx context.Context, t *trial.Trial) (broadcaster, error) {
		s := t.Engine
		if legacy {
			s = t.Legacy
		}
		return newKit(ctx, s.Endpoint, s.PIDs, func() error { return nil })
	}
}

// startOwnKit20 starts a server for a single case, so that its memory is not what
// others have left.
func startOwnKit20(ctx context.Context, _ *trial.Trial) (broadcaster, error) {
	s, err := fixture.StartLegacy(ctx, fixture.Options{})
	if err != nil {
		return nil, err
	}
	return newKit(ctx, s.Endpoint, s.PIDs(), s.Stop)
}

// newKit makes an actor on a server that stop ends. Members use BARE, as the
// official client does.
func newKit(ctx context.Context, endpoint string, pids []int, stop func() error) (broadcaster, error) {
	client, err := rivet.NewClient(rivet.WithEndpoint(endpoint))
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	k := &kit{ctx: ctx, client: client, pids: pids, stop: stop}
	key := rivet.Key{"broadcast", strconv.FormatInt(time.Now().UnixNano(), 36)}
	k.actor = client.GetOrCreate("burst", key)
	if _, err = k.actor.Resolve(ctx); err == nil {
		k.dialer, err = dialActor(ctx, k.actor, codec.BARE)
	}
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

func (k *kit) dial(ctx context.Context) (*member, error) { return k.dialer(ctx) }

func (k *kit) cast(first uint64, n int) error {
	_, err := k.actor.Action(k.ctx, "numbered", first, n)
	return err
}

func (k *kit) pace(n int, every time.Duration) error {
	_, err := k.actor.Action(k.ctx, "timed", n, every.Milliseconds())
	return err
}

func (k *kit) cpu() (time.Duration, error) { return trial.CPUOf(k.pids...) }

func (k *kit) memory() (uint64, error) {
	bytes, err := trial.ResidentOf(k.pids...)
	return uint64(bytes), err
}

func (*kit) goroutines() (int, error) { return 0, nil }

func (k *kit) close() error { return errors.Join(k.client.Close(), k.stop()) }
