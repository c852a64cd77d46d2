package wire

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
	"github.com/rivet-go/rivet/internal/ws"
)

// actorID is the id of the one actor.
const actorID = "bench000000000000000000000000l00"

// listen serves what clients of Rivet ask an engine for, as far as it takes to
// open connections to an actor.
func listen(s *sinks) (endpoint string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	g := &server{sinks: s}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, gateway.Metadata{Runtime: "engine", Version: "2.3.19"})
	})
	actor := gateway.Actor{ID: actorID, Name: Actor, Datacenter: "default", Pool: "default", CrashPolicy: "sleep"}
	mux.HandleFunc("GET /actors", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, gateway.ActorList{Actors: []gateway.Actor{actor}})
	})
	mux.HandleFunc("PUT /actors", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, gateway.ActorResult{Actor: actor})
	})
	mux.HandleFunc("GET /gateway/{actor}/connect", g.connect)
	mux.HandleFunc("POST /gateway/{actor}/action/{name}", g.action)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stop = func() error {
		// Connections that were taken over end with the process.
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
	return "http://" + l.Addr().String(), stop, nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// server is the gateway and the actor behind it.
type server struct {
	sinks *sinks
	conns atomic.Uint64
}

// action answers a call over HTTP with its arguments.
func (g *server) action(w http.ResponseWriter, r *http.Request) {
	enc, err := codec.ParseEncoding(r.Header.Get(gateway.HeaderEncoding))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	args, err := codec.DecodeActionCall(enc, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", enc.ContentType())
	_, _ = w.Write(codec.AppendActionResult(nil, enc, args))
}

// connect serves a connection to its end.
func (g *server) connect(w http.ResponseWriter, r *http.Request) {
	enc := codec.JSON
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if name, ok := strings.CutPrefix(strings.TrimSpace(p), "rivet_encoding."); ok {
				var err error
				if enc, err = codec.ParseEncoding(name); err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
			}
		}
	}
	hs, err := ws.Accept(w, r, ws.AcceptConfig{Protocol: func([]string) string { return "rivet" }})
	if err != nil {
		return
	}
	defer hs.Conn.Close()
	k := &sink{&socket{conn: hs.Conn}, format{enc: enc}}
	defer g.sinks.remove(k)
	id := "conn-" + strconv.FormatUint(g.conns.Add(1), 10)
	if k.message(codec.AppendInit(nil, enc, actorID, id)) != nil {
		return
	}
	// The connection is over when it cannot be read, whyever.
	_ = g.read(k, ws.NewReader(hs.Conn, hs.Early, ws.ReaderConfig{Role: ws.Server}))
}

// message writes one message of the protocol.
func (k *sink) message(payload []byte) error {
	op := ws.OpText
	if k.format.enc.Binary() {
		op = ws.OpBinary
	}
	return k.frame(op, payload)
}

func (k *sink) frame(op ws.Op, payload []byte) error {
	frame, err := ws.AppendFrame(nil, op, payload)
	if err != nil {
		return err
	}
	return k.write(frame)
}

// read does what a client asks for.
func (g *server) read(k *sink, r *ws.Reader) error {
	var m codec.Message
	for {
		in, err := r.Next()
		if err != nil {
			return err
		}
		switch in.Op {
		case ws.OpPing:
			err = k.frame(ws.OpPong, in.Payload)
		case ws.OpPong:
		case ws.OpClose:
			return k.frame(ws.OpClose, in.Payload)
		default:
			if err = codec.DecodeToServer(k.format.enc, in.Payload, &m); err != nil {
				return err
			}
			if m.Kind == codec.KindActionRequest {
				err = k.message(codec.AppendActionResponse(nil, k.format.enc, m.ID, m.Value))
			} else {
				g.sinks.change(string(m.Name), k, m.Subscribe)
			}
		}
		if err != nil {
			return err
		}
	}
}
