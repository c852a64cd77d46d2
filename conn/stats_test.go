package conn_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rivet-go/rivet/conn"
)

func TestSnapshotIsForPeopleToRead(t *testing.T) {
	at := func(ms int) time.Time { return time.Date(2026, 3, 1, 12, 0, 0, ms*1e6, time.UTC) }
	refused := errors.New("connection refused")
	s := conn.Snapshot{
		Actor: "counter[a]",
		Info:  conn.Info{Name: "counter", Key: []string{"a"}, ActorID: "id1", ConnectionID: "c2"},
		Stats: conn.Stats{Attempts: 3, Links: 2, Gaps: 1, Events: 7, CallsQueued: 4, Subscriptions: 2, Topics: 1, Malformed: 1},
		State: conn.State{Status: conn.Disconnected, Since: at(40), Cause: refused, Wait: time.Second},
		Err:   refused,
		History: []conn.State{
			{Status: conn.Connecting, Since: at(1), Attempt: 1},
			{Status: conn.Connected, Since: at(20), Attempt: 1},
			{Status: conn.Disconnected, Since: at(40), Cause: refused, Wait: time.Second},
		},
		Events: []conn.EventSnapshot{{Name: "countChanged", Subscriptions: 2}},
	}
	const want = `counter[a]: disconnected since 2026-03-01T12:00:00Z
actor id1, connection c2
error: connection refused
links: 2 of 3 attempts, 1 gaps; up for 0s
events: 7, and 0 that nobody wanted; 2 subscriptions, 1 on the server
  "countChanged" × 2
calls: 4 queued, 0 in flight
oddities: 0 unexpected, 1 malformed, 0 callbacks dropped
history:
  12:00:00.001 connecting, attempt 1
  12:00:00.020 connected, attempt 1
  12:00:00.040 disconnected, waits 1s: connection refused
`
	if got := fmt.Sprintf("%+v", s); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := (conn.Snapshot{}).String(); got == "" {
		t.Error("nothing of nothing")
	}
}
