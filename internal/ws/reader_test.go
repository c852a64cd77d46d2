package ws_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rivet-go/rivet/internal/ws"
)

var roles = []ws.Role{ws.Client, ws.Server}

func TestReaderMessages(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<14) // 256 KiB
	tests := []struct {
		name   string
		frames []frame
		want   []message
	}{
		{"nothing", nil, nil},
		{"binary", []frame{{op: 2, payload: "\x00\xff"}}, []message{{ws.OpBinary, "\x00\xff"}}},
		{"text", []frame{{op: 1, payload: "grün"}}, []message{{ws.OpText, "grün"}}},
		{"empty", []frame{{op: 1}, {op: 2}}, []message{{ws.OpText, ""}, {ws.OpBinary, ""}}},
		{"in a row", []frame{{op: 2, payload: "a"}, {op: 2, payload: "bc"}, {op: 1, payload: "d"}},
			[]message{{ws.OpBinary, "a"}, {ws.OpBinary, "bc"}, {ws.OpText, "d"}}},
		{"16 bit length", []frame{{op: 2, payload: big[:126]}, {op: 2, payload: big[:65535]}},
			[]message{{ws.OpBinary, big[:126]}, {ws.OpBinary, big[:65535]}}},
		{"just in the small buffer", []frame{{op: 2, payload: big[:4096-8]}, {op: 2, payload: "x"}},
			[]message{{ws.OpBinary, big[:4096-8]}, {ws.OpBinary, "x"}}},
		{"just over the small buffer", []frame{{op: 2, payload: big[:4096]}, {op: 2, payload: "x"}},
			[]message{{ws.OpBinary, big[:4096]}, {ws.OpBinary, "x"}}},
		{"around the large buffer", []frame{{op: 2, payload: big[:65536-8]}, {op: 2, payload: big[:65536]}, {op: 1, payload: "x"}},
			[]message{{ws.OpBinary, big[:65536-8]}, {ws.OpBinary, big[:65536]}, {ws.OpText, "x"}}},
		{"large", []frame{{op: 1, payload: big}, {op: 2, payload: "x"}, {op: 2, payload: big}},
			[]message{{ws.OpText, big}, {ws.OpBinary, "x"}, {ws.OpBinary, big}}},
		{"fragments", []frame{{op: 2, more: true, payload: "a"}, {more: true, payload: "b"}, {payload: "c"}, {op: 2, payload: "d"}},
			[]message{{ws.OpBinary, "abc"}, {ws.OpBinary, "d"}}},
		{"empty fragments", []frame{{op: 2, more: true}, {more: true}, {}, {op: 1, more: true}, {payload: "x"}},
			[]message{{ws.OpBinary, ""}, {ws.OpText, "x"}}},
		{"large fragments", []frame{{op: 2, more: true, payload: big}, {payload: big[:9]}},
			[]message{{ws.OpBinary, big + big[:9]}}},
		{"control between fragments",
			[]frame{{op: 1, more: true, payload: "a"}, {op: 9, payload: "p"}, {more: true, payload: "b"}, {op: 10}, {payload: "c"}},
			[]message{{ws.OpPing, "p"}, {ws.OpPong, ""}, {ws.OpText, "abc"}}},
		{"rune across fragments", []frame{{op: 1, more: true, payload: "\xc3"}, {payload: "\xbc"}}, []message{{ws.OpText, "ü"}}},
		{"close", []frame{{op: 8, payload: "\x03\xe8bye"}}, []message{{ws.OpClose, "\x03\xe8bye"}}},
		{"full control frame", []frame{{op: 9, payload: big[:125]}}, []message{{ws.OpPing, big[:125]}}},
	}
	for _, tt := range tests {
		for _, role := range roles {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				data := stream(role, tt.frames...)
				want := got{tt.want, io.EOF.Error()}
				readers := map[string]io.Reader{
					"at once":       bytes.NewReader(data),
					"byte by byte":  iotest.OneByteReader(bytes.NewReader(data)),
					"end with data": iotest.DataErrReader(bytes.NewReader(data)),
					"odd":           &chunked{data: data, sizes: []byte{3, 0, 250, 1}},
				}
				for name, src := range readers {
					if g := drain(ws.NewReader(src, nil, ws.ReaderConfig{Role: role})); !reflect.DeepEqual(g, want) {
						t.Errorf("%s: got %.300v, want %.300v", name, g, want)
					}
				}
				for _, n := range []int{1, 2, 5, 4095, 4096, 4097, 70000, len(data)} {
					n = min(n, len(data))
					r := ws.NewReader(bytes.NewReader(data[n:]), data[:n], ws.ReaderConfig{Role: role})
					if g := drain(r); !reflect.DeepEqual(g, want) {
						t.Errorf("%d early bytes: got %.300v, want %.300v", n, g, want)
					}
				}
			})
		}
	}
}

