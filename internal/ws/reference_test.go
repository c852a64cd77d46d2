package ws_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/rivet-go/rivet/internal/ws"
)

// frame is one frame as gobwas writes it, for building streams in tests.
type frame struct {
	op      byte
	more    bool // no FIN
	rsv     byte
	masked  bool
	payload string
}

func (f frame) bytes() []byte {
	h := gobwas.Header{
		Fin: !f.more, Rsv: f.rsv, OpCode: gobwas.OpCode(f.op),
		Masked: f.masked, Length: int64(len(f.payload)),
	}
	p := []byte(f.payload)
	if f.masked {
		h.Mask = [4]byte{1, 0x80, 0xff, 7}
		gobwas.Cipher(p, h.Mask, 0)
	}
	var b bytes.Buffer
	_ = gobwas.WriteHeader(&b, h)
	b.Write(p)
	return b.Bytes()
}

// stream is frames in a row, masked as the peer of role has to.
func stream(role ws.Role, frames ...frame) []byte {
	var b []byte
	for _, f := range frames {
		f.masked = role == ws.Server
		b = append(b, f.bytes()...)
	}
	return b
}

// got is what a reader made of a stream, in a form that can be compared.
type got struct {
	messages []message
	end      string
}

type message struct {
	op      ws.Op
	payload string
}

// drain reads until the end.
func drain(r *ws.Reader) got {
	var g got
	for {
		m, err := r.Next()
		if err != nil {
			g.end = endOf(err)
			return g
		}
		g.messages = append(g.messages, message{m.Op, string(m.Payload)})
	}
}

func endOf(err error) string {
	var pe *ws.ProtocolError
	switch {
	case errors.As(err, &pe):
		return string(binary.BigEndian.AppendUint16([]byte("protocol "), pe.Code))
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return err.Error()
	}
	return "other: " + err.Error()
}

func protocolEnd(code uint16) string { return endOf(&ws.ProtocolError{Code: code}) }

// reference reads a whole stream in the slow and obvious way with gobwas'
// functions.
func reference(data []byte, role ws.Role, limit int64) (g got) {
	state := gobwas.StateClientSide
	if role == ws.Server {
		state = gobwas.StateServerSide
	}
	src := bytes.NewReader(data)
	var msg []byte
	var op ws.Op
	for {
		begun := state.Fragmented()
		left := src.Len()
		h, err := gobwas.ReadHeader(src)
		switch {
		case err == io.EOF && left == 0 && !begun:
			g.end = io.EOF.Error()
			return g
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			g.end = io.ErrUnexpectedEOF.Error()
			return g
		case err != nil || gobwas.CheckHeader(h, state) != nil || left-src.Len() != gobwas.HeaderSize(h):
			g.end = protocolEnd(1002)
			return g
		}
		control := h.OpCode.IsControl()
		if !control && h.Length > limit-int64(len(msg)) {
			g.end = protocolEnd(1009)
			return g
		}
		if h.Length > int64(src.Len()) {
			g.end = io.ErrUnexpectedEOF.Error()
			return g
		}
		p := make([]byte, h.Length)
		_, _ = io.ReadFull(src, p)
		if h.Masked {
			gobwas.Cipher(p, h.Mask, 0)
		}
		if control {
			g.messages = append(g.messages, message{ws.Op(h.OpCode), string(p)})
			continue
		}
		if h.OpCode != gobwas.OpContinuation {
			op = ws.Op(h.OpCode)
		}
		msg = append(msg, p...)
		if !h.Fin {
			state = state.Set(gobwas.StateFragmented)
			continue
		}
		state = state.Clear(gobwas.StateFragmented)
		if op == ws.OpText && !utf8.Valid(msg) {
			g.end = protocolEnd(1007)
			return g
		}
		g.messages = append(g.messages, message{op, string(msg)})
		msg = msg[:0]
	}
}

// chunked returns data in reads of the given sizes, in turn; a size of zero is
// a read that returns nothing. With lastEOF the end comes beside the last
// bytes.
type chunked struct {
	data    []byte
	sizes   []byte
	reads   int
	lastEOF bool
}

func (c *chunked) Read(p []byte) (int, error) {
	n := len(p)
	if len(c.sizes) > 0 {
		n = int(c.sizes[c.reads%len(c.sizes)])
	}
	c.reads++
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n = copy(p[:min(n, len(p))], c.data)
	c.data = c.data[n:]
	if c.lastEOF && len(c.data) == 0 {
		return n, io.EOF
	}
	return n, nil
}
