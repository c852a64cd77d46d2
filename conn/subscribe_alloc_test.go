//go:build !race

package conn_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/rivet-go/rivet/conn"
)

// Many subscriptions in a row must not cost a table of all events each. The race
// detector allocates, too.
func TestSubscribingToManyEventsAllocatesInProportion(t *testing.T) {
	const events, most = 2000, 4 << 10 // bytes each
	c := connect(t, conn.Config{Target: func(ctx context.Context) (*conn.Target, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range events {
		c.Subscribe([]string{fmt.Sprint("event", i)})
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / events; each > most {
		t.Errorf("%d bytes a subscription, want at most %d", each, most)
	}
}
