package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/rivet-go/rivet/bench/trial"
)

// request and answer are what an action call over HTTP has in JSON.
type request struct {
	Args []int `json:"args"`
}

type answer struct {
	Output int `json:"output"`
}

// playHTTP answers what it is given with nothing but net/http.
func playHTTP(_ context.Context, _ []string, serve func(trial.Handlers) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req request
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Args) != 1 {
			http.Error(w, "one number is wanted", http.StatusBadRequest)
			return
		}
		text, err := json.Marshal(answer{req.Args[0]})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	err = serve(at("http://" + l.Addr().String()))
	err = errors.Join(err, srv.Close())
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// httpClient makes the same request with nothing but net/http. It keeps as many
// connections as this library does.
func httpClient(ctx context.Context, t *trial.Trial, callers int, p peer) error {
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	return drive(ctx, t, callers, p, func(ctx context.Context, n int) (int, error) {
		text, err := json.Marshal(request{[]int{n}})
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.endpoint+"/one", bytes.NewReader(text))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return 0, errors.New(resp.Status)
		}
		var a answer
		err = json.NewDecoder(resp.Body).Decode(&a)
		return a.Output, err
	})
}

const subject = "echo.one"

// playNATS is a NATS server with a service inside that answers what it is given.
func playNATS(_ context.Context, _ []string, serve func(trial.Handlers) error) (err error) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	srv.Start()
	defer func() { srv.Shutdown(); srv.WaitForShutdown() }()
	if !srv.ReadyForConnections(10 * time.Second) {
		return errors.New("NATS is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		return err
	}
	defer nc.Close()
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		return err
	}
	if err := nc.Flush(); err != nil {
		return err
	}
	return serve(at(srv.ClientURL()))
}

// natsClient makes requests over one connection.
func natsClient(ctx context.Context, t *trial.Trial, callers int, p peer) error {
	nc, err := nats.Connect(p.endpoint)
	if err != nil {
		return err
	}
	defer nc.Close()
	return drive(ctx, t, callers, p, func(_ context.Context, n int) (int, error) {
		m, err := nc.Request(subject, strconv.AppendInt(nil, int64(n), 10), time.Minute)
		if err != nil {
			return 0, fmt.Errorf("request %d: %w", n, err)
		}
		return strconv.Atoi(string(m.Data))
	})
}
