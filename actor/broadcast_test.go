package actor_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// speaker is an actor whose tests reach its Context.
func speaker(got chan<- *actor.Context[roomState], opts ...actor.DefinitionOption) actor.Actor {
	return actor.Define("speaker", func(d *actor.Definition[roomState]) {
		actor.Do(d, rivet.Action[rivet.None, rivet.None]("go"), func(c *actor.Context[roomState], _ rivet.None) error {
			got <- c
			return nil
		})
	}, opts...)
}

// listen opens a connection in an encoding that has subscribed to said.
func listen(t *testing.T, in *actor.Instance, id string, enc codec.Encoding) (*socket, actor.Receiver) {
	t.Helper()
	s := newSocket(id, "/connect", "rivet_encoding."+enc.String())
	r := in.Open(s)
	r.Message(1, enc == codec.JSON, codec.AppendSubscription(nil, enc, string(said), true))
	synctest.Wait()
	s.got()
	return s, r
}

// TestBroadcast: who gets an event, in which encoding, in which order.
func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contexts := make(chan *actor.Context[roomState], 1)
		log, option := logged()
		b := newBench(t, speaker(contexts, actor.MaxMessage(1000, 200)), option)
		in := b.mustStart(t)
		j1, r1 := listen(t, in, "j1", codec.JSON)
		j2, _ := listen(t, in, "j2", codec.JSON)
		cb, _ := listen(t, in, "cb", codec.CBOR)
		ba, _ := listen(t, in, "ba", codec.BARE)
		other := newSocket("other", "/connect")
		in.Open(other)
		callHTTP(in, "go", "{}")
		c := <-contexts
		conns := make(map[string]*actor.Conn)
		for conn := range c.Conns() {
			conns[conn.Request().Header.Get("Sec-WebSocket-Protocol")] = conn
		}
		if len(conns) != 4 { // j1 and j2 offer the same
			t.Fatalf("%d connections", len(conns))
		}
		synctest.Wait()
		other.got()

		inBARE := hex.EncodeToString(codec.AppendEvent(nil, codec.BARE, "said", []byte{0x81, 1}))
		inCBOR := hex.EncodeToString(codec.AppendEvent(nil, codec.CBOR, "said", []byte{0x81, 1}))
		if err := actor.Broadcast(c, said, any(1)); err != nil {
			t.Error(err)
		}
		if err := actor.Broadcast(c, rivet.Event[any]("nobody"), any(func() {})); err != nil {
			t.Errorf("an event that nobody wants is not encoded: %v", err)
		}
		equal(t, "j1", j1.got(), gotEvent("said", "[1]"))
		equal(t, "j2", j2.got(), gotEvent("said", "[1]"))
		equal(t, "cb", cb.got(), inCBOR)
		equal(t, "ba", ba.got(), inBARE)
		equal(t, "other", other.got())
		if j1.frames[1] != j2.frames[1] {
			t.Error("one encoding, two frames")
		}

		bare := conns["rivet, rivet_encoding.bare"]
		if err := actor.Broadcast(c, said, any(1), actor.Except(bare, nil, conns["rivet, rivet_encoding.cbor"])); err != nil {
			t.Error(err)
		}
		equal(t, "ba, left out", ba.got())
		equal(t, "cb, left out", cb.got())
		equal(t, "j1", j1.got(), gotEvent("said", "[1]"))
		if err := actor.Send(bare, said, any(1)); err != nil {
			t.Error(err)
		}
		equal(t, "ba, alone", ba.got(), inBARE)
		for _, conn := range []*actor.Conn{nil, c.Conn(), conns["rivet"]} { // none, a request's, one without a subscription
			if err := actor.Send(conn, said, any(1)); err != nil {
				t.Error(err)
			}
		}
		equal(t, "other", other.got())

		// What cannot be encoded goes to nobody, and is told.
		j2.got()
		if err := actor.Broadcast(c, said, any(func() {})); err == nil {
			t.Error("a function was sent")
		}
		if err := actor.Send(bare, said, any(func() {})); err == nil {
			t.Error("a function was sent to one")
		}
		if err := actor.Broadcast(c, said, any(strings.Repeat("x", 200))); err == nil || !strings.Contains(err.Error(), "MaxMessage") {
			t.Errorf("over the limit: %v", err)
		}
		for _, s := range []*socket{j1, j2, cb, ba} {
			equal(t, s.id, s.got())
		}
		if n := strings.Count(log.String(), "cannot send an event"); n != 3 {
			t.Errorf("%d lines in the log", n)
		}

		// One of the encodings has room for it, the other has not.
		n := 200 - len(codec.AppendEvent(nil, codec.BARE, "said", nil)) - 4
		if err := actor.Broadcast(c, said, any(strings.Repeat("x", n))); err == nil {
			t.Error("no error for those who do not get it")
		}
		if len(ba.got()) != 1 || len(j1.got()) != 0 {
			t.Error("it went to the wrong ones")
		}

		r1.Message(2, true, unsubscribe("said"))
		synctest.Wait()
		if err := actor.Broadcast(c, said, any(2)); err != nil {
			t.Error(err)
		}
		equal(t, "j1, unsubscribed", j1.got())
		equal(t, "j2", j2.got(), gotEvent("said", "[2]"))

		b.stop(t, in, actor.Sleeping)
		if err := actor.Broadcast(c, said, any(3)); err != nil {
			t.Error(err)
		}
		equal(t, "j2, after the end", j2.got())
	})
}

