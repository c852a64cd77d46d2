package conn_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// servesEvents makes this test binary a server of events; see eventServer.
const servesEvents = "RIVET_CONN_TEST_SERVES_EVENTS"

// pace is the query parameter for how long the server waits between two events
// that tell the time; without it, trades come as fast as the socket takes them.
const pace = "pace"

// stamp is an event that says when it was sent, in nanoseconds since 1970.
type stamp struct {
	At int64 `cbor:"at" json:"at"`
}

// eventServer starts this binary once more, as a process that serves events
// over loopback TCP until the benchmark ends, and returns its address: what it
// takes to send is no part of what is measured then.
func eventServer(b *testing.B) (addr string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), servesEvents+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	addr, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("the server does not say where it listens: %v", err)
	}
	return strings.TrimSpace(addr)
}

// serveEvents is that process. It ends with its standard input.
func serveEvents() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				if err := serveCall(w, r); err != nil {
					fmt.Fprintln(os.Stderr, "server of events:", err)
				}
				return
			}
			hs, err := ws.Accept(w, r, ws.AcceptConfig{Protocol: func([]string) string { return "rivet" }})
			if err != nil {
				return
			}
			defer hs.Conn.Close()
			if err := serveSocket(hs, r); err != nil {
				fmt.Fprintln(os.Stderr, "server of events:", err)
			}
		}))
	}()
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

// answer is the result of every call.
var answer = trade{"RVT-USD", 1234.5, 42}

// serveCall answers a call over HTTP.
func serveCall(w http.ResponseWriter, r *http.Request) error {
	enc, err := codec.ParseEncoding(r.Header.Get("x-rivet-encoding"))
	if err != nil {
		return err
	}
	output, err := codec.Marshal(enc, answer)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	w.Header().Set("Content-Type", enc.ContentType())
	_, err = w.Write(codec.AppendActionResult(nil, enc, output))
	return err
}

// serveSocket opens the connection and answers calls until there is a
// subscription. From then on it sends events until the client has gone.
func serveSocket(hs *ws.Handshake, r *http.Request) error {
	enc, err := codec.ParseEncoding(r.URL.Query().Get("encoding"))
	if err != nil {
		return err
	}
	frame, err := framed(enc, codec.AppendInit(nil, enc, "actor", "connection"))
	if err != nil {
		return err
	}
	if _, err := hs.Conn.Write(frame); err != nil {
		return err
	}
	output, err := codec.Marshal(enc, answer)
	if err != nil {
		return err
	}
	for in := ws.NewReader(hs.Conn, hs.Early, ws.ReaderConfig{Role: ws.Server}); ; {
		m, err := in.Next()
		if err != nil || m.Op == ws.OpClose {
			return nil // it has gone
		}
		var call codec.Message
		if err := codec.DecodeToServer(enc, m.Payload, &call); err != nil {
			return err
		}
		if call.Kind == codec.KindSubscription {
			break
		}
		frame, err := framed(enc, codec.AppendActionResponse(nil, enc, call.ID, output))
		if err != nil {
			return err
		}
		if _, err := hs.Conn.Write(frame); err != nil {
			return nil
		}
	}
	if text := r.URL.Query().Get(pace); text != "" {
		every, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		return sendStamps(hs.Conn, enc, every)
	}
	frames, err := block(enc, answer)
	for err == nil {
		_, err = hs.Conn.Write(frames)
	}
	return nil
}

func sendStamps(nc net.Conn, enc codec.Encoding, every time.Duration) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for range ticks.C {
		args, err := codec.AppendArgs(nil, enc, []any{stamp{time.Now().UnixNano()}})
		if err != nil {
			return err
		}
		frame, err := framed(enc, codec.AppendEvent(nil, enc, tick, args))
		if err != nil {
			return err
		}
		if _, err := nc.Write(frame); err != nil {
			return nil
		}
	}
	return nil
}

// framed puts a message into a frame of its kind.
func framed(enc codec.Encoding, message []byte) ([]byte, error) {
	op := ws.OpText
	if enc.Binary() {
		op = ws.OpBinary
	}
	return ws.AppendFrame(nil, op, message)
}

// block is blockEvents framed events in a row, as a server writes them.
func block(enc codec.Encoding, event any) ([]byte, error) {
	args, err := codec.AppendArgs(nil, enc, []any{event})
	if err != nil {
		return nil, err
	}
	frame, err := framed(enc, codec.AppendEvent(nil, enc, tick, args))
	if err != nil {
		return nil, err
	}
	var frames []byte
	for range blockEvents {
		frames = append(frames, frame...)
	}
	return frames, nil
}
