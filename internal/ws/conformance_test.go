package ws_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rivet-go/rivet/internal/ws"
)

// What follows are the cases of the Autobahn test suite that concern a client
// that reads, by their sections there: 1 lengths, 2 pings, 3 reserved bits and
// 4 reserved opcodes, 5 fragments, 6 UTF-8, 7 closing.

// fromServer reads data as a client in several ways, which must agree.
func fromServer(t *testing.T, data []byte) got {
	t.Helper()
	read := func(src io.Reader, early []byte) got {
		return drain(ws.NewReader(src, early, ws.ReaderConfig{Role: ws.Client, MaxMessage: 1 << 20}))
	}
	g := read(bytes.NewReader(data), nil)
	for name, other := range map[string]got{
		"byte by byte": read(iotest.OneByteReader(bytes.NewReader(data)), nil),
		"early":        read(bytes.NewReader(nil), data),
	} {
		if !reflect.DeepEqual(g, other) {
			t.Errorf("%s: got %.300v, but %.300v at once", name, other, g)
		}
	}
	return g
}

// header is that of an unmasked frame with its length in so many bytes.
func header(first byte, length uint64, bytes int) []byte {
	switch bytes {
	case 0:
		return []byte{first, byte(length)}
	case 2:
		return binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(length))
	}
	return binary.BigEndian.AppendUint64([]byte{first, 127}, length)
}

func TestReaderTakesLengthsInTheirShortestFormOnly(t *testing.T) {
	for _, op := range []byte{0x81, 0x82} {
		for _, tt := range []struct {
			length uint64
			bytes  int // that the length takes
		}{
			{0, 0}, {125, 0}, {126, 2}, {127, 2}, {128, 2}, {0xffff, 2}, {0x10000, 8}, {0x10001, 8},
		} {
			for _, bytes := range []int{0, 2, 8} {
				if bytes == 0 && tt.length > 125 || bytes == 2 && tt.length > 0xffff {
					continue
				}
				text := strings.Repeat("x", int(tt.length))
				data := append(header(op, tt.length, bytes), text...)
				want := got{end: protocolEnd(1002)}
				if bytes == tt.bytes {
					want = got{[]message{{ws.Op(op & 0xf), text}}, "EOF"}
				}
				if g := fromServer(t, data); !reflect.DeepEqual(g, want) {
					t.Errorf("opcode %x, length %d in %d bytes: got %.200v, want %.200v", op&0xf, tt.length, bytes, g, want)
				}
			}
		}
	}
	for name, data := range map[string][]byte{
		"ping":         header(0x89, 5, 2),
		"close":        header(0x88, 2, 8),
		"fragment":     append(header(0x02, 1, 2), 'x', 0x80, 0),
		"continuation": append(frame{op: 2, more: true, payload: "x"}.bytes(), header(0x80, 0, 8)...),
	} {
		if g := fromServer(t, data); !reflect.DeepEqual(g, got{end: protocolEnd(1002)}) {
			t.Errorf("%s: got %v", name, g)
		}
	}
}

func TestReaderControlFrames(t *testing.T) {
	for n := range 126 {
		for _, op := range []byte{8, 9, 10} {
			p := strings.Repeat("\xfe", n) // not UTF-8, which does not matter here
			want := got{[]message{{ws.Op(op), p}}, "EOF"}
			if g := fromServer(t, frame{op: op, payload: p}.bytes()); !reflect.DeepEqual(g, want) {
				t.Fatalf("opcode %x with %d bytes: got %v", op, n, g)
			}
		}
	}
	for _, n := range []int{126, 127, 65535, 65536} {
		for _, op := range []byte{8, 9, 10} {
			if g := fromServer(t, frame{op: op, payload: strings.Repeat("x", n)}.bytes()); g.end != protocolEnd(1002) || g.messages != nil {
				t.Errorf("opcode %x with %d bytes: got %.200v", op, n, g)
			}
		}
	}
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, op := range []byte{1, 2, 8, 9, 10} {
			if g := fromServer(t, frame{op: op, rsv: rsv}.bytes()); g.end != protocolEnd(1002) || g.messages != nil {
				t.Errorf("opcode %x with reserved bits %b: got %v", op, rsv, g)
			}
		}
		begun := frame{op: 1, more: true}.bytes()
		if g := fromServer(t, append(begun, frame{op: 0, rsv: rsv}.bytes()...)); g.end != protocolEnd(1002) || g.messages != nil {
			t.Errorf("continuation with reserved bits %b: got %v", rsv, g)
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, more := range []bool{false, true} {
			if g := fromServer(t, frame{op: op, more: more, payload: "x"}.bytes()); g.end != protocolEnd(1002) || g.messages != nil {
				t.Errorf("opcode %x, fragment %v: got %v", op, more, g)
			}
		}
	}
}

