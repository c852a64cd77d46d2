package local

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
)

// answer is the answer of an actor. It adds what the gateway adds, and takes
// the place of the actor's own when the request was too large.
type answer struct {
	http.ResponseWriter
	r       *http.Request
	body    *limitedBody // nil for none
	begun   bool
	refused bool
	duplex  bool // the handler may read the body after it has begun to answer
}

// maxInline is the largest body that is taken in before its handler runs.
const maxInline = 64 << 10

// stream makes that a handler can read while it writes. False means that the
// client has gone.
//
// net/http cannot go on with a connection whose body was read to its end behind
// the handler's back in that mode. So small bodies are taken in, which needs no
// mode, and after the others, unless they were read before the answer began,
// the connection is closed.
func (a *answer) stream(req *http.Request) bool {
	if n := req.ContentLength; 0 < n && n <= maxInline {
		data := make([]byte, n)
		if _, err := io.ReadFull(a.body, data); err != nil {
			return false
		}
		req.Body = io.NopCloser(bytes.NewReader(data))
		return true
	}
	a.duplex = http.NewResponseController(a.ResponseWriter).EnableFullDuplex() == nil && a.r.ProtoMajor == 1
	return true
}

// WriteHeader is http.ResponseWriter's.
func (a *answer) WriteHeader(status int) {
	if a.begun || status < http.StatusOK {
		if !a.refused {
			a.ResponseWriter.WriteHeader(status)
		}
		return
	}
	a.begun = true
	h := a.Header()
	if a.body != nil && a.body.over.Load() {
		a.refused = true
		clear(h)
		h.Set("Connection", "close") // the rest of the body is on its way
		allowOrigin(h, a.r)
		setError(h, errTooLarge)
		writeError(a.ResponseWriter, a.r, gatewayStatus(errTooLarge), errTooLarge)
		return
	}
	if a.duplex && !a.body.ended.Load() {
		h.Set("Connection", "close")
	}
	allowOrigin(h, a.r)
	a.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	if a.refused {
		return 0, http.ErrBodyNotAllowed
	}
	return a.ResponseWriter.Write(p)
}

// finish begins the answer of a handler that has not, unless it has given up
// since nobody waits for one.
func (a *answer) finish() {
	if !a.begun && a.r.Context().Err() == nil {
		a.WriteHeader(http.StatusOK)
	}
}

// FlushError is for http.ResponseController.
func (a *answer) FlushError() error {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Flush is http.Flusher's.
func (a *answer) Flush() { _ = a.FlushError() }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// limitedBody is a request's body up to the gateway's limit.
type limitedBody struct {
	io.ReadCloser
	left int64
	// The request is larger, or was read to its end. Handlers may read beside
	// writing.
	over, ended atomic.Bool
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, &http.MaxBytesError{Limit: maxBody}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	if int64(n) <= b.left {
		b.left -= int64(n)
		return n, err
	}
	n = int(b.left)
	b.left = 0
	b.over.Store(true)
	return n, &http.MaxBytesError{Limit: maxBody}
}
