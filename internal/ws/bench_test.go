package ws_test

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"

	"github.com/rivet-go/rivet/internal/ws"
)

var sizes = map[string]int{"45B": 45, "256B": 256, "4KiB": 4 << 10}

// BenchmarkRead compares the reader with the shortest loop over gobwas' own
// functions, both fed from memory.
func BenchmarkRead(b *testing.B) {
	for name, size := range sizes {
		data := bytes.Repeat(frame{op: 2, payload: strings.Repeat("x", size)}.bytes(), 64<<10/size)
		b.Run(name+"/gobwas", func(b *testing.B) {
			br := bufio.NewReaderSize(&loop{data: data}, 64<<10)
			header := make([]byte, gobwas.MaxHeaderSize)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				h, err := gobwas.ReadHeaderBuffer(br, header)
				if err == nil {
					err = gobwas.CheckHeader(h, gobwas.StateClientSide)
				}
				if err != nil {
					b.Fatal(err)
				}
				if _, err := br.Peek(int(h.Length)); err != nil {
					b.Fatal(err)
				}
				_, _ = br.Discard(int(h.Length))
			}
		})
		b.Run(name+"/ws", func(b *testing.B) {
			r := ws.NewReader(&loop{data: data}, nil, ws.ReaderConfig{})
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/ws+Buffered", func(b *testing.B) {
			r := ws.NewReader(&loop{data: data}, nil, ws.ReaderConfig{})
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
				r.Buffered()
			}
		})
	}
}

// BenchmarkWrite sends 16 frames a flush, as a busy writer does, against
// gobwas' WriteFrame.
func BenchmarkWrite(b *testing.B) {
	const batch = 16
	for name, size := range sizes {
		p := make([]byte, size)
		b.Run(name+"/gobwas", func(b *testing.B) {
			bw := bufio.NewWriterSize(io.Discard, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				for range batch {
					if err := gobwas.WriteFrame(bw, gobwas.MaskFrame(gobwas.NewBinaryFrame(p))); err != nil {
						b.Fatal(err)
					}
				}
				_ = bw.Flush()
			}
		})
		for _, role := range roles {
			b.Run(name+"/"+role.String(), func(b *testing.B) {
				w := ws.NewWriter(io.Discard, role)
				b.ReportAllocs()
				for b.Loop() {
					for range batch {
						if err := w.Append(ws.OpBinary, p); err != nil {
							b.Fatal(err)
						}
					}
					_ = w.Flush()
				}
			})
		}
	}
}
