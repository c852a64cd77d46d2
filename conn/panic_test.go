package conn_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// moody panics wherever a policy may.
type moody struct{ inNew bool }

func (m moody) New() backoff.Sequence {
	if m.inNew {
		panic("New")
	}
	return m
}
func (moody) Next() time.Duration { panic("Next") }
func (moody) Reset()              { panic("Reset") }

// Functions of the program's that panic are reported, and the connection gets
// on without them.
func TestPanicsInPolicyAndDialerAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		backoff backoff.Policy
		dialer  bool
		want    int // panics reported until the second link is up
	}{
		"New":    {backoff: moody{inNew: true}, want: 1},
		"Next":   {backoff: moody{}, want: 2}, // and Reset
		"dialer": {dialer: true, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				cfg := config(gw)
				cfg.Backoff = test.backoff
				dials := 0
				cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if dials++; dials == 1 && test.dialer {
						panic("dialer")
					}
					return gw.Dial(ctx, network, addr)
				}
				panics := 0
				cfg.OnPanic = func(any, []byte) { panics++ }
				c := connect(t, cfg)
				ready(t, c)
				if !test.dialer {
					<-time.After(time.Minute) // it is stable: Reset
					gw.Conn(0).Drop()
					if _, err := gw.WaitConn(t.Context(), 1); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := c.Action(t.Context(), "echo", 1); err != nil {
					t.Error(err)
				}
				if _ = c.Close(); panics != test.want {
					t.Errorf("%d panics reported, want %d", panics, test.want)
				}
				if s := c.Status(); s != conn.Closed {
					t.Error(s)
				}
			})
		})
	}
}
