package ws_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/rivet-go/rivet/internal/ws"
)

// written records each Write.
type written [][]byte

func (w *written) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

func TestWriterGathersIntoOneWrite(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 70000)
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			var sink written
			w := ws.NewWriter(&sink, role)
			appendAll(t,
				w.Append(ws.OpText, []byte("grün")),
				w.Append(ws.OpBinary, []byte("a"), nil, []byte("bc")),
				w.Append(ws.OpBinary),
				w.Append(ws.OpPing, []byte("p")),
				w.Append(ws.OpBinary, big[:125]),
				w.Append(ws.OpBinary, big[:126]),
				w.Append(ws.OpBinary, big[:65535]),
				w.Append(ws.OpBinary, big[:100], big[100:]),
				w.AppendClose(ws.CloseNormal, "bye"),
			)
			size := w.Buffered()
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if len(sink) != 1 || len(sink[0]) != size || w.Buffered() != 0 {
				t.Fatalf("%d writes, %d bytes buffered, %d still", len(sink), size, w.Buffered())
			}
			if err := w.Flush(); err != nil || len(sink) != 1 {
				t.Fatalf("flush of nothing: %d writes, %v", len(sink), err)
			}
			peer := ws.Server
			if role == ws.Server {
				peer = ws.Client
			}
			want := got{[]message{
				{ws.OpText, "grün"}, {ws.OpBinary, "abc"}, {ws.OpBinary, ""}, {ws.OpPing, "p"},
				{ws.OpBinary, string(big[:125])}, {ws.OpBinary, string(big[:126])},
				{ws.OpBinary, string(big[:65535])}, {ws.OpBinary, string(big)},
				{ws.OpClose, "\x03\xe8bye"},
			}, io.EOF.Error()}
			if g := reference(sink[0], peer, 1<<20); !reflect.DeepEqual(g, want) {
				t.Errorf("gobwas reads %.300v", g)
			}
		})
	}
}

