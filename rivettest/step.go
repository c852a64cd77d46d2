package rivettest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Pass lets one attempt or request succeed.
func Pass() Step { return Step{name: "pass", kinds: forBoth} }

// Refuse refuses n attempts as if nobody listened. Attempts through
// [Gateway.Dial] fail at once and never reach the network; a client that dials
// by itself is accepted and reset when its handshake arrives. Use
// [Gateway.Down] to refuse everything.
func Refuse(n int) Step {
	return Step{name: "refuse", kinds: forSocket, refuse: true, times: n}
}

// HangDial never completes the connection: a dial through [Gateway.Dial] waits
// until its context ends. A client that dials by itself gets [Hang].
func HangDial() Step {
	return Step{name: "hang dial", kinds: forSocket, hangDial: true, hang: true}
}

// Reset drops the TCP connection as soon as the request or handshake has
// arrived; the actor never sees it.
func Reset() Step { return Step{name: "reset", kinds: forBoth, reset: true} }

// Hang takes the request or handshake and never answers, until the client
// gives up.
func Hang() Step { return Step{name: "hang", kinds: forBoth, hang: true} }

// Delay waits before an attempt or request is handled as usual.
func Delay(d time.Duration) Step {
	return Step{name: fmt.Sprintf("delay %v", d), kinds: forBoth, delay: d}
}

// Status answers with an HTTP status; body is announced as JSON when it
// begins with a brace, and as HTML otherwise, as proxies do. The actor never
// sees the request.
func Status(status int, body string) Step {
	contentType := "text/html; charset=utf-8"
	if strings.HasPrefix(body, "{") {
		contentType = "application/json"
	}
	return Answer(status, contentType, []byte(body))
}

// Answer answers with an HTTP status, content type (left out when empty) and
// body. The actor never sees the request.
func Answer(status int, contentType string, body []byte) Step {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return Step{name: fmt.Sprintf("status %d", status), kinds: forBoth,
		answer: &answer{status: status, header: h, body: body}}
}

// Redirect answers with a redirect, such as 307, to a location.
func Redirect(status int, location string) Step {
	return Step{name: fmt.Sprintf("redirect %d", status), kinds: forBoth,
		answer: &answer{status: status, header: http.Header{"Location": {location}}}}
}

// Fail fails one attempt or request with an error as the actor or gateway
// would send it: in the encoding of the request; on a WebSocket by an Error
// message and a close with 1011, or by the close alone for an error of the
// gateway. See [Error] and [UserError].
func Fail(err error) Step { return Step{name: "fail", kinds: forBoth, err: err} }

// Run has the actor execute the request and then answers as step says, so that
// the client cannot know that it ran.
func Run(step Step) Step {
	step.name, step.run, step.kinds = "run, then "+step.name, true, step.kinds&forHTTP
	return step
}

// CutBody executes the request, announces the whole answer, and drops the
// connection in the middle of its body.
func CutBody() Step { return Step{name: "cut body", kinds: forHTTP, cut: true} }

// Handshake upgrades the connection with a response that change has altered:
// a wrong Sec-WebSocket-Accept, another subprotocol, an extension nobody
// offered.
func Handshake(change func(http.Header)) Step {
	return Step{name: "handshake", kinds: forSocket, handshake: change}
}

// NoInit upgrades the connection and never sends Init.
func NoInit() Step { return Step{name: "no init", kinds: forSocket, noInit: true} }

// LateInit sends Init only after d.
func LateInit(d time.Duration) Step {
	return Step{name: fmt.Sprintf("init after %v", d), kinds: forSocket, noInit: true, after: func(c *Conn) {
		if c.sleep(d) {
			c.SendInit()
		}
	}}
}

// DuplicateInit sends Init twice.
func DuplicateInit() Step { return OnOpen("duplicate init", func(c *Conn) { c.SendInit() }) }

// DropBeforeInit upgrades and closes the TCP connection without a close frame.
func DropBeforeInit() Step {
	return Step{name: "drop before init", kinds: forSocket, noInit: true, after: (*Conn).HangUp}
}

// DropAfterInit sends Init and closes the TCP connection without a close
// frame.
func DropAfterInit() Step { return OnOpen("drop after init", flushed((*Conn).HangUp)) }

