package codec_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScanEvent(t *testing.T) {
	const (
		short = "a1 64626f6479 a2 63746167 654576656e74 6376616c a2 "
		long  = "b90001 64626f6479 b90002 63746167 654576656e74 6376616c b90002 "
		name  = "646e616d65 647469636b "
		args  = "6461726773 8101 "
	)
	cbor := func(s string) string { return string(fromHex(t, s)) }
	long255, long200 := strings.Repeat("n", 255), strings.Repeat("é", 100)
	tests := []struct {
		what  string
		enc   codec.Encoding
		frame string
		name  string // with args, empty for !ok
		args  string
	}{
		{"version 4", codec.BARE, "\x04\x00\x03\x04tick\x02\x81\x01", "tick", "\x81\x01"},
		{"version 1", codec.BARE, "\x01\x00\x03\x04tick\x02\x81\x01", "tick", "\x81\x01"},
		{"bytes after the end", codec.BARE, "\x04\x00\x03\x04tick\x02\x81\x01\xff", "tick", "\x81\x01"},
		{"two-byte length", codec.BARE, "\x04\x00\x03\x04tick\x81\x01\x98\x7f" + strings.Repeat("\x00", 127), "tick", "\x98\x7f" + strings.Repeat("\x00", 127)},
		// Read as one byte, the length makes another event of it.
		{"two-byte length of the name", codec.BARE, "\x04\x00\x03\x80\x01" + strings.Repeat("n", 127) + "\x02\x9f\x01\x98\x9d" + strings.Repeat("\x00", 157), "", ""},
		{"version 0", codec.BARE, "\x00\x00\x03\x04tick\x02\x81\x01", "", ""},
		{"version 5", codec.BARE, "\x05\x00\x03\x04tick\x02\x81\x01", "", ""},
		{"version 260", codec.BARE, "\x04\x01\x03\x04tick\x02\x81\x01", "", ""},
		{"a response", codec.BARE, "\x04\x00\x02\x04tick\x02\x81\x01", "", ""},
		{"no array", codec.BARE, "\x04\x00\x03\x04tick\x01\x01", "", ""},
		{"no arguments", codec.BARE, "\x04\x00\x03\x04tick\x00", "", ""},
		{"name not UTF-8", codec.BARE, "\x04\x00\x03\x04tic\xff\x02\x81\x01", "", ""},
		{"length over the end", codec.BARE, "\x04\x00\x03\x04tick\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x81\x01", "", ""},
		{"varint over 64 bits", codec.BARE, "\x04\x00\x03\x04tick\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x81\x01", "", ""},

		{"short heads", codec.CBOR, cbor(short + name + args), "tick", "\x81\x01"},
		{"long heads", codec.CBOR, cbor(long + name + args), "tick", "\x81\x01"},
		{"args first", codec.CBOR, cbor(short + args + name), "tick", "\x81\x01"},
		{"long name", codec.CBOR, cbor(short+"646e616d65 78ff") + long255 + cbor(args), long255, "\x81\x01"},
		{"non-ASCII name", codec.CBOR, cbor(short+"646e616d65 78c8") + long200 + cbor(args), long200, "\x81\x01"},
		{"indefinite inside", codec.CBOR, cbor(short + name + "6461726773 81 9f01ff"), "tick", "\x81\x9f\x01\xff"},
		{"indefinite args", codec.CBOR, cbor(short + name + "6461726773 9f01ff"), "", ""},
		{"bytes after the end", codec.CBOR, cbor(short + name + args + "00"), "", ""},
		{"third member", codec.CBOR, cbor("a1 64626f6479 a2 63746167 654576656e74 6376616c a3" + name + args + "6178 01"), "", ""},
		{"name twice", codec.CBOR, cbor(short + name + name), "", ""},
		{"name not UTF-8", codec.CBOR, cbor(short + "646e616d65 61ff" + args), "", ""},
		{"args cut short", codec.CBOR, cbor(short + name + "6461726773 82 01"), "", ""},

		{"args first", codec.JSON, `{"body":{"tag":"Event","val":{"args":[1],"name":"tick"}}}`, "tick", "[1]"},
		{"name first", codec.JSON, `{"body":{"tag":"Event","val":{"name":"tick","args":[1]}}}`, "tick", "[1]"},
		{"blanks inside", codec.JSON, `{"body":{"tag":"Event","val":{"name":"tick","args":[ 1 , "}]" ]}}}`, "tick", `[ 1 , "}]" ]`},
		{"escapes inside", codec.JSON, `{"body":{"tag":"Event","val":{"args":["\",\"name\":\"x\"}}}"],"name":"tick"}}}`, "tick", `["\",\"name\":\"x\"}}}"]`},
		{"escaped name", codec.JSON, `{"body":{"tag":"Event","val":{"args":[1],"name":"t\u0069ck"}}}`, "", ""},
		{"blank between", codec.JSON, `{"body":{"tag":"Event","val":{"args":[1], "name":"tick"}}}`, "", ""},
		{"blank at the end", codec.JSON, `{"body":{"tag":"Event","val":{"args":[1],"name":"tick"}}} `, "", ""},
		{"null args", codec.JSON, `{"body":{"tag":"Event","val":{"args":null,"name":"tick"}}}`, "", ""},
		{"bad args", codec.JSON, `{"body":{"tag":"Event","val":{"args":[01],"name":"tick"}}}`, "", ""},
		{"wrong bracket", codec.JSON, `{"body":{"tag":"Event","val":{"args":[{"a":1]],"name":"tick"}}}`, "", ""},
		{"name not UTF-8", codec.JSON, `{"body":{"tag":"Event","val":{"args":[1],"name":"tick` + "\xff" + `"}}}`, "", ""},
		{"unknown encoding", codec.Encoding(9), "\x04\x00\x03\x04tick\x02\x81\x01", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.enc.String()+" "+tt.what, func(t *testing.T) {
			name, args, ok := codec.ScanEvent(tt.enc, []byte(tt.frame))
			if string(name) != tt.name || string(args) != tt.args || ok != (tt.name != "") {
				t.Errorf("ScanEvent = %q %q %v, want %q %q", name, args, ok, tt.name, tt.args)
			}
			agree(t, tt.enc, []byte(tt.frame))
			for n := range tt.frame {
				if _, _, ok := codec.ScanEvent(tt.enc, []byte(tt.frame[:n])); ok && tt.name != "" && tt.what != "bytes after the end" {
					t.Errorf("ok when cut to %d of %d bytes", n, len(tt.frame))
				}
			}
		})
	}
}

