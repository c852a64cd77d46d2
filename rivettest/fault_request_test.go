package rivettest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

func TestFaultsOfRequests(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		gw.ScriptHTTP("/action/", rivettest.Status(502, "<h1>Bad Gateway</h1>"))
		if status, h, body, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 502 ||
			!strings.HasPrefix(h.Get("Content-Type"), "text/html") || string(body) != "<h1>Bad Gateway</h1>" {
			t.Errorf("%d %v %s %v", status, h, body, err)
		}
		gw.ScriptHTTP("/action/", rivettest.Answer(500, "", nil))
		if status, h, body, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 500 || len(body) > 0 || h.Get("Content-Type") != "" {
			t.Errorf("%d %v %s %v", status, h, body, err)
		}
		gw.ScriptHTTP("/action/", rivettest.Reset())
		if _, _, _, err := post(t, gw, codec.BARE, "increment"); err == nil {
			t.Error("reset: no error")
		}
		gw.ScriptHTTP("/action/", rivettest.Redirect(307, "http://elsewhere.invalid/"))
		if status, h, _, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 307 || h.Get("Location") != "http://elsewhere.invalid/" {
			t.Errorf("%d %v %v", status, h, err)
		}
		for _, enc := range encodings {
			gw.ScriptHTTP("/action/", rivettest.Fail(rivettest.Error("actor", "restarting", "", map[string]bool{"retryable": true})))
			status, h, body, err := post(t, gw, enc, "increment")
			if e := codec.DecodeHTTPError(enc, status, h.Get("Content-Type"), body); err != nil || e.Code != "restarting" || h.Get("Content-Type") != enc.ContentType() {
				t.Errorf("%v: %v %v", enc, e, err)
			}
			gw.ScriptHTTP("/action/", rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "", nil)))
			status, h, body, err = post(t, gw, enc, "increment")
			if e := codec.DecodeHTTPError(enc, status, h.Get("Content-Type"), body); err != nil || status != 503 || e.Code != "actor_ready_timeout" || h.Get("Content-Type") != "application/json" {
				t.Errorf("%v: %v %v", enc, e, err)
			}
		}
		// None of these has reached the actor; the next ones do.
		gw.ScriptHTTP("/action/increment", rivettest.Run(rivettest.Status(502, "")), rivettest.Run(rivettest.Reset()), rivettest.CutBody())
		if status, _, _, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 502 {
			t.Errorf("run: %d %v", status, err)
		}
		if _, _, _, err := post(t, gw, codec.BARE, "increment"); err == nil {
			t.Error("run, then reset: no error")
		}
		if status, _, body, err := post(t, gw, codec.BARE, "increment"); !errors.Is(err, io.ErrUnexpectedEOF) || status != 200 || len(body) == 0 {
			t.Errorf("cut body: %d % x %v", status, body, err)
		}
		_, _, body, err := post(t, gw, codec.BARE, "increment")
		if err != nil {
			t.Fatal(err)
		}
		out, err := codec.DecodeActionResult(codec.BARE, body)
		if err != nil || decode[int](t, codec.BARE, out) != 4 {
			t.Errorf("% x %v", out, err)
		}
	})
}

// Whatever the answer after it, a request that a step runs is run once.
func TestRunRunsOnce(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		for i, tc := range []struct {
			step rivettest.Step
			took time.Duration
			err  error
		}{
			{rivettest.Pass(), 0, nil},
			{rivettest.Delay(3 * time.Second), 3 * time.Second, nil},
			{rivettest.CutBody(), 0, io.ErrUnexpectedEOF},
		} {
			gw.ScriptHTTP("/action/", rivettest.Run(tc.step))
			start := time.Now()
			status, h, body, err := post(t, gw, codec.BARE, "increment")
			if took := time.Since(start); status != 200 || !errors.Is(err, tc.err) || took != tc.took {
				t.Errorf("%v: %d %v after %v", tc.step, status, err, took)
			}
			if h.Get("Content-Type") != codec.BARE.ContentType() || h.Get("X-Rivet-Actor") == "" {
				t.Errorf("%v: header %v", tc.step, h)
			}
			if tc.err != nil {
				continue
			}
			out, err := codec.DecodeActionResult(codec.BARE, body)
			if err != nil || decode[int](t, codec.BARE, out) != i+1 {
				t.Errorf("%v: answered % x, %v; want count %d", tc.step, out, err, i+1)
			}
		}
		_, _, body, err := post(t, gw, codec.BARE, "increment")
		if err != nil {
			t.Fatal(err)
		}
		out, err := codec.DecodeActionResult(codec.BARE, body)
		if err != nil || decode[int](t, codec.BARE, out) != 4 {
			t.Errorf("after three runs: % x, %v; want count 4", out, err)
		}
	})
}

func TestHangingRequestEndsWithItsCaller(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.ScriptHTTP("", rivettest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, gw.Endpoint()+"/metadata", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gw.HTTPClient().Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
