package broadcast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/rivet-go/rivet/bench/trial"
)

// PlayNATS is the role of a NATS server with a publisher in the same process, as
// its documentation has them together.
func PlayNATS(_ context.Context, _ []string, serve func(trial.Handlers) error) error {
	s, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: natsd.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		return err
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(patience) {
		return errors.New("the NATS server does not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return err
	}
	defer nc.Close()
	return answer(serve, s.Addr().String(), func(text string) error { return nc.Publish(event, []byte(text)) })
}

// startNATS starts one. Its members speak NATS' own protocol over TCP.
func startNATS(ctx context.Context, _ *trial.Trial) (broadcaster, error) {
	return startPeer(ctx, roleNATS, nil, func(_ context.Context, address string) (dialer, error) {
		return func(ctx context.Context) (*member, error) {
			conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\n", event); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return &member{conn: conn, next: lines(conn)}, nil
		}, nil
	})
}

// lines returns what comes in whole lines. What is asked for meanwhile, an answer
// to a ping after minutes, is not given.
func lines(r io.Reader) func() ([]byte, error) {
	buf := make([]byte, 16<<10)
	begin, end := 0, 0 // of what has been read and not returned
	return func() ([]byte, error) {
		for {
			end = copy(buf, buf[begin:end])
			begin = 0
			if end == len(buf) {
				return nil, errors.New("a line is too long")
			}
			n, err := r.Read(buf[end:])
			end += n
			if begin = bytes.LastIndexByte(buf[:end], '\n') + 1; begin > 0 {
				return buf[:begin], nil
			}
			if err != nil {
				return nil, err
			}
		}
	}
}