// DropMidFrame sends Init, then half of a frame, and closes the connection.
func DropMidFrame() Step {
	return OnOpen("drop in a frame", flushed(func(c *Conn) {
		c.SendRaw(appendFrame(nil, true, OpBinary, make([]byte, 100))[:50])
		flushed((*Conn).HangUp)(c)
	}))
}

// HalfOpen sends Init and then falls silent: nothing is read, answered or
// sent, pings included, while TCP stays up. See [Conn.Resume].
func HalfOpen() Step {
	step := OnOpen("half-open", flushed((*Conn).PauseWrites))
	step.before = (*Conn).PauseReads
	return step
}

// CloseBeforeInit upgrades and closes with code and reason, as the gateway
// reports most problems.
func CloseBeforeInit(code int, reason string) Step {
	return Step{name: fmt.Sprintf("close %d before init", code), kinds: forSocket, noInit: true,
		after: func(c *Conn) { c.Close(code, reason) }}
}

// CloseAfterInit sends Init and closes with code and reason.
func CloseAfterInit(code int, reason string) Step {
	return OnOpen(fmt.Sprintf("close %d after init", code), func(c *Conn) { c.Close(code, reason) })
}

// Garbage sends Init and then a message that nobody can decode.
func Garbage(payload []byte) Step {
	return OnOpen("garbage", func(c *Conn) { c.SendMessage(payload) })
}

// Oversize sends Init and then the header of a message that announces size
// bytes, and never sends them.
func Oversize(size uint64) Step {
	return OnOpen("oversize", func(c *Conn) { c.SendRaw(appendFrameHeader(nil, true, c.opcode(), size)) })
}

// Fragments sends every message of the connection in frames of at most size
// bytes.
func Fragments(size int) Step {
	return onAccept("fragments", func(c *Conn) { c.set(func() { c.fragment = size }) })
}

// Latency delays everything the connection sends by d, in order.
func Latency(d time.Duration) Step {
	return onAccept(fmt.Sprintf("latency %v", d), func(c *Conn) { c.SetLatency(d) })
}

// SlowReads reads at most one message of the client every d.
func SlowReads(d time.Duration) Step {
	return onAccept("slow reads", func(c *Conn) { c.set(func() { c.readEvery = d }) })
}

// Reorder holds replies to calls back until there are n and sends them in
// reverse order.
func Reorder(n int) Step {
	return onAccept("reorder replies", func(c *Conn) { c.set(func() { c.reorder = n }) })
}

// DuplicateReplies sends every reply twice.
func DuplicateReplies() Step {
	return onAccept("duplicate replies", func(c *Conn) { c.set(func() { c.duplicate = true }) })
}

// UnknownReplies sends, before each reply, one for an id nobody asked for.
func UnknownReplies() Step {
	return onAccept("unknown replies", func(c *Conn) { c.set(func() { c.unknown = true }) })
}

// Unanswered executes calls and never replies to them.
func Unanswered() Step {
	return onAccept("unanswered", func(c *Conn) { c.set(func() { c.mute = true }) })
}

// LoseSubscriptions takes no notice of the connection's first n subscriptions,
// as the engine does now and then when one wakes an actor.
func LoseSubscriptions(n int) Step {
	return onAccept("lose subscriptions", func(c *Conn) { c.set(func() { c.loseSubscriptions = n }) })
}

// NoPongs leaves the client's pings without an answer.
func NoPongs() Step {
	return onAccept("no pongs", func(c *Conn) { c.set(func() { c.noPongs = true }) })
}

// OnOpen calls f, on a goroutine of the gateway, when Init has been queued.
// The name appears among the attempts.
func OnOpen(name string, f func(*Conn)) Step {
	return Step{name: name, kinds: forSocket, after: f}
}

func onAccept(name string, f func(*Conn)) Step {
	return Step{name: name, kinds: forSocket, before: f}
}

// flushed calls f once everything queued was written.
func flushed(f func(*Conn)) func(*Conn) {
	return func(c *Conn) {
		if c.Flush(c.gw.ctx) == nil {
			f(c)
		}
	}
}