// TestBroadcastWhileSubscriptionsChange: each connection gets events only between
// its subscription and the end of it, in the order of one broadcaster.
func TestBroadcastWhileSubscriptionsChange(t *testing.T) {
	contexts := make(chan *actor.Context[roomState], 1)
	b := newBench(t, speaker(contexts))
	in := b.mustStart(t)
	callHTTP(in, "go", "{}")
	c := <-contexts
	const events = 500
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var sockets []*socket
	for i := range 8 {
		s := newSocket(fmt.Sprint("s", i), "/connect")
		sockets = append(sockets, s)
		r := in.Open(s)
		wg.Go(func() {
			for index := uint64(1); ; index++ {
				select {
				case <-stop:
					r.Closed(1000, "")
					return
				default:
				}
				if index%2 == 0 {
					r.Message(index, true, unsubscribe("said"))
				} else {
					r.Message(index, true, subscribe("said"))
				}
				r.Message(index, true, call(index, "go", "[]"))
				select { // what "go" hands over
				case <-contexts:
				case <-stop:
				}
			}
		})
	}
	for i := range events {
		if err := actor.Broadcast(c, said, any(i)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	drained := make(chan struct{})
	go func() {
		for {
			select {
			case <-contexts:
			case <-drained:
				return
			}
		}
	}()
	wg.Wait()
	b.stop(t, in, actor.Sleeping)
	close(drained)
	for _, s := range sockets {
		last := -1
		for _, line := range s.got() {
			var n int
			if _, err := fmt.Sscanf(line, `{"body":{"tag":"Event","val":{"args":[%d],`, &n); err != nil {
				continue
			}
			if n <= last {
				t.Fatalf("%s: event %d behind %d", s.id, n, last)
			}
			last = n
		}
	}
}

// TestErrors: what a caller is told of an error, over both ways.
func TestErrors(t *testing.T) {
	type loop struct{ Self *loop }
	elsewhere := &rivet.Error{Group: "user", Code: "elsewhere", Message: "of another actor"}
	tests := []struct {
		name string
		err  error
		want string // group to metadata, sorted; empty: masked
	}{
		{"user", actor.UserError("my code!", "no", map[string]any{"f": 1.5, "l": []any{1, nil, true}}), `"code":"my code!","group":"user","message":"no","metadata":{"f":1.5,"l":[1,null,true]}`},
		{"no code", actor.UserError("", "plain", nil), `"code":"user_error","group":"user","message":"plain"`},
		{"typed nil", actor.UserError("c", "", (*loop)(nil)), `"code":"c","group":"user","message":""`},
		{"metadata without a form", actor.UserError("c", "m", func() {}), `"code":"c","group":"user","message":"m"`},
		{"invalid UTF-8", actor.UserError("c\xff", "m\xff", nil), `"code":"c` + "\uFFFD" + `","group":"user","message":"m` + "\uFFFD" + `"`},
		{"wrapped", fmt.Errorf("secret: %w", actor.UserError("c", "m", nil)), `"code":"c","group":"user","message":"m"`},
		{"joined", errors.Join(errors.New("secret"), actor.UserError("c", "m", nil)), `"code":"c","group":"user","message":"m"`},
		{"plain", errors.New("secret"), ""},
		{"of another actor", elsewhere, ""},
		{"of another actor, wrapped", fmt.Errorf("call: %w", elsewhere), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, option := logged()
				b := newBench(t, actor.Define("fails", func(d *actor.Definition[roomState]) {
					actor.Do(d, rivet.Action[rivet.None, rivet.None]("fail"), func(*actor.Context[roomState], rivet.None) error { return tt.err })
				}), option)
				in := b.mustStart(t)
				defer b.stop(t, in, actor.Sleeping)
				want := tt.want
				if want == "" {
					want = `"code":"internal_error","group":"rivetkit","message":"An internal error occurred"`
				}
				const ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"},`
				if got := answer(callHTTP(in, "fail", "{}")); got != "500 {"+ref+want+"}" {
					t.Errorf("over HTTP: %s", got)
				}
				s := newSocket("s", "/connect")
				in.Open(s).Message(1, true, call(0, "fail", "[]"))
				synctest.Wait()
				equal(t, "over a connection", s.got(), gotInit, `{"body":{"tag":"Error","val":{"actionId":["$BigInt","0"],`+ref+want+`}}}`)
				if masked := strings.Contains(log.String(), tt.err.Error()); masked != (tt.want == "") {
					t.Errorf("the log has: %s", log)
				}
				if strings.Contains(s.id+fmt.Sprint(s.noted), "secret") {
					t.Error("the client got the secret")
				}
			})
		})
	}
}

