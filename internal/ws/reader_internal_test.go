package ws

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzFrameAt compares the header parser with gobwas', which alone takes
// lengths that are longer than they need be.
func FuzzFrameAt(f *testing.F) {
	for _, b := range [][]byte{
		nil, {0x82}, {0x82, 5}, {0x82, 0x85, 1, 2, 3, 4}, {0x82, 126, 1}, {0x82, 126, 1, 2}, {0x82, 254, 1, 2, 3, 4, 5, 6},
		{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, {0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0}, {0x82, 255, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4},
		{0x82, 126, 0, 125}, {0x82, 254, 0, 126, 1, 2, 3, 4}, {0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, {0x82, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src := bytes.NewReader(b)
		h, err := ws.ReadHeader(src)
		size, length := frameAt(b)
		switch err {
		case nil:
			want := h.Length
			if used := len(b) - src.Len(); used != ws.HeaderSize(h) {
				want = -1
			}
			if used := len(b) - src.Len(); size != used || length != want {
				t.Fatalf("size %d, length %d; gobwas: %d, %d", size, length, used, h.Length)
			}
			if h.Masked && [4]byte(b[size-4:size]) != h.Mask {
				t.Fatalf("mask %x is not the last of the header %x", h.Mask, b[:size])
			}
		case io.EOF, io.ErrUnexpectedEOF:
			if size != 0 {
				t.Fatalf("size %d of a header that is cut", size)
			}
		default:
			if size == 0 || length >= 0 {
				t.Fatalf("size %d, length %d; gobwas: %v", size, length, err)
			}
		}
	})
}

// held is the memory that a reader keeps.
func held(r *Reader) int {
	n := cap(r.small) + cap(r.msg)
	if r.large != nil {
		n += len(r.large)
	} else if len(r.buf) > 0 && (len(r.small) == 0 || &r.buf[0] != &r.small[0]) {
		n += cap(r.buf)
	}
	return n
}

// TestReaderGivesMemoryBack sends a burst that takes the large buffer and a
// message that does not fit even that, and then single small frames, as pongs
// on an idle connection are.
func TestReaderGivesMemoryBack(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	r := NewReader(client, nil, ReaderConfig{Role: Client})
	w := NewWriter(server, Server)
	if n := held(r); n != 0 {
		t.Errorf("a reader that has not read holds %d bytes", n)
	}

	small := make([]byte, 100)
	frames := make(chan int)
	done := make(chan error, 1)
	go func() {
		defer server.Close()
		for size := range frames {
			n := 1
			if size == len(small) {
				n = 10_000
			}
			for range n {
				if err := w.Append(OpBinary, make([]byte, size)); err != nil {
					done <- err
					return
				}
			}
			if err := w.Flush(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	next := func(want int) {
		t.Helper()
		m, err := r.Next()
		if err != nil || len(m.Payload) != want {
			t.Fatalf("%d bytes, %v", len(m.Payload), err)
		}
	}

	frames <- len(small)
	for range 10_000 {
		next(len(small))
	}
	if r.large == nil {
		t.Error("a burst did not take the large buffer")
	}
	frames <- 1 << 20
	next(1 << 20)
	for range 10 {
		frames <- 1
		next(1)
	}
	if n := held(r); n > smallBuffer {
		t.Errorf("a quiet reader holds %d bytes, want at most %d", n, smallBuffer)
	}
	close(frames)
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("got %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := held(r); n != 0 {
		t.Errorf("a reader that has ended holds %d bytes", n)
	}
}

// TestReaderDoesNotTrustLengths announces 32 MiB and sends little of it.
func TestReaderDoesNotTrustLengths(t *testing.T) {
	for _, sent := range []int{0, 1, 5000, 100_000} {
		data := append([]byte{0x82, 127, 0, 0, 0, 0, 2, 0, 0, 0}, make([]byte, sent)...)
		src := &stalled{data: data}
		r := NewReader(src, nil, ReaderConfig{Role: Client})
		src.check = func() {
			if n, most := held(r), largeBuffer+smallBuffer+3*(sent+smallBuffer); n > most {
				t.Errorf("%d bytes of 32 MiB sent: reader holds %d, want at most %d", sent, n, most)
			}
		}
		if _, err := r.Next(); err != io.ErrUnexpectedEOF {
			t.Errorf("got %v", err)
		}
	}
}

// stalled calls check when data has come to its end, before it says so.
type stalled struct {
	data  []byte
	check func()
}

func (s *stalled) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		s.check()
		return 0, io.EOF
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}
