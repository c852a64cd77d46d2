package rivet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

const (
	jsonEncoding = codec.JSON
	// maxAPIBody bounds answers of the engine's API.
	maxAPIBody = 8 << 20
	// maxErrorBody bounds what is read of an answer that is an error.
	maxErrorBody = 2 << 20
)

var (
	errLookupTimeout = fmt.Errorf("no metadata within %v: %w", lookupTimeout, context.DeadlineExceeded)
	errCallTimeout   = fmt.Errorf("no answer within the call timeout (WithCallTimeout): %w", context.DeadlineExceeded)
)

// answerError is an answer that makes no sense.
type answerError struct{ what string }

func (e *answerError) Error() string { return "answer " + e.what }

// request is one HTTP request with its whole body.
type request struct {
	method, url string
	header      http.Header
	body        []byte
	limit       int64 // bytes of the answer's body
}

// reply is one HTTP response with its whole body.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// notSentError is a failure before anything of a request was written.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

// exchange sends one request and reads the answer. Its errors hold no URL.
//
// The body has a GetBody, so that net/http may replace a kept-alive connection
// that turned out to be closed. It does so only when nothing of the request
// was written, except for requests whose header says that they are idempotent;
// those get no GetBody.
func (c *Client) exchange(ctx context.Context, r request) (*reply, error) {
	resp, err := c.open(ctx, r.method, r.url, r.header, r.body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	limit, failed := r.limit, resp.StatusCode/100 != 2
	if failed {
		limit = maxErrorBody // and the rest, surely a page of somebody else's, is left
	}
	if resp.ContentLength > limit && !failed {
		return nil, &ResponseTooLargeError{Limit: limit}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, transportError(ctx, err)
	}
	if int64(len(body)) > limit {
		if !failed {
			return nil, &ResponseTooLargeError{Limit: limit}
		}
		body = body[:limit]
	}
	return &reply{resp.StatusCode, resp.Header, body}, nil
}

// open sends one request and returns the response with its body unread.
func (c *Client) open(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	var reader io.Reader
	var read, connected atomic.Bool
	if body != nil {
		reader = &watchedBody{bytes.NewReader(body), &read}
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, method, target, reader)
	if err != nil {
		return nil, &notSentError{errors.New("build the request: the endpoint gives no valid URL")}
	}
	req.Header = header
	if body != nil {
		req.ContentLength = int64(len(body))
		if header.Get("Idempotency-Key") == "" && header.Get("X-Idempotency-Key") == "" {
			req.GetBody = func() (io.ReadCloser, error) {
				return &watchedBody{bytes.NewReader(body), &read}, nil
			}
		}
	}
	resp, err := c.do(req)
	if err != nil {
		cause := transportError(ctx, err)
		// Without a connection nothing was written. A transport that is not
		// net/http's may not say that it has one, but it cannot have sent a
		// request whose body it never looked at.
		if !connected.Load() && (body != nil && !read.Load() || c.own != nil) {
			return nil, &notSentError{cause}
		}
		return nil, cause
	}
	return resp, nil
}

// watchedBody tells when it is read.
type watchedBody struct {
	r    *bytes.Reader
	read *atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	return b.r.Read(p)
}

func (b *watchedBody) Close() error { return nil }

// transportError strips the URL, which may hold a token, off an error of
// net/http, and puts the context's error in its place when that is the cause.
func transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return err
}

// contextError returns why ctx ended: its cause, with its own error beside it
// where the cause does not tell.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return cause
	}
	if errors.Is(cause, ErrClosed) || errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// failure returns the error that a response stands for, nil for success.
func (r *reply) failure(enc codec.Encoding) error {
	return failure(enc, r.status, r.header, r.body)
}

func failure(enc codec.Encoding, status int, header http.Header, body []byte) error {
	switch {
	case status/100 == 2:
		return nil
	case status/100 == 3:
		host := ""
		if u, err := url.Parse(header.Get("Location")); err == nil {
			host = u.Host
		}
		return &RedirectError{Status: status, Host: host}
	}
	e := codec.DecodeHTTPError(enc, status, header.Get("Content-Type"), body)
	if e.RayID == "" {
		e.RayID = header.Get(gateway.HeaderRayID)
	}
	if id := header.Get(gateway.HeaderActor); e.Actor == nil && id != "" {
		ref := &ActorRef{ID: id, Key: header.Get(gateway.HeaderActorKey)}
		ref.Generation, _ = strconv.ParseUint(header.Get(gateway.HeaderActorGeneration), 10, 64)
		_, ref.HasKey = header[gateway.HeaderActorKey]
		e.Actor = ref
	}
	return e
}

// pause waits for d, or for the end of ctx, whose error it then returns.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// transient reports whether an error of the network may pass.
func transient(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary || dns.IsTimeout
	}
	var ne net.Error
	return errors.As(err, &ne)
}
