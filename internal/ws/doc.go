// Package ws is the WebSocket layer of this module: the handshake of both
// sides, a frame reader that hands out payloads in place, and a writer that
// gathers frames into one write. It is a thin layer on the low-level part of
// github.com/gobwas/ws and the only package that imports it.
//
// gobwas' helpers answer pings and closes from the reading goroutine, with two
// writes a frame, which corrupts the stream beside a separate writer. Here the
// reader never writes: control frames come out of [Reader.Next] like messages
// and the caller's writer answers them.
//
// No extension is negotiated; permessage-deflate is never offered or accepted.
package ws

// Role is the side of a connection that we are. A client masks what it sends
// and refuses masked frames, a server the other way round.
type Role uint8

// The two roles.
const (
	Client Role = iota
	Server
)

// String returns "client" or "server".
func (r Role) String() string {
	if r == Server {
		return "server"
	}
	return "client"
}

// Op is the kind of a message.
type Op byte

// The kinds of messages, with their numbers on the wire (RFC 6455, 5.2).
const (
	OpText   Op = 0x1
	OpBinary Op = 0x2
	OpClose  Op = 0x8
	OpPing   Op = 0x9
	OpPong   Op = 0xa
)

// IsControl reports whether o is a close, a ping or a pong.
func (o Op) IsControl() bool { return o&0x8 != 0 }

// String returns the name in RFC 6455, or "unknown".
func (o Op) String() string {
	switch o {
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "unknown"
}

// Message is one message or control frame.
type Message struct {
	Op Op
	// Payload is unmasked and complete. It is valid, and may be changed, until
	// the next call of Next on the Reader that returned it.
	Payload []byte
}
