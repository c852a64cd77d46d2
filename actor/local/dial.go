package local

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/internal/pipe"
)

// localHost is the host that clients in this process name. It is in no DNS.
const localHost = "rivet.local"

// options are what a client in this process needs.
func (f *front) options() []rivet.Option {
	return []rivet.Option{
		rivet.WithEndpoint("http://" + localHost),
		rivet.WithNamespace(namespace),
		rivet.WithHTTPClient(&http.Client{Transport: localTransport{f}}),
		rivet.WithDialer(f.dial),
	}
}

// localTransport has the front answer requests without any connection.
type localTransport struct{ f *front }

// RoundTrip is http.RoundTripper's. It returns with the header of the answer;
// handler and client go on beside each other then, with a buffer between them.
func (t localTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	f := t.f
	if !f.enter(&f.calls) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, pipe.Refused("mem", pipe.Addr(localHost))
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	in := serverRequest(r, ctx)
	a := newLocalAnswer(r, cancel)
	stop := context.AfterFunc(f.ctx, func() { cancel(errShutdown) })
	unhook := context.AfterFunc(ctx, func() {
		a.fail(context.Cause(ctx))
		_ = in.Body.Close() // a read may wait for the client
	})
	go func() {
		defer f.calls.Done()
		defer func() {
			stop()
			unhook()
			cancel(context.Canceled)
			_ = in.Body.Close()
		}()
		a.run(f, in)
	}()
	select {
	case <-a.begun:
	case <-ctx.Done():
	}
	return a.response(ctx)
}

// serverRequest is a client's request as a server gets it.
func serverRequest(r *http.Request, ctx context.Context) *http.Request {
	in := r.Clone(ctx)
	in.RequestURI = in.URL.RequestURI()
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RemoteAddr = localHost
	in.Close = false
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Header == nil {
		in.Header = make(http.Header)
	}
	if in.Body == nil {
		in.Body, in.ContentLength = http.NoBody, 0
	} else if in.ContentLength == 0 && in.Body != http.NoBody {
		in.ContentLength = -1 // which for a client means: not known
	}
	return in
}

// maxAhead is how many bytes of an answer wait for a client in this process.
const maxAhead = 256 << 10

// localAnswer is an answer on its way from a handler to a client. The handler
// has it as http.ResponseWriter, the client as body of the response.
type localAnswer struct {
	request *http.Request
	cancel  context.CancelCauseFunc
	header  http.Header // the handler's
	begun   chan struct{}

	mu     sync.Mutex
	cond   sync.Cond
	status int // zero until the handler has begun to answer
	sent   http.Header
	buf    []byte
	off    int
	err    error // io.EOF when all was written
	closed bool  // by the client
}

func newLocalAnswer(r *http.Request, cancel context.CancelCauseFunc) *localAnswer {
	a := &localAnswer{request: r, cancel: cancel, header: make(http.Header), begun: make(chan struct{})}
	a.cond.L = &a.mu
	return a
}

// run has the front answer. A panic ends the answer as net/http ends it: the
// client sees that it is not whole.
func (a *localAnswer) run(f *front, in *http.Request) {
	defer func() {
		p := recover()
		switch {
		case p == nil && a.finish(in.Context()):
			a.fail(io.EOF)
		case p == nil:
			a.fail(context.Cause(in.Context()))
		default:
			if p != http.ErrAbortHandler {
				f.log.Error("panic while answering", "panic", p, slog.String("stack", string(debug.Stack())))
			}
			a.fail(io.ErrUnexpectedEOF)
		}
	}()
	f.ServeHTTP(a, in)
}

// finish begins the answer of a handler that has not; false when that was so
// because ctx has ended.
func (a *localAnswer) finish(ctx context.Context) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 && ctx.Err() != nil {
		return false
	}
	a.writeHeader(http.StatusOK)
	return true
}

// fail ends the answer, at its end or before.
func (a *localAnswer) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	a.err = err
	if a.status == 0 {
		close(a.begun)
	}
	a.cond.Broadcast()
}

// response is what RoundTrip returns once the answer has begun or failed.
func (a *localAnswer) response(ctx context.Context) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 {
		err := a.err
		if err == nil { // the context has ended this very moment
			err = context.Cause(ctx)
		}
		return nil, err
	}
	res := &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: (*localBody)(a), ContentLength: -1, Request: a.request,
	}
	if n, err := strconv.ParseInt(a.sent.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		res.ContentLength = n
	}
	return res, nil
}

// Header is http.ResponseWriter's.
func (a *localAnswer) Header() http.Header { return a.header }

// WriteHeader is http.ResponseWriter's.
func (a *localAnswer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writeHeader(status)
}

func (a *localAnswer) writeHeader(status int) {
	if a.status != 0 || a.err != nil || status < http.StatusOK {
		return
	}
	a.status = status
	a.sent = maps.Clone(a.header)
	close(a.begun)
}

// bodiless reports whether nothing may follow the header.
func (a *localAnswer) bodiless() bool {
	return a.request.Method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified
}

