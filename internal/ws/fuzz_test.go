package ws_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// FuzzReader compares the reader with the slow reference, whatever arrives in
// whatever pieces, and holds Buffered to its word.
func FuzzReader(f *testing.F) {
	const limit = 20_000
	for _, role := range roles {
		server := role == ws.Server
		for _, frames := range [][]frame{
			{{op: 2, payload: "abc"}, {op: 1, payload: "grün"}, {op: 8, payload: "\x03\xe8"}},
			{{op: 1, more: true, payload: "\xc3"}, {op: 9, payload: "p"}, {payload: "\xbc"}, {op: 2, payload: "x"}},
			{{op: 2, payload: strings.Repeat("x", 5000)}, {op: 2, payload: strings.Repeat("y", 126)}},
			{{op: 2, more: true, payload: strings.Repeat("y", 9000)}, {op: 9}, {payload: "z"}},
			{{op: 2, more: true}, {op: 2}},
			{{op: 10, more: true}}, {{op: 3}}, {{op: 2, rsv: 4}},
			{{op: 1, payload: "\xff"}},
		} {
			data := stream(role, frames...)
			f.Add(data, []byte{}, uint16(0), server, false)
			f.Add(data, []byte{1}, uint16(3), server, true)
			f.Add(data, []byte{255, 0, 7}, uint16(5000), server, false)
			f.Add(data[:len(data)-1], []byte{255}, uint16(0), server, true)
		}
	}
	f.Add([]byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, []byte{1}, uint16(0), false, false)
	f.Add([]byte{0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0, 1}, []byte{1}, uint16(0), false, false)

	f.Add([]byte{0x82, 126, 0, 1, 'x', 0x82, 0}, []byte{1}, uint16(0), false, false)
	f.Add([]byte{0x01, 126, 0, 1, 'x', 0x80, 0}, []byte{3}, uint16(2), false, false)

	f.Fuzz(func(t *testing.T, data, sizes []byte, early uint16, server, lastEOF bool) {
		role := ws.Client
		if server {
			role = ws.Server
		}
		want := reference(data, role, limit)

		sizes = bytes.Clone(sizes)
		zeros := 0 // too many empty reads in a row are an error of their own
		for i, n := range sizes {
			if n == 0 {
				if zeros++; zeros > 50 {
					sizes[i] = 1
				}
			}
		}
		if zeros == len(sizes) {
			sizes = nil
		}
		n := min(int(early), len(data))
		src := &chunked{data: data[n:], sizes: sizes, lastEOF: lastEOF}
		r := ws.NewReader(src, data[:n], ws.ReaderConfig{Role: role, MaxMessage: limit})
		var g got
		for {
			buffered, reads := r.Buffered(), src.reads
			m, err := r.Next()
			if buffered && src.reads != reads {
				t.Fatalf("Buffered, but Next read, after %d messages", len(g.messages))
			}
			if !buffered && src.reads == reads && !lastEOF {
				t.Fatalf("not Buffered, but Next did not read, after %d messages", len(g.messages))
			}
			if err != nil {
				g.end = endOf(err)
				break
			}
			g.messages = append(g.messages, message{m.Op, string(m.Payload)})
		}
		if !reflect.DeepEqual(g, want) {
			t.Fatalf("got %.500v\nwant %.500v", g, want)
		}
	})
}

// FuzzParseClose: whatever parses can be sent, and comes back the same.
func FuzzParseClose(f *testing.F) {
	for _, s := range []string{"", "x", "\x03\xe8", "\x03\xe8bye", "\x03\xed", "\x03\xe8\xff", "\xff\xff", "\x0f\xa1custom"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		code, reason, err := ws.ParseClose(payload)
		if err != nil || len(payload) > 125 {
			return
		}
		var sink written
		w := ws.NewWriter(&sink, ws.Server)
		if err := w.AppendClose(code, reason); err != nil {
			t.Fatalf("code %d, reason %q: %v", code, reason, err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		want := string(frame{op: 8, payload: string(payload)}.bytes())
		if got := string(sink[0]); got != want {
			t.Fatalf("sent %q, want %q", got, want)
		}
	})
}
