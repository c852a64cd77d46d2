package rivettest

import "github.com/rivet-go/rivet/codec"

// Emitter is what events can be sent from: a [Gateway], the actors of one
// name ([Actor]), one actor ([Instance]), one connection ([Conn]), and a
// [Request], which stands for its actor.
type Emitter interface {
	// Emit sends an event to the connections that have subscribed to it and
	// returns to how many. It does not wait for the network.
	Emit(event string, args ...any) int
}

// EmitRaw sends an event whose argument array is encoded already, args[enc] for
// each encoding, to every connection that has subscribed to it; connections in
// an encoding that is missing are left out. It returns to how many.
func (g *Gateway) EmitRaw(event string, args map[codec.Encoding][]byte) int {
	return g.broadcast(func(c *Conn) bool { _, ok := args[c.Encoding]; return ok }, event,
		func(enc codec.Encoding) ([]byte, error) { return args[enc], nil })
}

// argsOf returns the encoder of an argument array.
func argsOf(args []any) func(codec.Encoding) ([]byte, error) {
	return func(enc codec.Encoding) ([]byte, error) { return codec.AppendArgs(nil, enc, args) }
}

// broadcast sends an event to the open connections that match and have
// subscribed. The frame is made once for each encoding and shared.
func (g *Gateway) broadcast(match func(*Conn) bool, event string, encodeArgs func(codec.Encoding) ([]byte, error)) int {
	var messages [codec.JSON + 1]*message
	sent := 0
	for _, c := range *g.live.Load() {
		if match != nil && !match(c) || !c.Subscribed(event) {
			continue
		}
		m := messages[c.Encoding]
		if m == nil {
			args, err := encodeArgs(c.Encoding)
			if err != nil {
				g.tb.Errorf("rivettest: encode event %q: %v", event, err)
				return sent
			}
			m = newMessage(c.opcode(), g.server().AppendEvent(nil, c.Encoding, event, args))
			messages[c.Encoding] = m
		}
		if c.sendEvent(m) {
			sent++
		}
	}
	return sent
}

// message is a WebSocket message, framed once for all connections it goes to.
type message struct {
	op      Opcode
	payload []byte // aliases frame
	frame   []byte
}

func newMessage(op Opcode, payload []byte) *message {
	frame := appendFrame(make([]byte, 0, len(payload)+10), true, op, payload)
	return &message{op: op, payload: frame[len(frame)-len(payload):], frame: frame}
}
