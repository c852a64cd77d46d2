package rivettest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Opcode is the kind of a WebSocket frame (RFC 6455, section 5.2).
type Opcode byte

// The opcodes of WebSocket frames.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

func (op Opcode) control() bool { return op&8 != 0 }

const notMinimal = "length not in its shortest form"

// maxFrame is the largest WebSocket message that Rivet's gateway takes.
const maxFrame = 32 << 20

// appendFrame appends an unmasked frame, as servers send it.
//
// The gateway writes and reads frames by itself instead of sharing the
// client's code, so that a mistake there cannot cancel itself out in a test.
func appendFrame(dst []byte, fin bool, op Opcode, payload []byte) []byte {
	return append(appendFrameHeader(dst, fin, op, uint64(len(payload))), payload...)
}

func appendFrameHeader(dst []byte, fin bool, op Opcode, size uint64) []byte {
	first := byte(op)
	if fin {
		first |= 0x80
	}
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, 127), size)
}

// appendFragments appends a message in frames of at most size bytes.
func appendFragments(dst []byte, op Opcode, payload []byte, size int) []byte {
	for len(payload) > size {
		dst = appendFrame(dst, false, op, payload[:size])
		op, payload = OpContinuation, payload[size:]
	}
	return appendFrame(dst, true, op, payload)
}

// closeBody is the payload of a close frame; 1005 and 1006 stand for none.
func closeBody(code int, reason string) []byte {
	if code == 1005 || code == 1006 || code == 0 {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// frameError is a violation of RFC 6455 by the client.
type frameError struct {
	code   int
	reason string
}

func (e *frameError) Error() string {
	return fmt.Sprintf("client violates the WebSocket protocol: %s", e.reason)
}

// frameReader reads a client's messages strictly: whatever RFC 6455 forbids a
// client is a *frameError.
type frameReader struct {
	r       *bufio.Reader
	op      Opcode // of the message whose fragments are under way, 0 if none
	partial []byte
}

// next returns the next control frame or complete message. The payload is the
// caller's to keep.
func (f *frameReader) next() (Opcode, []byte, error) {
	for {
		fin, op, payload, err := f.frame()
		if err != nil {
			return 0, nil, err
		}
		if op.control() {
			return op, payload, nil
		}
		if op == OpContinuation {
			if f.op == 0 {
				return 0, nil, &frameError{1002, "continuation of nothing"}
			}
			if len(f.partial)+len(payload) > maxFrame {
				return 0, nil, &frameError{1009, "message too big"}
			}
			payload, op = append(f.partial, payload...), f.op
		} else if f.op != 0 {
			return 0, nil, &frameError{1002, "new message inside a fragmented one"}
		}
		if !fin {
			f.op, f.partial = op, payload
			continue
		}
		f.op, f.partial = 0, nil
		if op == OpText && !utf8.Valid(payload) {
			return 0, nil, &frameError{1007, "text is not UTF-8"}
		}
		return op, payload, nil
	}
}

func (f *frameReader) frame() (fin bool, op Opcode, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(f.r, head[:2]); err != nil {
		return false, 0, nil, err
	}
	fin, op = head[0]&0x80 != 0, Opcode(head[0]&0x0F)
	size := uint64(head[1] & 0x7F)
	switch {
	case head[0]&0x70 != 0:
		return false, 0, nil, &frameError{1002, "reserved bits set"}
	case head[1]&0x80 == 0:
		return false, 0, nil, &frameError{1002, "frame not masked"}
	case op > OpBinary && op < OpClose || op > OpPong:
		return false, 0, nil, &frameError{1002, "reserved opcode"}
	case op.control() && (!fin || size > 125):
		return false, 0, nil, &frameError{1002, "control frame fragmented or over 125 bytes"}
	}
	extra := 0
	switch size {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	if _, err := io.ReadFull(f.r, head[2:2+extra+4]); err != nil {
		return false, 0, nil, cut(err)
	}
	switch extra {
	case 2:
		if size = uint64(binary.BigEndian.Uint16(head[2:])); size < 126 {
			return false, 0, nil, &frameError{1002, notMinimal}
		}
	case 8:
		if size = binary.BigEndian.Uint64(head[2:]); size <= 0xFFFF {
			return false, 0, nil, &frameError{1002, notMinimal}
		} else if size>>63 != 0 {
			return false, 0, nil, &frameError{1002, "length over 63 bits"}
		}
	}
	if size > maxFrame {
		return false, 0, nil, &frameError{1009, "frame too big"}
	}
	mask := [4]byte(head[2+extra:])
	payload = make([]byte, size)
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return false, 0, nil, cut(err)
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	if op == OpClose {
		switch {
		case size == 1:
			return false, 0, nil, &frameError{1002, "close frame of one byte"}
		case size > 2 && !utf8.Valid(payload[2:]):
			return false, 0, nil, &frameError{1007, "close reason is not UTF-8"}
		}
	}
	return fin, op, payload, nil
}

// cut turns the end of the stream inside a frame into what it is.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
