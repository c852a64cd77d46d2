package rivet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// An engine that was answered by an actor of before leads nobody to it.
func TestFindPassesDestroyedActorsOver(t *testing.T) {
	r := &recorder{answer: func(seenRequest) (int, string, string) {
		return 200, "application/json", `{"actors":[{"actor_id":"old","destroy_ts":5},{"actor_id":"new"}]}`
	}}
	if id, err := newClient(t, r).Get("a", nil).Resolve(t.Context()); id != "new" || err != nil {
		t.Errorf("by key: %q, %v", id, err)
	}
	r.answer = func(seenRequest) (int, string, string) {
		return 200, "application/json", `{"actors":[{"actor_id":"old","destroy_ts":5}]}`
	}
	if id, err := newClient(t, r).Get("a", nil).Resolve(t.Context()); !errors.Is(err, rivet.ErrActorNotFound) {
		t.Errorf("by key, destroyed: %q, %v", id, err)
	}
	if info, err := newClient(t, r).GetForID("a", "old").Info(t.Context()); info.ID != "old" || err != nil {
		t.Errorf("by id: %q, %v", info.ID, err)
	}
}

// A key of another datacenter is found there.
func TestResolveInAnotherDatacenter(t *testing.T) {
	r := &recorder{answer: func(s seenRequest) (int, string, string) {
		if s.method == "PUT" {
			return 400, "application/json", `{"group":"actor","code":"key_reserved_in_different_datacenter","message":"m"}`
		}
		return 200, "application/json", `{"actors":[{"actor_id":"far"}]}`
	}}
	if id, err := newClient(t, r).GetOrCreate("a", nil).Resolve(t.Context()); id != "far" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
}

func TestEngineThatNamesNoActor(t *testing.T) {
	r := &recorder{answer: func(seenRequest) (int, string, string) { return 200, "application/json", `{}` }}
	c := newClient(t, r)
	if _, err := c.Create(t.Context(), "a", nil); err == nil || !strings.Contains(err.Error(), "names no actor") {
		t.Errorf("create: %v", err)
	}
	if id, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err == nil || !strings.Contains(err.Error(), "names no actor") {
		t.Errorf("resolve: %q, %v", id, err)
	}
}

// What became of the one request of Create is not known: another would say
// that the actor exists.
func TestCreateIsNotRepeated(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/actors", rivettest.Run(rivettest.Reset()))
	if _, err := gw.Client(t).Create(t.Context(), "counter", nil); err == nil || errors.Is(err, rivet.ErrActorExists) {
		t.Errorf("%v", err)
	}
	if n := len(gw.Requests(func(r rivettest.HTTPRequest) bool { return r.Method == "POST" })); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
