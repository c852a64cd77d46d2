package rivettest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

var encodings = []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON}

// onBoth runs a test on loopback TCP and, with the clock held, in memory.
func onBoth(t *testing.T, test func(t *testing.T, opts ...rivettest.Option)) {
	t.Run("tcp", func(t *testing.T) { test(t) })
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, rivettest.InMemory()) })
	})
}

// inMemory runs a test with the clock held.
func inMemory(t *testing.T, test func(t *testing.T, gw *rivettest.Gateway), opts ...rivettest.Option) {
	synctest.Test(t, func(t *testing.T) {
		test(t, rivettest.NewGateway(t, append(opts, rivettest.InMemory())...))
	})
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// rawClient is a client of nothing but frames and messages.
type rawClient struct {
	t    *testing.T
	enc  codec.Encoding
	hs   *ws.Handshake
	in   *ws.Reader
	out  *ws.Writer
	next uint64
}

func dialRaw(t *testing.T, gw *rivettest.Gateway, u *url.URL, protocols ...string) (*rawClient, error) {
	t.Helper()
	hs, err := ws.Dial(timeout(t), ws.DialConfig{URL: u, Protocols: protocols, NetDial: gw.Dial})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { hs.Conn.Close() })
	if err := hs.Conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{
		t: t, hs: hs,
		in:  ws.NewReader(hs.Conn, hs.Early, ws.ReaderConfig{Role: ws.Client}),
		out: ws.NewWriter(hs.Conn, ws.Client),
	}, nil
}

// connectRaw opens a connection to counter[key] and reads Init unless the
// test does.
func connectRaw(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding, protocols ...string) *rawClient {
	t.Helper()
	c, err := dialRaw(t, gw, gw.ConnectURL("counter", "k"), append([]string{"rivet", "rivet_encoding." + enc.String()}, protocols...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.enc = enc
	return c
}

func (c *rawClient) send(op ws.Op, payload []byte) {
	c.t.Helper()
	if err := errors.Join(c.out.Append(op, payload), c.out.Flush()); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *rawClient) op() ws.Op {
	if c.enc == codec.JSON {
		return ws.OpText
	}
	return ws.OpBinary
}

func (c *rawClient) subscribe(event string, on bool) {
	c.t.Helper()
	c.send(c.op(), codec.AppendSubscription(nil, c.enc, event, on))
}

func (c *rawClient) call(action string, args ...any) (id uint64) {
	c.t.Helper()
	data, err := codec.AppendArgs(nil, c.enc, args)
	if err != nil {
		c.t.Fatal(err)
	}
	id = c.next
	c.next++
	c.send(c.op(), codec.AppendActionRequest(nil, c.enc, id, action, data))
	return id
}

// read returns the next message of the protocol, its bytes copied.
func (c *rawClient) read() codec.Message {
	c.t.Helper()
	for {
		frame, err := c.in.Next()
		if err != nil {
			c.t.Fatalf("read: %v", err)
		}
		switch frame.Op {
		case ws.OpPong:
			continue
		case ws.OpClose:
			code, reason, _ := ws.ParseClose(frame.Payload)
			c.t.Fatalf("read: closed with %d %q", code, reason)
		}
		var m codec.Message
		if err := codec.DecodeToClient(c.enc, bytes.Clone(frame.Payload), &m); err != nil {
			c.t.Fatalf("read: %v in % x", err, frame.Payload)
		}
		return m
	}
}

func (c *rawClient) init() codec.Message {
	c.t.Helper()
	m := c.read()
	if m.Kind != codec.KindInit {
		c.t.Fatalf("got %v, want Init", m.Kind)
	}
	return m
}

// readClose reads on to a close frame, answers it and reads to the end.
func (c *rawClient) readClose() (code uint16, reason string) {
	c.t.Helper()
	for {
		frame, err := c.in.Next()
		if err != nil {
			c.t.Fatalf("read: %v, want a close frame", err)
		}
		if frame.Op == ws.OpClose {
			if code, reason, err = ws.ParseClose(frame.Payload); err != nil {
				c.t.Fatal(err)
			}
			break
		}
	}
	if err := errors.Join(c.out.AppendClose(code, ""), c.out.Flush()); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Next(); err == nil {
		c.t.Fatal("a frame after the close frame")
	}
	return code, reason
}

// decode decodes a value or fails.
func decode[T any](t *testing.T, enc codec.Encoding, data []byte) (v T) {
	t.Helper()
	if err := codec.Unmarshal(enc, data, &v); err != nil {
		t.Fatalf("decode % x: %v", data, err)
	}
	return v
}

// query is the query of a gateway URL for counter[k].
const query = "?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=k&rvt-crash-policy=sleep"

// do sends a request and returns status, header and body.
func do(t *testing.T, gw *rivettest.Gateway, method, path string, header http.Header, body []byte) (int, http.Header, []byte) {
	t.Helper()
	status, h, data, err := try(t, gw, method, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, h, data
}

func try(t *testing.T, gw *rivettest.Gateway, method, path string, header http.Header, body []byte) (int, http.Header, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(timeout(t), method, gw.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := *gw.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, data, err
}

// post calls an action of counter[k].
func post(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding, action string, args ...any) (int, http.Header, []byte, error) {
	t.Helper()
	data, err := codec.AppendArgs(nil, enc, args)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"X-Rivet-Encoding": {enc.String()}, "Content-Type": {enc.ContentType()}}
	return try(t, gw, http.MethodPost, "/gateway/counter/action/"+action+query, h, codec.AppendActionCall(nil, enc, data))
}

// counter defines an actor that counts and tells.
func counter(gw *rivettest.Gateway) *rivettest.Actor {
	count := 0
	return gw.Actor("counter").Handle("increment", func(_ context.Context, r *rivettest.Request) (any, error) {
		by := 1
		if err := r.Decode(&by); err != nil {
			return nil, err
		}
		count += by
		r.Emit("countChanged", count)
		return count, nil
	}).Handle("reset", func(context.Context, *rivettest.Request) (any, error) {
		count = 0
		return codec.None{}, nil
	}).Handle("fail", func(context.Context, *rivettest.Request) (any, error) {
		return nil, rivettest.UserError("too_much", "That is too much.", map[string]int{"limit": 3})
	}).Handle("crash", func(context.Context, *rivettest.Request) (any, error) {
		return nil, errors.New("a secret of the server")
	})
}
