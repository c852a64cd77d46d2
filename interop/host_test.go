package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http/httptest"
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
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		for _, legacy := range []bool{false, true} {
			name := "2.3.19/" + enc.String()
			if legacy {
				name = "2.0.33/" + enc.String()
			}
			if legacy && enc == codec.BARE {
				continue // it cannot read the version in which 2.3.19 answers
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var want, got map[step]string
				var both sync.WaitGroup
				both.Go(func() { want = play(t, legacy, official.Endpoint, enc) })
				both.Go(func() { got = play(t, legacy, endpoint, enc) })
				both.Wait()
				compare(t, want, got, enc.String())
			})
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

// compare reports steps that differ in another way than a listed one, and
// differences that are none any more, since they would hide the next one.
func compare(t *testing.T, want, got map[step]string, encoding string) {
	if len(want) == 0 {
		t.Error("nothing was played")
	}
	all := maps.Clone(got)
	maps.Copy(all, want)
	for _, s := range slices.SortedFunc(maps.Keys(all), func(a, b step) int { return strings.Compare(a.String(), b.String()) }) {
		expected := want[s]
		for i := range differences {
			d := &differences[i]
			if !d.applies(s, encoding) {
				continue
			}
			same := expected
			if expected = d.rewrite(same); expected == same && !d.byChance {
				t.Errorf("%s: no difference any more: %s\nofficial %s", s, d.why, shown(same))
			}
		}
		if expected != got[s] {
			t.Errorf("%s:\nofficial %s\nwanted   %s\nGo       %s", s, shown(want[s]), shown(expected), shown(got[s]))
		}
	}
	played := make(map[string]bool)
	for s := range want {
		played[s.Scenario] = true
	}
	for _, d := range differences {
		for _, text := range d.steps {
			scenario, label, _ := strings.Cut(text, "/")
			if s := (step{scenario, label}); played[scenario] && d.applies(s, encoding) && all[s] == "" {
				t.Errorf("%s: there is no such step: %s", s, d.why)
			}
		}
	}
}

func shown(s string) string {
	if s == "" {
		return "(no such step)"
	}
	return s
}
