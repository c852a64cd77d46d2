package receive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

// natsRole is the name of NATSServer among the roles of the program.
const natsRole = "nats-server"

// nats.go drops messages that find no room, so that both ways to subscribe have
// room for as many as there can be.

// natsCallback has messages given to a function.
func natsCallback(take func([]byte, *tally) error) receiver {
	return natsReceiver(func(ctx context.Context, x *exchange, nc *nats.Conn) error {
		t := x.tally(1)
		failed := make(chan error, 1)
		sub, err := nc.Subscribe(x.payload.Event(), func(m *nats.Msg) {
			if err := take(m.Data, t); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
		if err != nil {
			return err
		}
		if err := sub.SetPendingLimits(-1, -1); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		}
	})
}

// natsRoom is how many messages may wait in a channel.
const natsRoom = 1 << 20

// natsChannel receives messages from a channel.
var natsChannel = natsReceiver(func(ctx context.Context, x *exchange, nc *nats.Conn) error {
	t := x.tally(1)
	messages := make(chan *nats.Msg, natsRoom)
	if _, err := nc.ChanSubscribe(string(wire.Trades), messages); err != nil {
		return err
	}
	for {
		select {
		case m := <-messages:
			t.size(wire.Size(m.Data))
		case <-ctx.Done():
			return nil
		}
	}
})

func natsReceiver(subscribe func(ctx context.Context, x *exchange, nc *nats.Conn) error) receiver {
	return func(ctx context.Context, x *exchange) error {
		nc, err := nats.Connect(x.feed.NATS, nats.NoReconnect())
		if err != nil {
			return err
		}
		defer nc.Close()
		return subscribe(ctx, x, nc)
	}
}

// natsUndecoded looks at the place where the size is.
func natsUndecoded(data []byte, t *tally) error {
	t.size(wire.Size(data))
	return nil
}

// natsBlob takes a byte string as it is.
func natsBlob(data []byte, t *tally) error {
	t.blob(data)
	return nil
}

// natsFxamacker decodes with fxamacker/cbor.
func natsFxamacker(data []byte, t *tally) error {
	var v wire.Trade
	if err := cbor.Unmarshal(data, &v); err != nil {
		return err
	}
	t.size(v.Size)
	return nil
}

// natsServer is the role of an embedded NATS server, with a publisher that writes
// what a client would, in large pieces. The server may keep as much for a slow
// subscriber as there is.
func natsServer(ctx context.Context, _ []string, serve func(trial.Handlers) error) (err error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPending: 1 << 32})
	if err != nil {
		return err
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the NATS server is not ready")
	}
	p, err := newNATSPublisher(s.Addr().String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return serve(wire.Feed{
		Addresses: wire.Broadcaster{NATS: s.ClientURL()},
		Subscribed: func(_ wire.Payload, n int) error {
			return until(ctx, func() bool { return s.GlobalAccount().Interest(string(wire.Trades)) == n })
		},
		Flow: func(o wire.Order) (wire.Sent, error) { return wire.Publish(o, p) },
		Tick: func(t wire.Ticks) ([]int64, error) { return wire.PublishTicks(ctx, t, p) },
	}.Handlers())
}

// natsPublisher is a client of NATS that only publishes.
type natsPublisher struct {
	net.Conn
	out *bufio.Writer
}

func newNATSPublisher(addr string) (*natsPublisher, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &natsPublisher{c, bufio.NewWriterSize(c, 64<<10)}
	in := bufio.NewReader(c)
	if _, err = in.ReadString('\n'); err == nil { // what the server says of itself
		_, err = io.WriteString(c, "CONNECT {\"verbose\":false}\r\nPING\r\n")
	}
	if err == nil {
		_, err = in.ReadString('\n')
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return p, nil
}

func (p *natsPublisher) Publish(data []byte) error {
	fmt.Fprintf(p.out, "PUB %s %d\r\n", wire.Trades, len(data))
	_, _ = p.out.Write(data)
	_, err := p.out.WriteString("\r\n")
	return err
}

func (p *natsPublisher) Flush() error { return p.out.Flush() }

// until asks again and again until done.
func until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	clock := time.NewTicker(time.Millisecond)
	defer clock.Stop()
	for !done() {
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
