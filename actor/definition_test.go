package actor_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// refusal returns what New says of what it is given, with a driver or without.
func refusal(t *testing.T, driver bool, registry actor.Registry, opts ...actor.Option) string {
	t.Helper()
	if driver {
		opts = append(opts, actor.UseDriver(&bench{data: map[string][]byte{}}))
	}
	h, err := actor.New(registry, opts...)
	if err == nil {
		_ = h.Shutdown(t.Context())
		t.Fatal("New took it")
	}
	if _, ok := errors.AsType[*rivet.ConfigError](err); !ok {
		t.Errorf("no ConfigError is in %v", err)
	}
	return err.Error()
}

func says(t *testing.T, message string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(message, part) {
			t.Errorf("%q is not said in:\n%s", part, message)
		}
	}
}

type S struct{ N int }
type sctx = *actor.Context[S]

// Every wrong use of a Definition is in the one error of New.
func TestDefinitionFaults(t *testing.T) {
	twice := actor.Define("twice", func(d *actor.Definition[S]) {
		for range 2 {
			d.State(S{})
			d.OnCreate(func(sctx) error { return nil })
			d.OnWake(func(sctx) error { return nil })
			d.OnSleep(func(sctx) {})
			d.OnDestroy(func(sctx) {})
			d.OnStateChange(func(sctx) {})
			d.Run(func(sctx) error { return nil })
			d.OnConnect(func(sctx, *actor.Conn) error { return nil })
			d.OnDisconnect(func(sctx, *actor.Conn) {})
			d.OnRequest(func(sctx, http.ResponseWriter, *http.Request) {})
			d.OnWebSocket(func(sctx, *actor.WebSocket) error { return nil })
			actor.CreateVars(d, func(sctx) (int, error) { return 0, nil })
			actor.OnBeforeConnect(d, func(*actor.ConnectContext, int) error { return nil })
			actor.CreateConnState(d, func(*actor.ConnectContext, int) (int, error) { return 0, nil })
			actor.CanSubscribe(d, CountChanged, func(sctx) (bool, error) { return true, nil })
			actor.CanPublish(d, rivet.Queue[int, int]("q"), func(sctx) (bool, error) { return true, nil })
			actor.Handle(d, Increment, func(sctx, int) (int, error) { return 0, nil })
			actor.Do(d, rivet.Action[int, rivet.None]("do"), func(sctx, int) error { return nil })
		}
	})
	says(t, refusal(t, true, actor.Registry{twice}), `actor "twice"`,
		"the initial state is given twice", "OnCreate is given twice", "OnWake is given twice", "OnSleep is given twice",
		"OnDestroy is given twice", "OnStateChange is given twice", "Run is given twice", "OnConnect is given twice",
		"OnDisconnect is given twice", "OnRequest is given twice", "OnWebSocket is given twice", "CreateVars is given twice",
		"OnBeforeConnect is given twice", "CreateConnState is given twice", `CanSubscribe of "countChanged" is given twice`,
		`CanPublish of "q" is given twice`, `action "increment" has two handlers`, `action "do" has two handlers`)

	isNil := actor.Define("nil", func(d *actor.Definition[S]) {
		d.OnCreate(nil)
		d.OnWake(nil)
		d.OnSleep(nil)
		d.OnDestroy(nil)
		d.OnStateChange(nil)
		d.Run(nil)
		d.OnConnect(nil)
		d.OnDisconnect(nil)
		d.OnRequest(nil)
		d.OnWebSocket(nil)
		d.OnBeforeActionResponse(nil)
		actor.CreateState[S, int](d, nil)
		actor.CreateVars[S, int](d, nil)
		actor.OnBeforeConnect[S, int](d, nil)
		actor.CreateConnState[S, int, int](d, nil)
		actor.CanSubscribe(d, CountChanged, nil)
		actor.CanPublish(d, rivet.Queue[int, int]("q"), nil)
		actor.Handle(d, Increment, nil)
		actor.Do(d, rivet.Action[int, rivet.None]("do"), nil, nil, actor.Concurrent())
		actor.Handle(d, "", func(sctx, int) (int, error) { return 0, nil })
	})
	says(t, refusal(t, true, actor.Registry{isNil}), "OnCreate: the function is nil", "OnWake: ", "OnSleep: ", "OnDestroy: ",
		"OnStateChange: ", "Run: ", "OnConnect: ", "OnDisconnect: ", "OnRequest: ", "OnWebSocket: ", "OnBeforeActionResponse: ",
		"the initial state: ", "CreateVars: ", "OnBeforeConnect: ", "CreateConnState: ", `CanSubscribe of "countChanged": `,
		`CanPublish of "q": `, `action "increment": the handler is nil`, `action "do": the handler is nil`, "an action without a name")
}

