package rivettest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// FuzzFrameReader holds the gateway's frame reader against the library's: two
// readings of one standard, made apart.
func FuzzFrameReader(f *testing.F) {
	f.Add([]byte{0x82, 0x81, 1, 2, 3, 4, 5})
	f.Add([]byte{0x01, 0x81, 0, 0, 0, 0, 'a', 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, 'b'})
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 3, 0xE8})
	f.Add([]byte{0x82, 0xFE, 0, 126, 0, 0})
	f.Add([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0x81, 0, 0, 0, 0, 0xFF})
	f.Add([]byte{0x82, 1, 0})
	f.Add([]byte{0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		ours := frameReader{r: bufio.NewReader(bytes.NewReader(data))}
		theirs := ws.NewReader(bytes.NewReader(data), nil, ws.ReaderConfig{Role: ws.Server})
		for {
			op, payload, err := ours.next()
			m, wsErr := theirs.Next()
			var bad *frameError
			var protocol *ws.ProtocolError
			switch {
			case err == nil && wsErr == nil:
				if byte(op) != byte(m.Op) || !bytes.Equal(payload, m.Payload) {
					t.Fatalf("read %x % x, want %x % x", op, payload, m.Op, m.Payload)
				}
				continue
			case errors.As(err, &bad) && wsErr == nil && m.Op == ws.OpClose:
				return // ws leaves the body of a close frame to ParseClose
			case errors.As(err, &bad) && bad.reason == notMinimal:
				return // which ws lets pass
			case errors.As(err, &bad) && errors.As(wsErr, &protocol):
				// A frame may be too big and out of place; either may be told.
				if bad.code != int(protocol.Code) && bad.code != 1009 && protocol.Code != 1009 {
					t.Fatalf("%v, want %v", err, wsErr)
				}
			case errors.As(err, &bad) || errors.As(wsErr, &protocol):
				// One may see the violation where the other waits for bytes
				// that never come.
				if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(wsErr, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) && !errors.Is(wsErr, io.EOF) {
					t.Fatalf("%v, want %v", err, wsErr)
				}
			case (err == nil) != (wsErr == nil):
				t.Fatalf("%v, want %v", err, wsErr)
			}
			return
		}
	})
}

func TestFrames(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 0xFFFF, 0x10000} {
		payload := bytes.Repeat([]byte{7}, size)
		frame := appendFrame(nil, true, OpBinary, payload)
		r := ws.NewReader(bytes.NewReader(frame), nil, ws.ReaderConfig{Role: ws.Client})
		if m, err := r.Next(); err != nil || m.Op != ws.OpBinary || !bytes.Equal(m.Payload, payload) {
			t.Errorf("%d bytes: %v, %d bytes, %v", size, m.Op, len(m.Payload), err)
		}
		pieces := appendFragments(nil, OpBinary, payload, 100)
		r = ws.NewReader(bytes.NewReader(pieces), nil, ws.ReaderConfig{Role: ws.Client})
		if m, err := r.Next(); err != nil || !bytes.Equal(m.Payload, payload) {
			t.Errorf("%d bytes in fragments: %d bytes, %v", size, len(m.Payload), err)
		}
	}
}
