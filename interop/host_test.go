package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/interop/actors"
	"github.com/rivet-go/rivet/interop/fixture"
)

// TestHostAsTheOfficialOne has the official JavaScript client, and a program
// that writes the protocol's bytes itself, do the same with the official host
// behind the real engine and with the Go host, whose actors do the same. What
// they see has to be equal, but for the differences that are listed.
func TestHostAsTheOfficialOne(t *testing.T) {
	t.Parallel()
	official := engine.get(t)
	endpoint := goHost(t)
	seen := &sync.Map{}
	t.Run("clients", func(t *testing.T) {
		for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
			for _, legacy := range []bool{false, true} {
				name := "2.3.19/" + enc.String()
				if legacy && enc != codec.JSON {
					continue // there the older client waits for ever for some replies
				}
				if legacy {
					name = "2.0.33/" + enc.String()
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var want, got map[step]string
					var both sync.WaitGroup
					both.Go(func() { want = play(t, legacy, official.Endpoint, enc) })
					both.Go(func() { got = play(t, legacy, endpoint, enc) })
					both.Wait()
					compare(t, want, got, seen)
				})
			}
		}
	})
	// A difference that is no more would hide the next one.
	if t.Failed() {
		return
	}
	for pattern := range differences {
		if _, ok := seen.Load(pattern); !ok {
			t.Errorf("%q is listed as a difference and is none", pattern)
		}
	}
}

// goHost serves the fixture's actors in Go.
func goHost(t *testing.T) string {
	t.Helper()
	host, err := actor.New(actors.Registry(), local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(host.Handler())
	t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

// step is one line of a transcript.
type step struct{ Scenario, Label string }

func (s step) String() string { return s.Scenario + "/" + s.Label }

func play(t *testing.T, legacy bool, endpoint string, enc codec.Encoding) map[step]string {
	text, err := fixture.PlayHost(t.Context(), legacy, endpoint, enc.String())
	if err != nil {
		t.Error(err)
		return nil
	}
	return transcript(t, endpoint, text)
}

// transcript reads what a client saw at an endpoint.
func transcript(t *testing.T, endpoint string, text []byte) map[step]string {
	steps := make(map[step]string)
	for line := range bytes.Lines(text) {
		var l struct {
			step
			Value json.RawMessage
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Errorf("%s: no JSON: %.200s", endpoint, line)
			continue
		}
		if _, twice := steps[l.step]; twice {
			t.Errorf("%s has the step %q twice", endpoint, l.step)
		}
		steps[l.step] = string(l.Value)
	}
	return steps
}

func compare(t *testing.T, want, got map[step]string, seen *sync.Map) {
	if len(want) == 0 {
		t.Error("nothing was played")
	}
	all := make(map[step]bool)
	for s := range want {
		all[s] = true
	}
	for s := range got {
		all[s] = true
	}
	steps := make([]step, 0, len(all))
	for s := range all {
		steps = append(steps, s)
	}
	slices.SortFunc(steps, func(a, b step) int { return strings.Compare(a.String(), b.String()) })
	for _, s := range steps {
		official, other := want[s], got[s]
		if official == other {
			continue
		}
		if pattern := listed(s); pattern != "" {
			seen.Store(pattern, true)
			continue
		}
		t.Errorf("%s:\nofficial %s\nGo       %s", s, shown(official), shown(other))
	}
}

func shown(s string) string {
	if s == "" {
		return "(no such step)"
	}
	return s
}

func listed(s step) string {
	for pattern := range differences {
		if ok, _ := path.Match(pattern, strings.ReplaceAll(s.String(), "/", "|")); ok {
			return pattern
		}
	}
	return ""
}
