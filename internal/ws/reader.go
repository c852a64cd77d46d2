package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const (
	// smallBuffer is what an idle connection keeps, largeBuffer what it reads
	// into under load: with 64 KiB, large messages cost 0.6 times as much as
	// with 4 KiB. With 3 KiB an idle connection stays well below 24 in all.
	smallBuffer = 3 << 10
	largeBuffer = 64 << 10

	// quietReads is after how many reads in a row that the small buffer could
	// have held the large one is given back.
	quietReads = 4

	// maxEmptyReads is how many reads in a row may return nothing and no error.
	maxEmptyReads = 100

	// DefaultMaxMessage is the limit of a message in bytes when
	// ReaderConfig.MaxMessage is zero: 32 MiB, the limit of Rivet's gateway.
	DefaultMaxMessage = 32 << 20
)

// readBuffers holds the large buffers of readers that are not under load.
var readBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// ReaderConfig configures a Reader.
type ReaderConfig struct {
	// Role is who reads: a Client or a Server.
	Role Role
	// MaxMessage is the limit of a message in bytes, fragments together.
	// Zero or less means DefaultMaxMessage.
	MaxMessage int64
}

// Reader reads messages. It is for one goroutine. It never writes, and holds
// 3 KiB while the connection is quiet.
type Reader struct {
	src   io.Reader
	max   int64
	state ws.State
	mask  byte // mask bit in the second byte of a frame from the peer

	// buf[start:end] was read and not yet handed out.
	buf        []byte
	start, end int
	small      []byte             // smallBuffer bytes, made when first needed
	large      *[largeBuffer]byte // buf when under load, else nil
	full       bool               // the last read filled buf
	quiet      int                // reads in a row that small could have held

	// msg is a message that is being put together, from fragments or because
	// it is larger than the buffer, and after that the one handed out last.
	msg   []byte
	msgOp Op

	readErr error // what src returned beside bytes, due at the next read
	err     error // what ended the reader
}

// NewReader returns a Reader of the frames in early followed by those in src.
// early, which a handshake returned, is copied.
func NewReader(src io.Reader, early []byte, cfg ReaderConfig) *Reader {
	r := &Reader{src: src, max: cfg.MaxMessage, state: ws.StateClientSide}
	if r.max <= 0 {
		r.max = DefaultMaxMessage
	}
	if cfg.Role == Server {
		r.state = ws.StateServerSide
		r.mask = 0x80
	}
	if len(early) > 0 {
		r.buf = make([]byte, max(len(early), smallBuffer))
		r.end = copy(r.buf, early)
		if len(r.buf) == smallBuffer {
			r.small = r.buf
		}
	}
	return r
}