func appendAll(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWriterLeavesCallersBytesAlone(t *testing.T) {
	p := []byte("must not be masked in place")
	w := ws.NewWriter(io.Discard, ws.Client)
	appendAll(t, w.Append(ws.OpBinary, p), w.Flush())
	if string(p) != "must not be masked in place" {
		t.Fatalf("payload is %q now", p)
	}
}

func TestWriterMasksDiffer(t *testing.T) {
	seen := map[[4]byte]int{}
	for range 10 {
		var sink written
		w := ws.NewWriter(&sink, ws.Client)
		for range 100 {
			appendAll(t, w.Append(ws.OpPing))
		}
		appendAll(t, w.Flush())
		for src := bytes.NewReader(sink[0]); src.Len() > 0; {
			h, err := gobwas.ReadHeader(src)
			if err != nil || !h.Masked {
				t.Fatalf("%+v, %v", h, err)
			}
			seen[h.Mask]++
		}
	}
	// A thousand draws from 2³² meet once in 8,600 runs, thrice never.
	if len(seen) < 998 {
		t.Errorf("%d masks in 1000 frames", len(seen))
	}
}

func TestWriterRefuses(t *testing.T) {
	w := ws.NewWriter(io.Discard, ws.Client)
	for name, err := range map[string]error{
		"long ping":        w.Append(ws.OpPing, make([]byte, 100), make([]byte, 26)),
		"continuation":     w.Append(ws.Op(0), nil),
		"reserved opcode":  w.Append(ws.Op(3), nil),
		"opcode with bits": w.Append(ws.Op(0x42), nil),
		"code 1006":        w.AppendClose(1006, ""),
		"code 999":         w.AppendClose(999, ""),
		"shared frames":    w.AppendFrames([]byte{0x82, 0}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if w.Buffered() != 0 {
		t.Errorf("%d bytes of refused frames are buffered", w.Buffered())
	}
	appendAll(t, w.Append(ws.OpPing, make([]byte, 125)), w.Flush())
}

func TestWriterFailsForGood(t *testing.T) {
	broken := errors.New("broken")
	for name, dst := range map[string]io.Writer{
		"error":       writeFunc(func(p []byte) (int, error) { return 1, broken }),
		"short write": writeFunc(func(p []byte) (int, error) { return len(p) - 1, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			w := ws.NewWriter(dst, ws.Server)
			appendAll(t, w.Append(ws.OpText, []byte("x")))
			err := w.Flush()
			if !errors.Is(err, broken) && !errors.Is(err, io.ErrShortWrite) {
				t.Fatalf("got %v", err)
			}
			for _, again := range []error{w.Flush(), w.Append(ws.OpText), w.AppendClose(1000, ""), w.AppendFrames(nil)} {
				if again != err {
					t.Errorf("got %v, want %v", again, err)
				}
			}
			if w.Buffered() != 0 {
				t.Errorf("%d bytes still buffered", w.Buffered())
			}
		})
	}
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func TestAppendFrames(t *testing.T) {
	frames, err := ws.AppendFrame(nil, ws.OpBinary, []byte("a"), []byte("b"))
	if err != nil {
		t.Fatal(err)
	}
	if frames, err = ws.AppendFrame(frames, ws.OpText, make([]byte, 70000)); err != nil {
		t.Fatal(err)
	}
	if same, err := ws.AppendFrame(frames, ws.OpPong, make([]byte, 126)); err == nil || len(same) != len(frames) {
		t.Errorf("long pong: %d bytes more, %v", len(same)-len(frames), err)
	}
	var sink written
	w := ws.NewWriter(&sink, ws.Server)
	appendAll(t, w.Append(ws.OpPing), w.AppendFrames(frames), w.Append(ws.OpPong), w.Flush())
	want := got{[]message{{ws.OpPing, ""}, {ws.OpBinary, "ab"}, {ws.OpText, string(make([]byte, 70000))}, {ws.OpPong, ""}}, "EOF"}
	if g := reference(sink[0], ws.Client, 1<<20); !reflect.DeepEqual(g, want) {
		t.Errorf("gobwas reads %.300v", g)
	}
}

func TestClose(t *testing.T) {
	tests := []struct {
		name   string
		code   uint16
		reason string
		want   string // payload on the wire
	}{
		{"no code", 0, "ignored", ""},
		{"no status", ws.CloseNoStatus, "ignored", ""},
		{"normal", 1000, "", "\x03\xe8"},
		{"reason", 1011, "actor.not_found", "\x03\xf3actor.not_found"},
		{"application", 4001, "custom", "\x0f\xa1custom"},
		{"bad gateway", 1014, "", "\x03\xf6"},
		{"just fits", 1000, strings.Repeat("x", 123), "\x03\xe8" + strings.Repeat("x", 123)},
		{"cut", 1000, strings.Repeat("x", 10_000), "\x03\xe8" + strings.Repeat("x", 123)},
		{"cut between runes", 1000, "x" + strings.Repeat("ü", 100), "\x03\xe8x" + strings.Repeat("ü", 61)},
		{"cut before a long rune", 1000, strings.Repeat("x", 121) + "😀", "\x03\xe8" + strings.Repeat("x", 121)},
		{"not UTF-8", 1000, "a\xffb", "\x03\xe8a\uFFFDb"},
		{"not UTF-8 and long", 1000, strings.Repeat("\xffx", 80), "\x03\xe8" + strings.Repeat("\uFFFDx", 30) + "\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sink written
			w := ws.NewWriter(&sink, ws.Server)
			appendAll(t, w.AppendClose(tt.code, tt.reason), w.Flush())
			if got, want := sink[0], (frame{op: 8, payload: tt.want}).bytes(); !bytes.Equal(got, want) {
				t.Fatalf("sent %q, want %q", got, want)
			}
			code, reason, err := ws.ParseClose(sink[0][2:])
			if err != nil || !utf8.ValidString(reason) {
				t.Fatalf("ParseClose: %q, %v", reason, err)
			}
			wantCode := tt.code
			if tt.want == "" {
				wantCode = ws.CloseNoStatus
			}
			if code != wantCode {
				t.Errorf("code %d, want %d", code, wantCode)
			}
		})
	}
}

func TestParseCloseHostile(t *testing.T) {
	tests := []struct {
		payload string
		code    uint16
		reason  string
		answer  uint16
	}{
		{"\x03", ws.CloseNoStatus, "", 1002},
		{"\x00\x00", 0, "", 1002},
		{"\x03\xe7no", 999, "no", 1002},
		{"\x03\xec", 1004, "", 1002},
		{"\x03\xed", 1005, "", 1002},
		{"\x03\xee", 1006, "", 1002},
		{"\x03\xf7", 1015, "", 1002},
		{"\x07\xd0", 2000, "", 1002},
		{"\x0b\xb7", 2999, "", 1002},
		{"\x13\x88", 5000, "", 1002},
		{"\xff\xff", 65535, "", 1002},
		{"\x03\xe8a\xff", 1000, "a\uFFFD", 1007},
	}
	for _, tt := range tests {
		code, reason, err := ws.ParseClose([]byte(tt.payload))
		var pe *ws.ProtocolError
		if !errors.As(err, &pe) || pe.Code != tt.answer || code != tt.code || reason != tt.reason {
			t.Errorf("%q: %d, %q, %v", tt.payload, code, reason, err)
		}
	}
}

func appendAllB(t *testing.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// TestRoundTrip sends messages both ways at once over a pipe and over TCP.
func TestRoundTrip(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (a, b net.Conn){"pipe": pipe, "tcp": loopback} {
		t.Run(name, func(t *testing.T) {
			client, server := open(t)
			defer client.Close()
			defer server.Close()
			const rounds = 300
			errs := make(chan error, 4)
			for role, c := range map[ws.Role]net.Conn{ws.Client: client, ws.Server: server} {
				go func() {
					w := ws.NewWriter(c, role)
					var err error
					for i := 0; i < rounds && err == nil; i++ {
						err = errors.Join(w.Append(ws.OpBinary, payload(i)), w.Append(ws.OpPing, payload(i%126)))
						if i%7 == 0 || w.Buffered() > 1<<16 {
							err = errors.Join(err, w.Flush())
						}
					}
					errs <- errors.Join(err, w.Flush())
				}()
				go func() {
					r := ws.NewReader(c, nil, ws.ReaderConfig{Role: role})
					for i := range rounds {
						for _, want := range []message{{ws.OpBinary, string(payload(i))}, {ws.OpPing, string(payload(i % 126))}} {
							m, err := r.Next()
							if err != nil {
								errs <- err
								return
							}
							if m.Op != want.op || string(m.Payload) != want.payload {
								errs <- errors.New("a message arrived changed")
								return
							}
						}
					}
					errs <- nil
				}()
			}
			for range 4 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// payload is i·i bytes, so that all kinds of lengths occur.
func payload(i int) []byte {
	if i < 126 {
		return bytes.Repeat([]byte{byte(i)}, i)
	}
	return bytes.Repeat([]byte{byte(i)}, i*i)
}

func pipe(*testing.T) (a, b net.Conn) { return net.Pipe() }

func loopback(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}
