package rivettest

import (
	"net/http"
	"strings"
	"time"
)

// Step is what happens to one attempt to open a WebSocket, or to one HTTP
// request. Steps are made by the functions that return them, such as [Refuse]
// and [Status], and are values: the same one may be used again.
type Step struct {
	name  string
	times int
	kinds stepKinds

	// For both, tried in this order.
	refuse, hangDial bool
	hang, reset      bool
	delay            time.Duration
	answer           *answer
	err              error

	// For sockets.
	handshake func(http.Header)
	before    func(*Conn) // after the handshake
	noInit    bool
	after     func(*Conn) // after Init, or where it would have been

	// For requests.
	run bool // the request is executed first, and its answer thrown away
	cut bool // the true answer, up to the middle of its body
}

type stepKinds uint8

const (
	forSocket stepKinds = 1 << iota
	forHTTP
	forBoth = forSocket | forHTTP
)

// answer is an HTTP response to give instead of the true one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// String returns what the step does.
func (s Step) String() string { return s.name }

// Times repeats the step for n attempts or requests.
func (s Step) Times(n int) Step {
	s.times = n
	return s
}

// Script appends steps: each is taken by one attempt to open a WebSocket, in
// the order the attempts arrive; when none is left, attempts succeed. It
// fails the test when a step is for HTTP requests only.
func (g *Gateway) Script(steps ...Step) {
	g.tb.Helper()
	g.check(forSocket, "WebSockets", steps)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.script = append(g.script, expand(steps)...)
}

// ScriptHTTP appends steps for HTTP requests whose path contains part; the
// empty string is every request, "/metadata", "/actors", "/action/" or
// "/action/increment" narrow it down. Scripts of different parts do not
// disturb each other; the one made first is asked first. It fails the test
// when a step is for WebSockets only.
func (g *Gateway) ScriptHTTP(part string, steps ...Step) {
	g.tb.Helper()
	g.check(forHTTP, "HTTP requests", steps)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.httpScripts {
		if s := &g.httpScripts[i]; s.part == part {
			s.steps = append(s.steps, expand(steps)...)
			return
		}
	}
	g.httpScripts = append(g.httpScripts, httpScript{part, expand(steps)})
}

// httpScript is the steps for requests with part in their path.
type httpScript struct {
	part  string
	steps []Step
}

// ClearScripts drops the steps that nobody has taken yet.
func (g *Gateway) ClearScripts() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.script, g.httpScripts = nil, nil
}

func (g *Gateway) check(want stepKinds, what string, steps []Step) {
	g.tb.Helper()
	for _, s := range steps {
		if s.kinds&want == 0 {
			g.tb.Fatalf("rivettest: step %q does not apply to %s", s.name, what)
		}
	}
}

func expand(steps []Step) []Step {
	var all []Step
	for _, s := range steps {
		for range max(s.times, 1) {
			all = append(all, s)
		}
	}
	return all
}

// takeDialStep takes the next step when it concerns the dial alone.
func (g *Gateway) takeDialStep() (step Step, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.script) == 0 || !g.script[0].refuse && !g.script[0].hangDial {
		return Step{}, false
	}
	step = g.script[0]
	g.script = g.script[1:]
	g.attempts = append(g.attempts, Attempt{At: time.Now(), Step: step.name})
	g.changed()
	return step, true
}

// takeSocketStep takes the next step for an upgrade request, and returns the
// place of its record among the attempts.
func (g *Gateway) takeSocketStep(r *http.Request) (Step, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var step Step
	if len(g.script) > 0 {
		step = g.script[0]
		g.script = g.script[1:]
	}
	g.attempts = append(g.attempts, Attempt{At: time.Now(), Step: step.name, Header: r.Header.Clone(), URL: cloneURL(r.URL)})
	g.changed()
	return step, len(g.attempts) - 1
}

func (g *Gateway) takeHTTPStep(path string) (Step, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.httpScripts {
		s := &g.httpScripts[i]
		if len(s.steps) > 0 && strings.Contains(path, s.part) {
			step := s.steps[0]
			s.steps = s.steps[1:]
			return step, true
		}
	}
	return Step{}, false
}