// TestSecretsStayOutOfLogs: parameters and tokens are in no line, whatever goes
// wrong.
func TestSecretsStayOutOfLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2"
		log, option := logged()
		var n notes
		r := &rejection{hook: "OnConnect", err: errors.New("no")}
		b := newBench(t, guardedActor(&n, r), option)
		in := b.mustStart(t)
		ask := func() {
			for _, params := range []string{`{"name":"` + secret + `"}`, `{"name":{"` + secret + `":1}}`, `["` + secret + `"`, secret} {
				for _, path := range []string{"/action/hit", "/action/nope", "/request/x"} {
					serve(in, "POST", path, `{"args":["`+secret+`"]}`, "X-Rivet-Conn-Params", params, "Authorization", "Bearer "+secret, "X-Rivet-Token", secret)
				}
			}
			for _, params := range []string{"%22" + secret + "%22", secret, "%7B%22name%22%3A%22" + secret + "%22%7D"} {
				for _, path := range []string{"/connect", "/websocket", "/x"} {
					s := newSocket("s", path+"?rvt-token="+secret, "rivet_token."+secret, "rivet_conn_params."+params)
					rc := in.Open(s)
					rc.Message(1, true, []byte(secret))
					synctest.Wait()
					rc.Closed(1000, secret)
				}
			}
		}
		ask()
		r.hook = ""
		ask()
		b.stop(t, in, actor.Sleeping)
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a secret:\n%s", log)
		}
		if !strings.Contains(log.String(), "OnConnect") {
			t.Error("the log lacks what went wrong")
		}
	})
}

// TestOptionsThatAreNil: nil is no option, here as everywhere.
func TestOptionsThatAreNil(t *testing.T) {
	b := newBench(t, define(func(d *actor.Definition[S]) {
		on(d, "say", func(c sctx, n int) (int, error) { return n, actor.Broadcast(c, CountChanged, n, nil) }, nil)
	}, nil), nil)
	in := b.mustStart(t)
	defer b.stop(t, in, actor.Sleeping)
	want(t, ask(in, "say", 1), "1")
}
