package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/gobwas/ws"
)

// writeBuffers holds buffers of writers that have nothing to send, so that an
// idle connection has none.
var writeBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 512)
	return &b
}}

// maxPooledWrite is the largest buffer that goes back to writeBuffers.
const maxPooledWrite = 256 << 10

// Writer gathers frames and sends them in one write. It is not safe for
// concurrent use. A Writer with nothing buffered holds no buffer.
type Writer struct {
	dst  io.Writer
	buf  *[]byte // nil when nothing is buffered
	mask bool
	err  error
}

// NewWriter returns a Writer that sends frames to dst as role.
func NewWriter(dst io.Writer, role Role) *Writer {
	return &Writer{dst: dst, mask: role == Client}
}

// Append buffers one unfragmented message whose payload is parts in a row,
// copied. It does no I/O. It fails without buffering anything when op is not
// one of the constants, when a control frame would exceed 125 bytes, and after
// a failed Flush.
func (w *Writer) Append(op Op, parts ...[]byte) error {
	if w.err != nil {
		return w.err
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if err := checkFrame(op, size); err != nil {
		return err
	}
	b := w.begin(op, size)
	start := len(b)
	for _, p := range parts {
		b = append(b, p...)
	}
	w.end(b, start)
	return nil
}

// AppendClose buffers a close frame. The reason is cut to 123 bytes between
// two runes. Code zero or CloseNoStatus sends neither code nor reason; a code
// that must not be sent is an error.
func (w *Writer) AppendClose(code uint16, reason string) error {
	if w.err != nil {
		return w.err
	}
	if code == 0 || code == CloseNoStatus {
		return w.Append(OpClose)
	}
	if !validCloseCode(code) {
		return fmt.Errorf("ws: close code %d must not be sent", code)
	}
	reason = closeReason(reason)
	b := w.begin(OpClose, 2+len(reason))
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, code)
	b = append(b, reason...)
	w.end(b, start)
	return nil
}

// AppendFrames buffers frames that were built with [AppendFrame], for
// broadcasts that encode once. It is an error on a client, whose frames have a
// mask each.
func (w *Writer) AppendFrames(frames []byte) error {
	if w.err != nil {
		return w.err
	}
	if w.mask {
		return errors.New("ws: a client cannot send shared frames")
	}
	b := append(w.take(), frames...)
	*w.buf = b
	return nil
}

// Buffered returns the number of bytes that Flush would write.
func (w *Writer) Buffered() int {
	if w.buf == nil {
		return 0
	}
	return len(*w.buf)
}

// Flush sends everything buffered with one Write, which may block; with
// nothing buffered it does nothing. After an error, a part of a frame may have
// been sent: everything buffered is dropped and all further calls return that
// error.
func (w *Writer) Flush() error {
	if w.err != nil || w.buf == nil {
		return w.err
	}
	n, err := w.dst.Write(*w.buf)
	if err == nil && n < len(*w.buf) {
		err = io.ErrShortWrite
	}
	if cap(*w.buf) <= maxPooledWrite {
		*w.buf = (*w.buf)[:0]
		writeBuffers.Put(w.buf)
	}
	w.buf = nil
	if err != nil {
		w.err = fmt.Errorf("ws: write: %w", err)
	}
	return w.err
}

// take returns the buffered bytes, having taken a buffer if there was none.
func (w *Writer) take() []byte {
	if w.buf == nil {
		w.buf = writeBuffers.Get().(*[]byte)
	}
	return *w.buf
}

// begin appends the header of a frame and returns the buffer, to which size
// bytes of payload are to be appended before end.
func (w *Writer) begin(op Op, size int) []byte {
	b := appendHeader(w.take(), op, size)
	if w.mask {
		b[len(b)-headerLen(size)+1] |= 0x80
		// Masks have to be unpredictable for whoever chose the payload (RFC
		// 6455, 10.3): this is ChaCha8, which the runtime seeds from the system.
		b = binary.LittleEndian.AppendUint32(b, rand.Uint32())
	}
	return b
}

// end masks the payload that begins at start and keeps the buffer.
func (w *Writer) end(b []byte, start int) {
	if w.mask {
		ws.Cipher(b[start:], [4]byte(b[start-4:start]), 0)
	}
	*w.buf = b
}

// AppendFrame appends to dst one unfragmented, unmasked frame whose payload is
// parts in a row, and returns the extended slice: what a server sends. Many
// Writers may send it, see [Writer.AppendFrames].
func AppendFrame(dst []byte, op Op, parts ...[]byte) ([]byte, error) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if err := checkFrame(op, size); err != nil {
		return dst, err
	}
	dst = appendHeader(dst, op, size)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst, nil
}

func checkFrame(op Op, size int) error {
	switch op {
	case OpText, OpBinary:
		return nil
	case OpClose, OpPing, OpPong:
		if size > maxControlPayload {
			return fmt.Errorf("ws: %v frame of %d bytes, the limit is %d", op, size, maxControlPayload)
		}
		return nil
	}
	return fmt.Errorf("ws: cannot send opcode %d", byte(op))
}

func headerLen(size int) int {
	switch {
	case size < 126:
		return 2
	case size <= 0xffff:
		return 4
	}
	return 10
}

// appendHeader appends the header of an unmasked frame with FIN set.
func appendHeader(b []byte, op Op, size int) []byte {
	b = append(b, 0x80|byte(op))
	switch headerLen(size) {
	case 2:
		return append(b, byte(size))
	case 4:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}
