package trial_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/bench/trial"
)

func start(t *testing.T, args ...string) *trial.Peer {
	t.Helper()
	p, err := trial.Start(t.Context(), "calculator", args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeer(t *testing.T) {
	p := start(t, "one", "two words")
	var sum int
	if err := p.Call("add", []int{1, 2}, &sum); err != nil || sum != 3 {
		t.Errorf("the sum is %d, %v", sum, err)
	}
	var args []string
	if err := p.Call("args", nil, &args); err != nil || !slices.Equal(args, []string{"one", "two words"}) {
		t.Errorf("args are %q, %v", args, err)
	}
	if err := p.Call("add", []int{1, 2}, nil); err != nil {
		t.Errorf("without a result: %v", err)
	}
	if cpu, err := p.CPU(); err != nil || cpu <= 0 {
		t.Errorf("it has used %v, %v", cpu, err)
	}
	if memory, err := p.Memory(); err != nil || memory == 0 {
		t.Errorf("it has %d B in use, %v", memory, err)
	}
	// What fails is told, and does not end it.
	for call, want := range map[string]string{"add": "cannot unmarshal string", "multiply": "no such call"} {
		if err := p.Call(call, "text", nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), call+" of calculator") {
			t.Errorf("%s: %v, want %q", call, err, want)
		}
	}
	var text string
	if err := p.Call("add", []int{1, 2}, &text); err == nil {
		t.Errorf("a number is the text %q", text)
	}
	if err := p.Call("add", []int{3, 4}, &sum); err != nil || sum != 7 {
		t.Errorf("after errors the sum is %d, %v", sum, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestPeerThatDies(t *testing.T) {
	p := start(t)
	if err := p.Call("die", nil, nil); err == nil || !strings.Contains(err.Error(), "last words") {
		t.Errorf("%v, want what it wrote", err)
	}
	if err := p.Call("args", nil, nil); err == nil {
		t.Error("the dead answer")
	}
	if err := p.Close(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v, want how it ended", err)
	}
}

func TestPeerThatDoesNotStart(t *testing.T) {
	for role, want := range map[string]string{"fails": "no port is free", "nobody": `no role "nobody"`} {
		if p, err := trial.Start(t.Context(), role); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", role, p, err, want)
		}
	}
}