// Next returns the next message or control frame; control frames also come out
// between the fragments of a message. It blocks in a read of the connection
// unless [Reader.Buffered].
//
// The error is io.EOF when the stream ended between two messages,
// io.ErrUnexpectedEOF when it ended within one, a *ProtocolError for whatever
// RFC 6455 forbids (including text that is not UTF-8), a *TooLargeError for a
// message over the limit, and else what the connection returned. Errors are
// final: all further calls return the same one.
//
// The payload of a close frame is not checked here, see [ParseClose].
func (r *Reader) Next() (Message, error) {
	if r.err != nil {
		return Message{}, r.err
	}
	if len(r.msg) > 0 && !r.state.Fragmented() {
		r.msg = r.msg[:0]
		if cap(r.msg) > largeBuffer {
			r.msg = nil
		}
	}
	for {
		b := r.buf[r.start:r.end]
		size, length := frameAt(b)
		if size == 0 {
			if err := r.fill(); err != nil {
				return Message{}, r.fail(err)
			}
			continue
		}
		// By far the most frames are whole data messages: there is no rule of
		// CheckHeader that these bits could break.
		plain := (b[0] == 0x82 || b[0] == 0x81) && b[1]&0x80 == r.mask && !r.state.Fragmented()
		if !plain || length < 0 {
			if err := checkHeader(b, length, r.state); err != nil {
				return Message{}, r.fail(err)
			}
		}
		op := Op(b[0] & 0xf)
		if !op.IsControl() && length > r.max-int64(len(r.msg)) {
			return Message{}, r.fail(&TooLargeError{Limit: r.max, Size: int64(len(r.msg)) + min(length, 1<<62)})
		}
		if (plain || op.IsControl()) && length <= largeBuffer-int64(size) {
			n := size + int(length)
			if len(b) < n {
				if err := r.fill(); err != nil {
					return Message{}, r.fail(err)
				}
				continue
			}
			r.start += n
			p := b[size:n:n]
			if r.mask != 0 {
				ws.Cipher(p, [4]byte(b[size-4:size]), 0)
			}
			if op == OpText && !utf8.Valid(p) {
				return Message{}, r.fail(errNotUTF8())
			}
			return Message{op, p}, nil
		}

		fin := b[0]&0x80 != 0
		if op != 0 {
			r.msgOp = op
		}
		if err := r.collect(size, length); err != nil {
			return Message{}, r.fail(err)
		}
		if !fin {
			r.state = r.state.Set(ws.StateFragmented)
			continue
		}
		r.state = r.state.Clear(ws.StateFragmented)
		if r.msgOp == OpText && !utf8.Valid(r.msg) {
			return Message{}, r.fail(errNotUTF8())
		}
		return Message{r.msgOp, r.msg[:len(r.msg):len(r.msg)]}, nil
	}
}

// Buffered reports whether Next would return without reading from the
// connection. It costs about as much as parsing a header.
func (r *Reader) Buffered() bool {
	if r.err != nil {
		return true
	}
	fragmented := r.state.Fragmented()
	left := r.max
	if fragmented {
		left -= int64(len(r.msg))
	}
	for b := r.buf[r.start:r.end]; ; {
		size, length := frameAt(b)
		if size == 0 {
			return false
		}
		whole := length >= 0 && length <= int64(len(b)-size)
		if whole && b[0]&0x80 != 0 {
			return true // a message, or an error
		}
		state := r.state.Clear(ws.StateFragmented)
		if fragmented {
			state = state.Set(ws.StateFragmented)
		}
		if checkHeader(b, length, state) != nil || length > left && !Op(b[0]&0xf).IsControl() {
			return true
		}
		if !whole {
			return false
		}
		fragmented = true
		left -= length
		b = b[size+int(length):]
	}
}

// frameAt returns the size of the frame header at the beginning of b and the
// payload length in it. size is zero when b is too short; length is negative
// when the header's is over 63 bits or not in its shortest form, which RFC
// 6455, 5.2 forbids and gobwas lets pass.
func frameAt(b []byte) (size int, length int64) {
	if len(b) < 2 {
		return 0, 0
	}
	size = 2
	length = int64(b[1] & 0x7f)
	if length >= 126 {
		if length == 126 {
			size = 4
			if len(b) < size {
				return 0, 0
			}
			if length = int64(binary.BigEndian.Uint16(b[2:])); length < 126 {
				length = -1
			}
		} else {
			size = 10
			if len(b) < size {
				return 0, 0
			}
			if length = int64(binary.BigEndian.Uint64(b[2:])); length <= 0xffff {
				length = -1
			}
		}
	}
	if b[1]&0x80 != 0 {
		size += 4
		if len(b) < size {
			return 0, 0
		}
	}
	return size, length
}

// checkHeader applies gobwas' rules and that for lengths to the header at the beginning of b.
func checkHeader(b []byte, length int64, state ws.State) error {
	if length < 0 {
		return &ProtocolError{CloseProtocolError, "payload length over 63 bits or not in its shortest form"}
	}
	err := ws.CheckHeader(ws.Header{
		Fin:    b[0]&0x80 != 0,
		Rsv:    b[0] & 0x70 >> 4,
		OpCode: ws.OpCode(b[0] & 0xf),
		Masked: b[1]&0x80 != 0,
		Length: length,
	}, state)
	if err != nil {
		return &ProtocolError{CloseProtocolError, err.Error()}
	}
	return nil
}

