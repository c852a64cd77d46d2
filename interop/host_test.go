package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
				// A busy engine has answers of its own to some questions, or
				// none in time: scenarios that differ are played again, by
				// themselves.
				var unlike problems
				for range 3 {
					var want, got map[step]string
					var both sync.WaitGroup
					both.Go(func() { want = play(t, legacy, official.Endpoint, enc, unlike.scenarios()...) })
					both.Go(func() { got = play(t, legacy, endpoint, enc, unlike.scenarios()...) })
					both.Wait()
					unlike = compare(want, got, enc.String())
					if len(unlike) == 0 {
						return
					}
					t.Log("differs:", slices.Sorted(maps.Keys(unlike)))
				}
				for _, s := range slices.Sorted(maps.Keys(unlike)) {
					t.Errorf("%s: %s", s, unlike[s])
				}
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

// play plays the named scenarios, or all.
func play(t *testing.T, legacy bool, endpoint string, enc codec.Encoding, scenarios ...string) map[step]string {
	text, err := fixture.PlayHost(t.Context(), legacy, endpoint, enc.String(), scenarios...)
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

// problems are what is wrong with steps, under their names.
type problems map[string]string

// scenarios are those with problems.
func (p problems) scenarios() []string {
	names := make(map[string]bool)
	for s := range p {
		if name, _, _ := strings.Cut(s, "/"); name != "" {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// compare finds steps that differ in another way than a listed one, and
// differences that are none any more, since they would hide the next one.
func compare(want, got map[step]string, encoding string) problems {
	found := make(problems)
	wrong := func(s step, format string, args ...any) { found[s.String()] += fmt.Sprintf(format, args...) }
	if len(want) == 0 {
		wrong(step{}, "nothing was played")
	}
	all := maps.Clone(got)
	maps.Copy(all, want)
	for s := range all {
		expected := want[s]
		for i := range differences {
			d := &differences[i]
			if !d.applies(s, encoding) {
				continue
			}
			same := expected
			if expected = d.rewrite(same); expected == same && !d.byChance {
				wrong(s, "no difference any more: %s\nofficial %s\n", d.why, shown(same))
			}
		}
		if expected != got[s] {
			wrong(s, "\nofficial %s\nwanted   %s\nGo       %s\n", shown(want[s]), shown(expected), shown(got[s]))
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
				wrong(s, "there is no such step: %s\n", d.why)
			}
		}
	}
	return found
}

func shown(s string) string {
	if s == "" {
		return "(no such step)"
	}
	return s
}
