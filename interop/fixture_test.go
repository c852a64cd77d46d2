package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rivet-go/rivet/interop/fixture"
)

// These tests hold the fixture to its word, with nothing of the library in
// between: what fails here is not the client's fault.

func TestFixtureAnswers(t *testing.T) {
	for name, s := range map[string]*shared{"engine": &engine, "legacy": &legacy} {
		t.Run(name, func(t *testing.T) {
			a := actorOf(t, s.get(t), "counter", "answers")
			if got := a.act(t, "increment", 3); got != "3" {
				t.Errorf("increment(3) on a new counter = %s, want 3", got)
			}
			if got := a.act(t, "increment", 4); got != "7" {
				t.Errorf("increment(4) after it = %s, want 7", got)
			}
		})
	}
}

func TestFixtureRestartKeepsState(t *testing.T) {
	for name, start := range map[string]starter{"engine": fixture.Start, "legacy": fixture.StartLegacy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := own(t, start, fixture.Options{})
			a := actorOf(t, s, "lifecycle", "restart")
			a.act(t, "bump")
			a.act(t, "bump")
			// To sleep is to save: without it a kill may lose the last second.
			a.act(t, "sleep")
			// A call that meets the actor between the two may fail.
			waitFor(t, func() bool {
				got, err := a.try(t.Context(), "info")
				return err == nil && strings.Contains(got, `"wakes":2`)
			})

			s.Kill()
			begin := time.Now()
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("restarted in %v", time.Since(begin))
			waitFor(t, func() bool {
				got, err := a.try(t.Context(), "bump")
				return err == nil && got == "3"
			})
			t.Logf("old actor answered %v after the kill", time.Since(begin))
		})
	}
}

func TestFixtureEngineRestartKeepsState(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.Start, fixture.Options{})
	a := actorOf(t, s, "counter", "engine-restart")
	a.act(t, "increment", 5)
	s.StopEngine()
	if _, err := a.try(t.Context(), "getCount"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("with the engine stopped: %v, want connection refused", err)
	}
	begin := time.Now()
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("engine restarted in %v", time.Since(begin))
	waitFor(t, func() bool {
		got, err := a.try(t.Context(), "getCount")
		return err == nil && got == "5"
	})
	t.Logf("old actor answered %v after the restart", time.Since(begin))
}

// Several servers at once do not meet.
func TestFixtureSideBySide(t *testing.T) {
	one := own(t, fixture.StartLegacy, fixture.Options{})
	two := own(t, fixture.StartLegacy, fixture.Options{})
	if one.Endpoint == two.Endpoint {
		t.Fatalf("both at %s", one.Endpoint)
	}
	if got := actorOf(t, one, "counter", "k").act(t, "increment", 1); got != "1" {
		t.Errorf("first server: %s, want 1", got)
	}
	if got := actorOf(t, two, "counter", "k").act(t, "increment", 1); got != "1" {
		t.Errorf("second server: %s, want 1: it has the first one's actors", got)
	}
}

// A test binary that is killed leaves no process and no folder.
func TestFixtureDiesWithItsStarter(t *testing.T) {
	const child = "RIVET_INTEROP_CHILD"
	if os.Getenv(child) != "" {
		s := own(t, fixture.Start, fixture.Options{})
		os.Stdout.WriteString("endpoint " + s.Endpoint + "\n")
		select {} // until killed
	}
	engine.get(t) // skips or installs, so that the child does neither

	cmd := exec.Command(os.Args[0], "-test.run=^TestFixtureDiesWithItsStarter$", "-test.timeout=2m")
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), child+"=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var endpoint string
	text := make([]byte, 4096)
	for endpoint == "" {
		n, err := out.Read(text)
		if err != nil {
			t.Fatalf("the child ended before it had a server: %v\n%s", err, text[:n])
		}
		if line, ok := strings.CutPrefix(string(text[:n]), "endpoint "); ok {
			endpoint = strings.TrimSpace(line)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	waitFor(t, func() bool {
		res, err := http.Get(endpoint + "/metadata")
		if err == nil {
			res.Body.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	waitFor(t, func() bool {
		left, err := os.ReadDir(tmp)
		return err == nil && len(left) == 0
	})
}

// plainActor reaches one actor by plain HTTP.
type plainActor struct {
	url   string
	query string
}

func actorOf(t *testing.T, s *fixture.Server, name, key string) plainActor {
	t.Helper()
	if s.Version != "2.0.33" {
		query := url.Values{
			"rvt-namespace":    {"default"},
			"rvt-method":       {"getOrCreate"},
			"rvt-runner":       {"default"},
			"rvt-key":          {key},
			"rvt-crash-policy": {"sleep"},
		}
		return plainActor{s.Endpoint + "/gateway/" + name, "?" + query.Encode()}
	}
	body, err := post(t.Context(), http.MethodPut, s.Endpoint+"/actors?namespace=default",
		map[string]string{"name": name, "key": key, "runner_name_selector": "default", "crash_policy": "sleep"})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Actor struct {
			ID string `json:"actor_id"`
		} `json:"actor"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	return plainActor{url: s.Endpoint + "/gateway/" + answer.Actor.ID}
}

// act returns the output of an action as JSON text.
func (a plainActor) act(t *testing.T, action string, args ...any) string {
	t.Helper()
	out, err := a.try(t.Context(), action, args...)
	if err != nil {
		t.Fatalf("%s%v: %v", action, args, err)
	}
	return out
}

func (a plainActor) try(ctx context.Context, action string, args ...any) (string, error) {
	body, err := post(ctx, http.MethodPost, a.url+"/action/"+action+a.query, map[string]any{"args": append([]any{}, args...)})
	if err != nil {
		return "", err
	}
	var answer struct{ Output json.RawMessage }
	err = json.Unmarshal(body, &answer)
	return string(answer.Output), err
}

func post(ctx context.Context, method, target string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Rivet-Encoding", "json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status + ": " + string(out))
	}
	return out, err
}

// waitFor asks until the answer is yes; how long that takes is up to programs
// out of this one's reach, so there is nothing to wait on but time.
func waitFor(t *testing.T, yes func() bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-deadline.C:
			t.Fatal("still not so after 60 s")
		case <-tick.C:
		}
	}
}