func TestReaderHostile(t *testing.T) {
	ok := frame{op: 2, payload: "fine"}
	tests := []struct {
		name string
		data []byte // as sent by a server
		end  string
	}{
		{"reserved bit 1", frame{op: 2, rsv: 4}.bytes(), protocolEnd(1002)},
		{"reserved bit 2", frame{op: 2, rsv: 2}.bytes(), protocolEnd(1002)},
		{"reserved bit 3", frame{op: 1, rsv: 1}.bytes(), protocolEnd(1002)},
		{"reserved bit on control", frame{op: 9, rsv: 1}.bytes(), protocolEnd(1002)},
		{"reserved data opcode", frame{op: 3}.bytes(), protocolEnd(1002)},
		{"reserved control opcode", frame{op: 11}.bytes(), protocolEnd(1002)},
		{"masked by a server", frame{op: 2, masked: true, payload: "x"}.bytes(), protocolEnd(1002)},
		{"masked control by a server", frame{op: 9, masked: true}.bytes(), protocolEnd(1002)},
		{"fragmented control", frame{op: 9, more: true}.bytes(), protocolEnd(1002)},
		{"long control", frame{op: 9, payload: strings.Repeat("x", 126)}.bytes(), protocolEnd(1002)},
		{"continuation of nothing", frame{op: 0, payload: "x"}.bytes(), protocolEnd(1002)},
		{"data between fragments", stream(ws.Client, frame{op: 2, more: true}, frame{op: 2}), protocolEnd(1002)},
		{"fragments between fragments", stream(ws.Client, frame{op: 1, more: true}, frame{op: 1, more: true}), protocolEnd(1002)},
		{"length over 63 bits", []byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, protocolEnd(1002)},
		{"length of 63 bits", []byte{0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255}, protocolEnd(1009)},
		{"over the limit", append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0x38, 0x81}, make([]byte, 80001)...), protocolEnd(1009)},
		{"over the limit, announced only", []byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0x38, 0x81}, protocolEnd(1009)},
		{"fragments over the limit", stream(ws.Client, frame{op: 2, more: true, payload: strings.Repeat("x", 70000)}, frame{more: true, payload: strings.Repeat("x", 10001)}), protocolEnd(1009)},
		{"fragments overflowing", append(stream(ws.Client, frame{op: 2, more: true, payload: "xx"}), 0, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255), protocolEnd(1009)},
		{"invalid text", frame{op: 1, payload: "a\xff"}.bytes(), protocolEnd(1007)},
		{"invalid text at the end", frame{op: 1, payload: "a\xc3"}.bytes(), protocolEnd(1007)},
		{"invalid text in fragments", stream(ws.Client, frame{op: 1, more: true, payload: "\xc3"}, frame{payload: "\xc3"}), protocolEnd(1007)},
		{"surrogate in text", frame{op: 1, payload: "\xed\xa0\x80"}.bytes(), protocolEnd(1007)},
		{"invalid text, large", frame{op: 1, payload: strings.Repeat("x", 70000) + "\xff"}.bytes(), protocolEnd(1007)},
		{"cut in the header", []byte{0x82}, "unexpected EOF"},
		{"cut in the length", []byte{0x82, 127, 0, 0}, "unexpected EOF"},
		{"cut in the payload", []byte{0x82, 5, 'x'}, "unexpected EOF"},
		{"cut in a large payload", frame{op: 2, payload: strings.Repeat("x", 70000)}.bytes()[:69000], "unexpected EOF"},
		{"cut between fragments", frame{op: 2, more: true}.bytes(), "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := append(ok.bytes(), tt.data...)
			want := got{[]message{{ws.OpBinary, "fine"}}, tt.end}
			cfg := ws.ReaderConfig{Role: ws.Client, MaxMessage: 80_000}
			for _, src := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data))} {
				r := ws.NewReader(src, nil, cfg)
				if g := drain(r); !reflect.DeepEqual(g, want) {
					t.Errorf("got %.300v, want %.300v", g, want)
				}
				_, err1 := r.Next()
				_, err2 := r.Next()
				if err1 == nil || err1 != err2 || endOf(err1) != tt.end {
					t.Errorf("errors are not final: %v, then %v", err1, err2)
				}
			}
		})
	}
	t.Run("unmasked by a client", func(t *testing.T) {
		r := ws.NewReader(bytes.NewReader(ok.bytes()), nil, ws.ReaderConfig{Role: ws.Server})
		if g := drain(r); g.end != protocolEnd(1002) || g.messages != nil {
			t.Errorf("got %v", g)
		}
	})
}