func errNotUTF8() error {
	return &ProtocolError{CloseInvalidPayload, "text message is not UTF-8"}
}

// collect appends the payload of the frame at the start of the buffer to msg,
// reading what is missing. Memory grows with what has arrived, never by what
// the header announced.
func (r *Reader) collect(size int, length int64) error {
	header := r.buf[r.start : r.start+size]
	var mask [4]byte
	if r.mask != 0 {
		mask = [4]byte(header[size-4:])
	}
	r.start += size
	first := len(r.msg)
	for need := length; need > 0; {
		if b := r.buf[r.start:r.end]; len(b) > 0 {
			n := int(min(need, int64(len(b))))
			r.msg = append(r.msg, b[:n]...)
			r.start += n
			need -= int64(n)
			continue
		}
		if need < int64(len(r.buf)) {
			// The rest comes with the beginning of the next frame.
			if err := r.fill(); err != nil {
				return unexpected(err)
			}
			continue
		}
		if len(r.msg) == cap(r.msg) {
			r.msg = slices.Grow(r.msg, int(min(need, max(int64(len(r.msg)), smallBuffer))))
		}
		room := r.msg[len(r.msg):cap(r.msg)]
		n, err := r.read(room[:min(need, int64(len(room)))])
		if err != nil {
			return unexpected(err)
		}
		r.msg = r.msg[:len(r.msg)+n]
		need -= int64(n)
	}
	if r.mask != 0 {
		ws.Cipher(r.msg[first:], mask, 0)
	}
	return nil
}

// fill reads once into the buffer, behind the bytes that are left in it.
func (r *Reader) fill() error {
	left := r.end - r.start
	if buf := r.choose(left); &buf[0] != bufStart(r.buf) {
		copy(buf, r.buf[r.start:r.end])
		if r.large != nil && &buf[0] != &r.large[0] {
			readBuffers.Put(r.large)
			r.large = nil
		}
		r.buf = buf
	} else if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
	}
	r.start, r.end = 0, left

	n, err := r.read(r.buf[left:])
	if err != nil {
		if left > 0 || r.state.Fragmented() {
			return unexpected(err)
		}
		return err
	}
	r.end += n
	r.full = r.end == len(r.buf)
	if n > smallBuffer {
		r.quiet = 0
	} else if r.quiet < quietReads {
		r.quiet++
	}
	return nil
}

func bufStart(b []byte) *byte {
	if len(b) == 0 {
		return nil
	}
	return &b[0]
}

// choose returns the buffer for the next read, with room behind left bytes.
func (r *Reader) choose(left int) []byte {
	switch {
	case r.large != nil:
		if left < smallBuffer && r.quiet == quietReads {
			break
		}
		return r.buf
	case r.full || left == len(r.buf) && left > 0:
		r.quiet = 0
		r.large = readBuffers.Get().(*[largeBuffer]byte)
		return r.large[:]
	case left >= smallBuffer:
		return r.buf
	}
	if r.small == nil {
		r.small = make([]byte, smallBuffer)
	}
	return r.small
}

// read reads at least one byte from the connection.
func (r *Reader) read(p []byte) (int, error) {
	if r.readErr != nil {
		return 0, r.readErr
	}
	for range maxEmptyReads {
		n, err := r.src.Read(p)
		if n > 0 {
			r.readErr = err
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// fail ends the reader and gives back its buffers.
func (r *Reader) fail(err error) error {
	var pe *ProtocolError
	if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.As(err, &pe) {
		err = fmt.Errorf("ws: read: %w", err)
	}
	r.err = err
	if r.large != nil {
		readBuffers.Put(r.large)
	}
	r.buf, r.small, r.large, r.msg = nil, nil, nil, nil
	r.start, r.end = 0, 0
	return err
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