func TestReaderFragments(t *testing.T) {
	part := func(op byte, more bool, p string) frame { return frame{op: op, more: more, payload: p} }
	text, binary, ping := func(s string) message { return message{ws.OpText, s} },
		func(s string) message { return message{ws.OpBinary, s} },
		func(s string) message { return message{ws.OpPing, s} }
	many := []frame{part(1, true, "")}
	manyWant := []message{}
	for i := range 500 {
		many = append(many, part(0, i < 499, "ab"), frame{op: 9, payload: fmt.Sprint(i)})
		if i < 499 {
			manyWant = append(manyWant, ping(fmt.Sprint(i)))
		}
	}
	manyWant = append(manyWant, text(strings.Repeat("ab", 500)), ping("499"))
	for name, tt := range map[string]struct {
		frames []frame
		want   []message
		end    string
	}{
		"two":                              {[]frame{part(1, true, "a"), part(0, false, "b")}, []message{text("ab")}, "EOF"},
		"ping between":                     {[]frame{part(1, true, "a"), {op: 9, payload: "p"}, part(0, false, "b")}, []message{ping("p"), text("ab")}, "EOF"},
		"pings between many":               {many, manyWant, "EOF"},
		"empty first, empty last":          {[]frame{part(2, true, ""), part(0, true, "x"), part(0, false, "")}, []message{binary("x")}, "EOF"},
		"empty altogether":                 {[]frame{part(1, true, ""), part(0, true, ""), part(0, false, "")}, []message{text("")}, "EOF"},
		"close between":                    {[]frame{part(1, true, "a"), {op: 8, payload: "\x03\xe8"}, part(0, false, "b")}, []message{{ws.OpClose, "\x03\xe8"}, text("ab")}, "EOF"},
		"two messages":                     {[]frame{part(1, true, "a"), part(0, false, "b"), part(2, true, "c"), part(0, false, "d")}, []message{text("ab"), binary("cd")}, "EOF"},
		"ping in fragments":                {[]frame{{op: 9, more: true}, part(0, false, "")}, nil, protocolEnd(1002)},
		"pong in fragments between others": {[]frame{part(1, true, "a"), {op: 10, more: true}}, nil, protocolEnd(1002)},
		"last of nothing":                  {[]frame{part(0, false, "a"), part(1, false, "b")}, nil, protocolEnd(1002)},
		"more of nothing":                  {[]frame{part(0, true, "a"), part(1, false, "b")}, nil, protocolEnd(1002)},
		"more after the last":              {[]frame{part(1, true, "a"), part(0, false, "b"), part(0, false, "c")}, []message{text("ab")}, protocolEnd(1002)},
		"whole message between":            {[]frame{part(1, true, "a"), part(1, false, "b")}, nil, protocolEnd(1002)},
		"message of another kind between":  {[]frame{part(1, true, "a"), part(2, true, "b")}, nil, protocolEnd(1002)},
		"end between":                      {[]frame{part(1, true, "a"), part(0, true, "b")}, nil, "unexpected EOF"},
	} {
		if g := fromServer(t, stream(ws.Client, tt.frames...)); g.end != tt.end || len(g.messages) != len(tt.want) ||
			len(tt.want) > 0 && !reflect.DeepEqual(g.messages, tt.want) {
			t.Errorf("%s: got %.300v, want %.300v and %s", name, g, tt.want, tt.end)
		}
	}
}