func TestReaderTooLargeNamesLimitAndSize(t *testing.T) {
	data := stream(ws.Client, frame{op: 2, more: true, payload: "12345678"}, frame{payload: "123"})
	r := ws.NewReader(bytes.NewReader(data), nil, ws.ReaderConfig{MaxMessage: 10})
	_, err := r.Next()
	var tooLarge *ws.TooLargeError
	if !errors.As(err, &tooLarge) || *tooLarge != (ws.TooLargeError{Limit: 10, Size: 11}) {
		t.Fatalf("got %v", err)
	}

	// At the limit is not over it.
	for _, frames := range [][]frame{{{op: 2, payload: "1234567890"}}, {{op: 2, more: true, payload: "12345678"}, {payload: "90"}}} {
		r = ws.NewReader(bytes.NewReader(stream(ws.Client, frames...)), nil, ws.ReaderConfig{MaxMessage: 10})
		if m, err := r.Next(); err != nil || string(m.Payload) != "1234567890" {
			t.Errorf("got %q, %v", m.Payload, err)
		}
	}
}

func TestReaderReturnsConnectionError(t *testing.T) {
	broken := errors.New("broken")
	data := frame{op: 2, payload: "x"}.bytes()
	r := ws.NewReader(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)), nil, ws.ReaderConfig{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	// An error beside bytes comes after the messages in them, though a further
	// read would return another.
	first := true
	r = ws.NewReader(readFunc(func(p []byte) (int, error) {
		if !first {
			return 0, io.EOF
		}
		first = false
		return copy(p, data), broken
	}), nil, ws.ReaderConfig{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	r = ws.NewReader(&chunked{data: data, sizes: []byte{0}}, nil, ws.ReaderConfig{})
	if _, err := r.Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("got %v", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestReaderBuffered has bytes of a stream in the buffer, and no more to come.
func TestReaderBuffered(t *testing.T) {
	whole := frame{op: 2, payload: "abcdefgh"}.bytes()
	begun := frame{op: 2, more: true, payload: "abcdefgh"}.bytes()
	tests := []struct {
		name string
		data []byte
		want bool
	}{
		{"nothing", nil, false},
		{"half a header", whole[:1], false},
		{"no payload", whole[:2], false},
		{"half a message", whole[:5], false},
		{"a message", whole, true},
		{"a message and a half", append(bytes.Clone(whole), whole[:5]...), true},
		{"a fragment", begun, false},
		{"a fragment and a ping", append(bytes.Clone(begun), 0x89, 0), true},
		{"a fragment and half a ping", append(bytes.Clone(begun), 0x89, 1), false},
		{"all fragments", append(bytes.Clone(begun), 0x80, 1, 'x'), true},
		{"a fragment and half of another", append(bytes.Clone(begun), 0x80, 2, 'x'), false},
		{"a fragment and half of one too many", append(bytes.Clone(begun), 0x80, 3, 'x'), true},
		{"half of something too large", []byte{0x82, 11}, true},
		{"half of something reserved", []byte{0x83, 5}, true},
		{"half of something between fragments", append(bytes.Clone(begun), 0x82, 1), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reads := 0
			src := readFunc(func([]byte) (int, error) { reads++; return 0, io.EOF })
			r := ws.NewReader(src, tt.data, ws.ReaderConfig{MaxMessage: 10})
			if got := r.Buffered(); got != tt.want {
				t.Errorf("Buffered() = %v", got)
			}
			_, _ = r.Next()
			if (reads == 0) != tt.want {
				t.Errorf("Next read %d times", reads)
			}
		})
	}
}

// TestReaderBufferedCountsFragmentsRead is the limit again, after a control
// frame came out between fragments.
func TestReaderBufferedCountsFragmentsRead(t *testing.T) {
	data := stream(ws.Client, frame{op: 2, more: true, payload: "abcdefgh"}, frame{op: 9})
	r := ws.NewReader(readFunc(nil), append(data, 0x80, 3, 'x'), ws.ReaderConfig{MaxMessage: 10})
	if m, err := r.Next(); err != nil || m.Op != ws.OpPing {
		t.Fatalf("got %v, %v", m.Op, err)
	}
	if !r.Buffered() {
		t.Error("not Buffered")
	}
	if _, err := r.Next(); !errors.As(err, new(*ws.TooLargeError)) {
		t.Errorf("got %v", err)
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"ws: message of at least 11 bytes is over the limit of 10":                   &ws.TooLargeError{Limit: 10, Size: 11},
		"ws: protocol error 1002: wrong":                                             &ws.ProtocolError{Code: 1002, Reason: "wrong"},
		"ws: proxy refused to connect with status 407 Proxy Authentication Required": &ws.ProxyError{Status: 407},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	for op, want := range map[ws.Op]string{
		ws.OpText: "text", ws.OpBinary: "binary", ws.OpClose: "close", ws.OpPing: "ping", ws.OpPong: "pong", 0: "unknown",
	} {
		if op.String() != want {
			t.Errorf("opcode %d is %q, want %q", byte(op), op, want)
		}
	}
}

func TestReaderPayloadIsTheCallers(t *testing.T) {
	data := stream(ws.Client, frame{op: 2, payload: "one"}, frame{op: 2, payload: "two"})
	r := ws.NewReader(bytes.NewReader(data), nil, ws.ReaderConfig{})
	m, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	m.Payload[0] = 'x'
	_ = append(m.Payload, "overwritten"...)
	if m, err = r.Next(); err != nil || string(m.Payload) != "two" {
		t.Fatalf("appending to a payload changed the next one: %q, %v", m.Payload, err)
	}
}

// TestReaderAllocates holds the hot path to no allocation, under either role,
// whole and fragmented, small and large enough for the large buffer.
func TestReaderAllocates(t *testing.T) {
	tests := map[string][]frame{
		"small":      {{op: 2, payload: "0123456789"}},
		"text":       {{op: 1, payload: strings.Repeat("grün", 50)}},
		"10 KiB":     {{op: 2, payload: strings.Repeat("x", 10<<10)}},
		"fragmented": {{op: 2, more: true, payload: "0123456789"}, {op: 9}, {payload: "x"}},
	}
	for name, frames := range tests {
		for _, role := range roles {
			src := &loop{data: stream(role, frames...)}
			r := ws.NewReader(src, nil, ws.ReaderConfig{Role: role})
			next := func() {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
				r.Buffered()
			}
			for range 100 {
				next()
			}
			if n := testing.AllocsPerRun(1000, next); n > 0 {
				t.Errorf("%s as %v: %v allocations a message", name, role, n)
			}
		}
	}
}

// loop repeats data for ever.
type loop struct {
	data []byte
	off  int
}

func (l *loop) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], l.data[l.off:])
		n += c
		l.off = (l.off + c) % len(l.data)
	}
	return n, nil
}
