package rivet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// lockedBuffer is a log that many goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tokens, parameters, inputs and arguments are in no log, no error and no
// String, whatever goes wrong.
func TestBehaviour38_SecretsOutOfLogsAndErrors(t *testing.T) {
	const token, params, input, arg = "hushtoken", "hushparams", "hushinput", "hushargs"
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	check := func(where, text string) {
		t.Helper()
		if strings.Contains(text, "hush") {
			t.Errorf("%s: %q", where, text)
		}
	}
	faults := map[string][]rivettest.Step{
		"none":         nil,
		"reset":        {rivettest.Reset(), rivettest.Reset()},
		"html":         {rivettest.Status(502, "<html>bad gateway</html>"), rivettest.Status(502, "<html>")},
		"unauthorized": {rivettest.Status(401, ""), rivettest.Status(401, "")},
		"redirect":     {rivettest.Redirect(307, "http://else.test/?rvt-token=hushtoken")},
		"user error":   {rivettest.Fail(rivettest.UserError("no", "No", nil))},
		"refused":      {rivettest.Refuse(1000)},
	}
	for name, steps := range faults {
		for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
			gw := newGateway(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if name == "refused" {
				gw.Down()
			} else if steps != nil {
				gw.ScriptHTTP("/action/", steps...)
				gw.ScriptHTTP("/request/", steps...)
				if name != "redirect" {
					gw.Script(steps...)
				}
			}
			c := gw.Client(t, rivet.WithToken(token), rivet.WithLogger(logger), rivet.WithObserver(rivet.Observer{
				Call:    func(i rivet.CallInfo) { check(name+": observer", fmt.Sprintf("%+v", i)) },
				Attempt: func(i rivet.AttemptInfo) { check(name+": observer", fmt.Sprintf("%+v", i)) },
			}))
			h := c.GetOrCreate("counter", key, rivet.WithParams(params), rivet.WithInput(input))
			for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
				check(name+": "+format, fmt.Sprintf(format, h)+fmt.Sprintf(format, c))
			}
			_, action := h.Action(ctx, "increment", arg)
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://actor/x?y=hushquery", nil)
			resp, do := h.Do(req)
			if do == nil {
				resp.Body.Close()
			}
			_, socket := h.WebSocket(ctx, "x?y=hushquery")
			live := h.Connect(ctx, rivet.WithRetry(func(f conn.Failure) bool { check(name+": failure", f.Err.Error()); return false }))
			ready := live.Ready(ctx)
			live.Close()
			for op, err := range map[string]error{
				"action": action, "do": do, "websocket": socket, "ready": ready, "connection": live.Err(),
				"send": h.Send(ctx, "none", arg),
			} {
				if err != nil {
					check(name+": "+op, fmt.Sprintf("%v %+v %s", err, err, err))
				}
			}
			cancel()
			c.Close()
		}
	}
	t.Run("default transport", func(t *testing.T) {
		noEnv(t)
		c, err := rivet.NewClient(rivet.WithEndpoint("http://ns:hushtoken@engine.test:1"), rivet.WithLogger(logger), rivet.WithDialer(func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no network")
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = increment.Call(t.Context(), c.GetOrCreate("a", nil, rivet.WithParams(params)), 1)
		check("call", err.Error())
		_, err = rivet.NewClient(rivet.WithEndpoint("http://ns:hush%zztoken@h"))
		check("endpoint", err.Error())
		_, err = rivet.NewClient(rivet.WithEndpoint("http://ns:hush token@h\x00"))
		check("endpoint", err.Error())
	})
	check("log", log.String())
	if log.String() == "" {
		t.Error("nothing was logged: the test sees nothing")
	}
}

// A context with a deadline ends the connection; that is rarely meant.
func TestConnectLogsDeadline(t *testing.T) {
	var log lockedBuffer
	gw := newGateway(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	c := gw.Client(t, rivet.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).GetOrCreate("counter", nil).Connect(ctx)
	defer c.Close()
	if !strings.Contains(log.String(), "deadline") {
		t.Errorf("log %q", log.String())
	}
}
