package actor

import (
	"sync"

	"github.com/rivet-go/rivet/internal/ws"
)

// A Frame is a message to clients. One Frame goes to all connections that are
// to have it, and is not changed any more; it is safe for concurrent use.
type Frame struct {
	text bool
	data []byte

	once sync.Once
	wire []byte
}

// NewFrame returns a Frame of data, which it keeps.
func NewFrame(text bool, data []byte) *Frame { return &Frame{text: text, data: data} }

// Text reports whether it is a text message.
func (f *Frame) Text() bool { return f.text }

// Data is the payload, which must not be changed.
func (f *Frame) Data() []byte { return f.data }

// Wire is the message as a server's WebSocket frame, header included, made once
// for everybody. It must not be changed.
func (f *Frame) Wire() []byte {
	f.once.Do(func() {
		op := ws.OpBinary
		if f.text {
			op = ws.OpText
		}
		// It fails for control frames only.
		f.wire, _ = ws.AppendFrame(nil, op, f.data)
	})
	return f.wire
}