type (
	small  struct{ count int } // as one writes it in a hurry
	inside struct{ small }
	asText struct{ at time.Time }
	asCBOR struct{ counts map[string]int }
	Named  struct{ Count int }
	named  struct{ Named }
)

func (t asText) MarshalText() ([]byte, error)     { return t.at.MarshalText() }
func (t *asText) UnmarshalText(text []byte) error { return t.at.UnmarshalText(text) }

// A new one is an empty object, and a later one is not.
func (s asCBOR) MarshalCBOR() ([]byte, error)     { return cbor.Marshal(maps.Collect(maps.All(s.counts))) }
func (s *asCBOR) UnmarshalCBOR(data []byte) error { return cbor.Unmarshal(data, &s.counts) }

// A state of which nothing would be kept is found out before it is lost.
func TestStateThatForgetsIsRefused(t *testing.T) {
	says(t, refusal(t, true, actor.Registry{
		actor.Define("small", func(*actor.Definition[small]) {}),
		actor.Define("inside", func(d *actor.Definition[inside]) { d.State(inside{small{count: 1}}) }),
		actor.Define("connected", func(d *actor.Definition[S]) {
			actor.CreateConnState(d, func(*actor.ConnectContext, int) (small, error) { return small{count: 1}, nil })
		}),
	}),
		`actor "small": nothing of a state of type actor_test.small would be kept`, `actor "inside": nothing of a state`,
		`actor "connected": CreateConnState: nothing of a state of type actor_test.small would be kept`)
	host, err := actor.New(actor.Registry{
		actor.Define("none", func(*actor.Definition[struct{}]) {}),
		actor.Define("asText", func(*actor.Definition[asText]) {}),
		actor.Define("asCBOR", func(*actor.Definition[asCBOR]) {}),
		actor.Define("named", func(*actor.Definition[named]) {}),
		actor.Define("omitted", func(*actor.Definition[struct {
			Count int `json:"count,omitempty"`
		}]) {
		}),
	}, local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// Faults of several actors and options are told together, each with its actor.
func TestNewSaysAllAtOnce(t *testing.T) {
	type unfit struct{ Done chan struct{} }
	message := refusal(t, false, actor.Registry{
		actor.Define("", func(*actor.Definition[S]) {}),
		actor.Define[S]("hollow", nil),
		actor.Define("upset", func(d *actor.Definition[S]) { d.OnWake(nil); panic("oh no") }),
		actor.Define("upset", func(*actor.Definition[S]) {}),
		actor.Define("bounds", func(*actor.Definition[S]) {}, nil,
			actor.ActionTimeout(0), actor.ConnectTimeout(-1), actor.SleepAfter(0), actor.StopGrace(0), actor.SaveInterval(0),
			actor.MailboxSize(0), actor.MaxMessage(0, 1)),
		actor.Define("unfit", func(d *actor.Definition[unfit]) {}),
		{},
	}, nil, actor.Runner(), actor.Serverless(), actor.UseDriver(nil), actor.WithLogger(nil), actor.ShutdownTimeout(0),
		actor.SendBuffer(0), actor.Addr("nowhere"), actor.PublicEndpoint("ftp://u:secret@h/"))
	says(t, message, `actor "": the name is empty`, `actor "hollow": the function given to Define is nil`,
		`actor "upset": OnWake: the function is nil`, `actor "upset": the function given to Define panicked: oh no`, `actor "upset": it is twice in the registry`,
		"ActionTimeout: 0s", "ConnectTimeout: -1ns", "SleepAfter: 0s", "StopGrace: 0s", "SaveInterval: 0s", "MailboxSize: 0", "MaxMessage: 0 and 1",
		`actor "unfit": a state of type actor_test.unfit cannot be stored`, "Define has not made",
		"runner needs a driver", "mode is given twice", "UseDriver", "WithLogger", "ShutdownTimeout", "SendBuffer", "Addr", "PublicEndpoint",
		"driver is missing")
	if strings.Contains(message, "secret") {
		t.Errorf("a token is in the error: %s", message)
	}
}

func TestDriverTwice(t *testing.T) {
	says(t, refusal(t, true, actor.Registry{counter()}, actor.UseDriver(&bench{})), "driver is given twice")
}

func TestEmbeddedMode(t *testing.T) {
	b := newBench(t, counter(), actor.Embedded(), actor.Embedded())
	if b.rt.Log() == nil || !b.rt.Has("counter") || b.rt.Has("other") {
		t.Error("the runtime is not what was asked for")
	}
}

func TestEnvironment(t *testing.T) {
	all := []string{"RIVET_PORT", "RIVET_ENVOY_VERSION", "RIVET_RUNNER_VERSION", "RIVET_PUBLIC_ENDPOINT", "RIVET_PUBLIC_TOKEN"}
	for _, c := range []struct {
		name string
		env  map[string]string
		opts []actor.Option
		// what comes of it
		version                    uint32
		endpoint, namespace, token string
	}{
		{name: "nothing"},
		{name: "variables", env: map[string]string{"RIVET_ENVOY_VERSION": "7", "RIVET_RUNNER_VERSION": "6",
			"RIVET_PUBLIC_ENDPOINT": "https://ns@a.example", "RIVET_PUBLIC_TOKEN": "tok"},
			version: 7, endpoint: "https://a.example", namespace: "ns", token: "tok"},
		{name: "the old name", env: map[string]string{"RIVET_RUNNER_VERSION": "4294967295"}, version: 4294967295},
		{name: "empty ones", env: map[string]string{"RIVET_ENVOY_VERSION": "", "RIVET_RUNNER_VERSION": "6", "RIVET_PORT": ""}, version: 6},
		{name: "options first", env: map[string]string{"RIVET_ENVOY_VERSION": "x", "RIVET_PUBLIC_ENDPOINT": "x"},
			opts:    []actor.Option{actor.Version(3), actor.PublicEndpoint("http://n:t@b.example:1/x")},
			version: 3, endpoint: "http://b.example:1/x", namespace: "n", token: "t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range all {
				t.Setenv(name, c.env[name])
			}
			b := newBench(t, counter(), c.opts...)
			endpoint, namespace, token := b.rt.Public()
			if b.rt.Version() != c.version || endpoint != c.endpoint || namespace != c.namespace || token != c.token {
				t.Errorf("version %d, %s, %s, %s", b.rt.Version(), endpoint, namespace, token)
			}
		})
	}
	for _, name := range all {
		t.Setenv(name, "")
	}
	t.Setenv("RIVET_PORT", "65536")
	t.Setenv("RIVET_ENVOY_VERSION", "-1")
	t.Setenv("RIVET_PUBLIC_ENDPOINT", "https://u:hush@")
	message := refusal(t, true, actor.Registry{counter()})
	says(t, message, "RIVET_PORT", "RIVET_ENVOY_VERSION", "RIVET_PUBLIC_ENDPOINT")
	if strings.Contains(message, "hush") {
		t.Errorf("a token is in the error: %s", message)
	}
}

// Serve listens, tells where, and ends cleanly with its context.
func TestServe(t *testing.T) {
	var addr net.Addr
	listening := make(chan struct{})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- actor.Serve(ctx, actor.Registry{counter()}, actor.UseDriver(&bench{data: map[string][]byte{}}),
			actor.Addr("127.0.0.1:0"), actor.OnListen(func(a net.Addr) { addr = a; close(listening) }), actor.ShutdownTimeout(time.Minute))
	}()
	select {
	case <-listening:
	case err := <-ended:
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + addr.String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err := actor.Serve(t.Context(), actor.Registry{counter()}, actor.UseDriver(&bench{data: map[string][]byte{}}), actor.Addr(addr.String())); err == nil || !strings.Contains(err.Error(), "listen") {
		t.Errorf("on a taken address Serve returned %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
