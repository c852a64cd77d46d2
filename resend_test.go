package rivet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// What an earlier try may have done is not forgotten because a later one was
// refused.
func TestMaybeExecutedStays(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/action/", rivettest.Run(rivettest.Reset()), rivettest.Fail(rivettest.Error("api", "forbidden", "m", nil)))
	_, err := increment.Call(t.Context(), gw.Client(t).GetOrCreate("counter", nil), 1, rivet.Idempotent())
	if !errors.Is(err, rivet.ErrForbidden) || !rivet.MaybeExecuted(err) {
		t.Errorf("%v, maybe executed %v", err, rivet.MaybeExecuted(err))
	}
}

// The steps before a call may be repeated whatever became of them.
func TestLookupIsRepeated(t *testing.T) {
	for name, step := range map[string]rivettest.Step{
		"bad gateway": rivettest.Status(502, "<html>"),
		"reset":       rivettest.Reset(),
	} {
		gw := newGateway(t)
		gw.ScriptHTTP("/metadata", step)
		if n, err := increment.Call(t.Context(), gw.Client(t).GetOrCreate("counter", nil), 1); n != 1 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// An answer that cannot be read is one of an actor that may have run the call.
func TestUnreadableAnswer(t *testing.T) {
	r := &recorder{answer: func(seenRequest) (int, string, string) { return 200, "application/octet-stream", "" }}
	_, err := increment.Call(t.Context(), newClient(t, r).GetOrCreate("a", nil), 1)
	if err == nil || !rivet.MaybeExecuted(err) || len(r.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(r.requests()))
	}
}

// Of a transport that does not say whether it has a connection, what counts is
// whether it looked at the body.
func TestTransportThatDoesNotTellOfConnections(t *testing.T) {
	lost := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	for _, reads := range []bool{true, false} {
		sends := 0
		next := &recorder{}
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			if sends++; sends > 1 {
				return next.RoundTrip(req)
			}
			if reads {
				_, _ = io.ReadAll(req.Body)
			}
			req.Body.Close()
			return nil, lost
		})
		noEnv(t)
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: rt}), rivet.WithoutMetadataLookup())
		if err != nil {
			t.Fatal(err)
		}
		_, err = increment.Call(t.Context(), c.GetOrCreate("a", nil), 1)
		want := 2
		if reads {
			want = 1
		}
		if sends != want || reads && !rivet.MaybeExecuted(err) {
			t.Errorf("body read %v: sent %d times, %v", reads, sends, err)
		}
		c.Close()
	}
}

// A mistake of the program's does not pass by asking again.
func TestCallbackErrorsAreFinal(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := newClient(t, &recorder{}).GetOrCreate("a", nil, rivet.WithParamsFunc(func(context.Context) (any, error) {
			asked++
			return nil, io.ErrUnexpectedEOF
		}))
		_, err := increment.Call(t.Context(), h, 1, rivet.Idempotent())
		if !errors.Is(err, io.ErrUnexpectedEOF) || rivet.MaybeExecuted(err) || asked != 1 {
			t.Errorf("%v, asked %d times", err, asked)
		}
	})
}

// One refusal of the token is enough to ask where requests go; an actor's own
// refusal says nothing of that.
func TestWhoseRefusalDropsMetadata(t *testing.T) {
	for _, tt := range []struct {
		name    string
		actor   string
		lookups int
	}{
		{"of a proxy", "", 2},
		{"of the actor", "id1", 1},
	} {
		lookups := 0
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			status, body, header := 401, "", http.Header{}
			if strings.HasSuffix(req.URL.Path, "/metadata") {
				lookups++
				status, body = 200, `{"runtime":"engine","version":"2.3.19"}`
			} else if tt.actor != "" {
				header.Set("X-Rivet-Actor", tt.actor)
			}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: req}, nil
		})
		noEnv(t)
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: rt}))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := increment.Call(t.Context(), c.GetOrCreate("a", nil), 1); err == nil {
				t.Errorf("%s: no error", tt.name)
			}
		}
		if lookups != tt.lookups {
			t.Errorf("%s: %d lookups, want %d", tt.name, lookups, tt.lookups)
		}
		c.Close()
	}
}

// endless is a body without end that counts what is read of it.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.n += int64(len(p))
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// No answer is read without a bound, whether its length is told or not.
func TestEndlessAnswers(t *testing.T) {
	const limit = 8 << 20
	for _, tt := range []struct {
		status int
		length int64
		most   int64
	}{
		{200, -1, 3 * limit},
		{200, limit + 1, 0},
		{500, -1, 5 << 20},
	} {
		body := &endless{}
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: tt.status, Header: http.Header{}, Body: body, ContentLength: tt.length, Request: req}, nil
		})
		noEnv(t)
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: rt}), rivet.WithoutMetadataLookup(), rivet.WithReadLimit(limit))
		if err != nil {
			t.Fatal(err)
		}
		_, err = increment.Call(t.Context(), c.GetOrCreate("a", nil), 1)
		var tooLarge *rivet.ResponseTooLargeError
		if !rivet.MaybeExecuted(err) || errors.As(err, &tooLarge) != (tt.status == 200) || body.n > tt.most {
			t.Errorf("%d with length %d: %v after %d bytes", tt.status, tt.length, err, body.n)
		}
		c.Close()
	}
}
