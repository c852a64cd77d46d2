package actors

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

func plainHTTP(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[struct{}]
	return actor.Define("http", func(d *actor.Definition[struct{}]) {
		actor.Handle(d, rivet.Action[none, string]("ping"), func(self, none) (string, error) { return "pong", nil })
		d.OnRequest(func(_ self, w http.ResponseWriter, r *http.Request) {
			number := func(name string, otherwise int) int {
				if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
					return n
				}
				return otherwise
			}
			switch r.URL.Path {
			case "/status":
				w.Header().Set("X-Fixture", "yes")
				w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
				w.WriteHeader(http.StatusTeapot)
				_, _ = io.WriteString(w, "teapot")
			case "/throw-user":
				actor.WriteError(w, r, actor.UserError("refused", "request refused", map[string]any{"path": r.URL.Path}))
			case "/throw":
				panic(errInternal)
			case "/bytes":
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = w.Write([]byte{0, 1, 2, 255})
			case "/empty":
				w.WriteHeader(http.StatusNoContent)
			case "/big":
				w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
				_, _ = io.WriteString(w, strings.Repeat("x", number("n", 0)))
			case "/stream":
				w.Header().Set("Content-Type", "text/plain")
				for i := range number("n", 3) {
					if i > 0 {
						time.Sleep(time.Duration(number("ms", 100)) * time.Millisecond)
					}
					if _, err := io.WriteString(w, "chunk "+strconv.Itoa(i)+"\n"); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
				}
			default:
				reflectRequest(w, r)
			}
		})
	}, opts...)
}

// reflectRequest answers with what came.
func reflectRequest(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	search := ""
	if r.URL.RawQuery != "" {
		search = "?" + r.URL.RawQuery
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "url": r.URL.String(), "pathname": r.URL.EscapedPath(), "search": search,
		"headers": headers, "body": string(body), "length": len(body),
	})
}

type socketStats struct {
	Opened int         `json:"opened"`
	Closed []closeInfo `json:"closed"`
}

type closeInfo struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

func sockets(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[socketStats]
	return actor.Define("rawws", func(d *actor.Definition[socketStats]) {
		d.State(socketStats{Closed: []closeInfo{}})
		actor.Handle(d, rivet.Action[none, socketStats]("stats"), func(c self, _ none) (socketStats, error) { return *c.State, nil })
		d.OnWebSocket(func(c self, ws *actor.WebSocket) error {
			if err := c.Update(func(s *socketStats) { s.Opened++ }); err != nil {
				return err
			}
			end := closeInfo{Code: 1000}
			for m, err := range ws.Messages(c) {
				if err != nil {
					if e, ok := err.(*rivet.CloseError); ok {
						end = closeInfo{e.Code, e.Reason}
					}
					break
				}
				switch text := string(m.Data); {
				case m.Text && text == "info":
					if err := ws.Send(c, rivet.Text(handshake(c.Conn().Request()))); err != nil {
						return err
					}
				case m.Text && strings.HasPrefix(text, "close"):
					code, reason, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(text, "close"), " "), " ")
					n, err := strconv.Atoi(code)
					if err != nil {
						n = 1000
					}
					ws.Close(n, reason)
				default:
					if err := ws.Send(c, m); err != nil {
						return err
					}
				}
			}
			return c.Update(func(s *socketStats) { s.Closed = append(s.Closed, end) })
		})
	}, opts...)
}

// handshake tells of the request that opened a socket.
func handshake(r *http.Request) string {
	header := func(name string) any {
		if v := r.Header.Values(name); len(v) > 0 {
			return strings.Join(v, ", ")
		}
		return nil
	}
	search := ""
	if r.URL.RawQuery != "" {
		search = "?" + r.URL.RawQuery
	}
	text, _ := json.Marshal(struct {
		URL      string `json:"url"`
		Pathname string `json:"pathname"`
		Search   string `json:"search"`
		Protocol any    `json:"protocol"`
		Header   any    `json:"header"`
	}{"http://127.0.0.1" + r.URL.RequestURI(), r.URL.EscapedPath(), search, header("Sec-WebSocket-Protocol"), header("X-Fixture")})
	return string(text)
}

// bare has neither raw handlers nor anything else.
func bare(opts []actor.DefinitionOption) actor.Actor {
	return actor.Define("bare", func(*actor.Definition[struct{}]) {}, opts...)
}