// Write is http.ResponseWriter's. It blocks while the client is behind.
func (a *localAnswer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 && a.err == nil {
		if _, ok := a.header["Content-Type"]; !ok {
			a.header.Set("Content-Type", http.DetectContentType(p))
		}
		a.writeHeader(http.StatusOK)
	}
	if a.bodiless() {
		return 0, http.ErrBodyNotAllowed
	}
	done := 0
	for {
		switch {
		case a.closed, a.err != nil:
			return done, io.ErrClosedPipe
		case len(p) == 0:
			return done, nil
		}
		if a.off > 0 && len(a.buf)+len(p) > cap(a.buf) {
			a.buf = a.buf[:copy(a.buf, a.buf[a.off:])]
			a.off = 0
		}
		n := min(len(p), maxAhead-(len(a.buf)-a.off))
		if n <= 0 {
			a.cond.Wait()
			continue
		}
		a.buf = append(a.buf, p[:n]...)
		p, done = p[n:], done+n
		a.cond.Broadcast()
	}
}

// FlushError is for http.ResponseController. What is written is there at once.
func (a *localAnswer) FlushError() error {
	a.WriteHeader(http.StatusOK)
	return nil
}

// Flush is http.Flusher's.
func (a *localAnswer) Flush() { a.WriteHeader(http.StatusOK) }

// EnableFullDuplex is for http.ResponseController. It is so anyway.
func (a *localAnswer) EnableFullDuplex() error { return nil }

// localBody is the client's side of a localAnswer.
type localBody localAnswer

func (b *localBody) Read(p []byte) (int, error) {
	a := (*localAnswer)(b)
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		switch {
		case a.closed:
			return 0, http.ErrBodyReadAfterClose
		case a.err != nil && a.err != io.EOF && a.err != io.ErrUnexpectedEOF:
			return 0, a.err // the client's own context
		case a.off < len(a.buf):
			n := copy(p, a.buf[a.off:])
			if a.off += n; a.off == len(a.buf) {
				a.buf, a.off = a.buf[:0], 0
			}
			a.cond.Broadcast()
			return n, nil
		case a.err != nil:
			return 0, a.err
		case len(p) == 0:
			return 0, nil
		}
		a.cond.Wait()
	}
}

// Close tells the handler that nobody reads on.
func (b *localBody) Close() error {
	a := (*localAnswer)(b)
	a.mu.Lock()
	a.closed, a.buf = true, nil
	a.off = 0
	a.cond.Broadcast()
	a.mu.Unlock()
	a.cancel(context.Canceled)
	return nil
}

// dial opens a connection in memory, which is for one WebSocket.
func (f *front) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: pipe.Addr(localHost), Err: err}
	}
	client, server := pipe.New("client", localHost)
	c := &localConn{conn: server, f: f, in: bufio.NewReaderSize(server, 4<<10), header: make(http.Header), status: http.StatusOK}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		c.conn.Reset()
		return nil, pipe.Refused(network, pipe.Addr(localHost))
	}
	f.open[c] = struct{}{}
	f.sockets.Add(1)
	go c.serve()
	return client, nil
}

// localConn is the host's end of a connection, and answers the one request of
// it, which has to be a handshake.
type localConn struct {
	conn   *pipe.Conn
	f      *front
	in     *bufio.Reader
	header http.Header
	status int
	body   []byte
	taken  bool // by a WebSocket
}

// hangUp cuts the connections that are no WebSocket yet.
func (f *front) hangUp() {
	f.mu.Lock()
	open := f.open
	f.open = make(map[*localConn]struct{})
	f.mu.Unlock()
	for c := range open {
		c.conn.Reset()
	}
}

// leave takes the connection off the list; false when it was cut.
func (c *localConn) leave() bool {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	_, ok := c.f.open[c]
	delete(c.f.open, c)
	return ok
}

func (c *localConn) serve() {
	defer c.f.sockets.Done()
	defer c.leave()
	r, err := http.ReadRequest(c.in)
	if err != nil {
		_ = c.conn.Close()
		return
	}
	r.RemoteAddr = localHost
	if upgradeWanted(r.Header) {
		c.f.ServeHTTP(c, r.WithContext(c.f.ctx))
	} else {
		http.Error(c, "only WebSockets are answered here", http.StatusBadRequest)
	}
	if c.taken {
		return
	}
	res := http.Response{
		StatusCode: c.status, ProtoMajor: 1, ProtoMinor: 1, Header: c.header, Close: true,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}
	_ = res.Write(c.conn)
	_ = c.conn.Close()
}

// Header is http.ResponseWriter's.
func (c *localConn) Header() http.Header { return c.header }

// WriteHeader is http.ResponseWriter's.
func (c *localConn) WriteHeader(status int) { c.status = status }

// Write is http.ResponseWriter's. It keeps the little that answers a handshake.
func (c *localConn) Write(p []byte) (int, error) {
	c.body = append(c.body, p...)
	return len(p), nil
}

// Hijack is http.Hijacker's.
func (c *localConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !c.leave() {
		return nil, nil, net.ErrClosed
	}
	c.taken = true
	return c.conn, bufio.NewReadWriter(c.in, bufio.NewWriterSize(c.conn, 16)), nil
}
