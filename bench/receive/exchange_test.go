package receive

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

// The case of a receiver that loses events, makes some up, or counts others must
// fail: what is fast because it does less is no result.
func TestWhoDoesNotReceiveAllFails(t *testing.T) {
	nth := 0
	for name, c := range map[string]struct {
		take func([]byte, *tally) error
		want string
	}{
		"loses one": {func(p []byte, t *tally) error {
			if nth++; nth%1000 == 999 && !strings.Contains(string(p), "RVT-USD") { // not the last
				return nil
			}
			return fxamacker(p, t)
		}, "events received that add up to"},
		"counts one twice": {func(p []byte, t *tally) error {
			if nth++; nth%1000 == 999 && !strings.Contains(string(p), "RVT-USD") {
				t.events++
			}
			return fxamacker(p, t)
		}, "events received that add up to"},
		"adds up something else": {func(p []byte, t *tally) error {
			t.sum++
			return fxamacker(p, t)
		}, "events received that add up to"},
		"does not understand": {func([]byte, *tally) error { return errNoEvent }, errNoEvent.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			nth = 0
			run := flow(exchange{connections: 1}, wire.Role, bare(c.take))
			err := run(context.Background(), &trial.Trial{Time: 10 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}

// A receiver that fails, or ends too soon, is told as the reason.
func TestTheReasonIsTold(t *testing.T) {
	reason := errors.New("out of luck")
	one := exchange{connections: 1}
	for name, run := range map[string]func(context.Context, *trial.Trial) error{
		"in a flow": flow(one, wire.Role, bare(func([]byte, *tally) error { return reason })),
		"of one":    single(one, wire.Role, bare(func([]byte, *tally) error { return reason })),
	} {
		if err := run(context.Background(), &trial.Trial{Time: 10 * time.Millisecond}); !errors.Is(err, reason) {
			t.Errorf("%s: %v, want %v in it", name, err, reason)
		}
	}
}

// Every event of an idle connection has a time of arrival of its own.
func TestSingleEvents(t *testing.T) {
	for name, r := range map[string]receiver{"All": all, "over a channel": handedOver} {
		x := exchange{connections: 1, clocked: true}
		err := x.attend(context.Background(), wire.Role, r, func(failed <-chan error) error {
			took, err := x.ticks(context.Background(), 5*interval, failed)
			if len(took) != 5 {
				t.Errorf("%s: %d times, want 5", name, len(took))
			}
			for _, ns := range took {
				if ns <= 0 {
					t.Errorf("%s: an event arrived %d ns after it was sent", name, ns)
				}
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