// agree checks that what ScanEvent accepts is what DecodeToClient says.
func agree(t *testing.T, enc codec.Encoding, frame []byte) (ok bool) {
	t.Helper()
	name, args, ok := codec.ScanEvent(enc, frame)
	if !ok {
		if name != nil || args != nil {
			t.Errorf("%s %x: results without ok", enc, frame)
		}
		return false
	}
	var m codec.Message
	if err := codec.DecodeToClient(enc, frame, &m); err != nil {
		t.Fatalf("%s %x: scanned, but DecodeToClient says %v", enc, frame, err)
	}
	if m.Kind != codec.KindEvent || !bytes.Equal(m.Name, name) || !bytes.Equal(m.Value, args) {
		t.Fatalf("%s %x: scanned %q %x, decoded %s %q %x", enc, frame, name, args, m.Kind, m.Name, m.Value)
	}
	return true
}

func TestScanEventDoesNotGrowIntoTheFrame(t *testing.T) {
	for _, enc := range encodings {
		frame := codec.AppendEvent(nil, enc, "tick", nil)
		before := bytes.Clone(frame)
		name, args, ok := codec.ScanEvent(enc, frame)
		if !ok {
			t.Fatalf("%s: not an event", enc)
		}
		_, _ = append(name, "overwritten"...), append(args, "overwritten"...)
		if !bytes.Equal(frame, before) {
			t.Errorf("%s: appending to a result changed the frame", enc)
		}
	}
}

func TestReceivingDoesNotAllocate(t *testing.T) {
	for _, enc := range encodings {
		event := codec.AppendEvent(nil, enc, "countChanged", tickArgs(t, enc))
		reply := codec.AppendActionResponse(nil, enc, 1<<40, tickArgs(t, enc))
		dst := make([]byte, 0, 1024)
		var m codec.Message
		for what, f := range map[string]func(){
			"ScanEvent":                    func() { codec.ScanEvent(enc, event) },
			"ScanEvent of another message": func() { codec.ScanEvent(enc, reply) },
			"DecodeToClient of an event": func() {
				if err := codec.DecodeToClient(enc, event, &m); err != nil {
					t.Fatal(err)
				}
			},
			"DecodeToClient of a reply": func() {
				if err := codec.DecodeToClient(enc, reply, &m); err != nil {
					t.Fatal(err)
				}
			},
			"AppendActionRequest": func() { codec.AppendActionRequest(dst, enc, 7, "increment", nil) },
			"AppendSubscription":  func() { codec.AppendSubscription(dst, enc, "tick", true) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %s allocates %v times", enc, what, n)
			}
		}
	}
}