// Text is checked as a whole: where it is cut does not matter, be it inside a
// rune.
func TestReaderTextInFragmentsIsUTF8(t *testing.T) {
	for text, valid := range map[string]bool{
		"κόσμε":                            true,
		"Hello-µ@ßöäüàá-UTF-8!!":           true,
		"\x00\x7f\u0080\u07ff\u0800\uffff": true,
		"\U00010000\U0010ffff":             true,
		"\ufffe\ufeff\ufdd0":               true, // noncharacters are characters to UTF-8
		"κόσμε\xed\xa0\x80edited":          false,
		"\xed\xbf\xbf":                     false, // low surrogate
		"\xf4\x90\x80\x80":                 false, // over U+10FFFF
		"\xf8\x88\x80\x80\x80":             false, // five bytes
		"\xfc\x84\x80\x80\x80\x80":         false, // six
		"\xc0\xaf":                         false, // longer than it need be
		"\xe0\x80\xaf":                     false,
		"\xf0\x80\x80\xaf":                 false,
		"\xc1\xbf":                         false,
		"\xe0\x9f\xbf":                     false,
		"\x80":                             false, // continuation of nothing
		"a\xbfb":                           false,
		"\xce":                             false, // cut
		"\xce\xba\xe1\xbd":                 false,
		"\xf0\x9f\xa6":                     false,
		"\xfe":                             false, "\xff": false,
	} {
		want := got{end: protocolEnd(1007)}
		if valid {
			want = got{[]message{{ws.OpText, text}}, "EOF"}
		}
		if g := fromServer(t, frame{op: 1, payload: text}.bytes()); !reflect.DeepEqual(g, want) {
			t.Errorf("%+q: got %v, want %v", text, g, want)
		}
		for cut := range len(text) + 1 {
			data := stream(ws.Client, frame{op: 1, more: true, payload: text[:cut]}, frame{payload: text[cut:]})
			if g := fromServer(t, data); !reflect.DeepEqual(g, want) {
				t.Errorf("%+q cut at %d: got %v, want %v", text, cut, g, want)
			}
		}
		var single []frame
		for i := range len(text) {
			op := byte(0)
			if i == 0 {
				op = 1
			}
			single = append(single, frame{op: op, more: i < len(text)-1, payload: text[i : i+1]})
		}
		if g := fromServer(t, stream(ws.Client, single...)); !reflect.DeepEqual(g, want) {
			t.Errorf("%+q byte by byte: got %v, want %v", text, g, want)
		}
		binary := got{[]message{{ws.OpBinary, text}}, "EOF"}
		if g := fromServer(t, frame{op: 2, payload: text}.bytes()); !reflect.DeepEqual(g, binary) {
			t.Errorf("%+q in binary: got %v", text, g)
		}
	}
}

func TestParseCloseCodes(t *testing.T) {
	valid := func(code int) bool {
		switch {
		case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
			return true
		}
		return false
	}
	for code := range 1 << 16 {
		for _, reason := range []string{"", "why", strings.Repeat("x", 123)} {
			payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
			gotCode, gotReason, err := ws.ParseClose(payload)
			if int(gotCode) != code || gotReason != reason {
				t.Fatalf("code %d, reason %q: got %d, %q", code, reason, gotCode, gotReason)
			}
			if valid(code) != (err == nil) {
				t.Errorf("code %d: error %v, valid %v", code, err, valid(code))
			}
			if err != nil && endOf(err) != protocolEnd(1002) {
				t.Errorf("code %d: %v", code, err)
			}
		}
	}
	for name, tt := range map[string]struct {
		payload string
		code    uint16
		end     string
	}{
		"empty":               {"", 1005, ""},
		"half a code":         {"\x03", 1005, protocolEnd(1002)},
		"reason not UTF8":     {"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80", 1000, protocolEnd(1007)},
		"reason cut":          {"\x03\xe8\xce", 1000, protocolEnd(1007)},
		"bad code and reason": {"\x00\x00\xff", 0, protocolEnd(1007)},
	} {
		code, _, err := ws.ParseClose([]byte(tt.payload))
		end := ""
		if err != nil {
			end = endOf(err)
		}
		var pe *ws.ProtocolError
		if code != tt.code || end != tt.end || err != nil && !errors.As(err, &pe) {
			t.Errorf("%s: got %d, %v", name, code, err)
		}
	}
}
