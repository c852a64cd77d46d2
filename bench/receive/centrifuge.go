package receive

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
	client "github.com/centrifugal/centrifuge-go"
	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

// centrifugeRole is the name of centrifugeServer among the roles of the program.
const centrifugeRole = "centrifuge"

// centrifugeGo is centrifuge-go with the faster of its protocols, Protobuf. Its
// callbacks have a queue without a limit.
func centrifugeGo(ctx context.Context, x *exchange) error {
	c := client.NewProtobufClient(x.feed.Endpoint, client.Config{})
	defer c.Close()
	sub, err := c.NewSubscription(string(wire.Trades))
	if err != nil {
		return err
	}
	t := x.tally(1)
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	c.OnDisconnected(func(e client.DisconnectedEvent) { fail(errors.New(e.Reason)) })
	c.OnConnecting(func(e client.ConnectingEvent) {
		if e.Code != 0 {
			fail(errors.New(e.Reason))
		}
	})
	sub.OnPublication(func(e client.PublicationEvent) {
		var v wire.Trade
		if err := cbor.Unmarshal(e.Data, &v); err != nil {
			fail(err)
			return
		}
		t.size(v.Size)
	})
	if err := c.Connect(); err != nil {
		return err
	}
	if err := sub.Subscribe(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return clean(ctx, err)
	}
}

// centrifugeServer is the role of a server of centrifuge with the memory broker,
// which publishes itself. It may keep as much for a slow client as there is, and
// wait for one.
func centrifugeServer(ctx context.Context, _ []string, serve func(trial.Handlers) error) (err error) {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: 1 << 32})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "bench"}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, cb centrifuge.SubscribeCallback) {
			cb(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin:  func(*http.Request) bool { return true },
		WriteTimeout: time.Minute,
	}), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, node.Shutdown(stop), s.Close())
		<-done
	}()
	p := centrifugePublisher{node}
	return serve(wire.Feed{
		Addresses: wire.Broadcaster{Endpoint: "ws://" + l.Addr().String()},
		Subscribed: func(_ wire.Payload, n int) error {
			return until(ctx, func() bool { return node.Hub().NumSubscribers(string(wire.Trades)) == n })
		},
		Flow: func(o wire.Order) (wire.Sent, error) { return wire.Publish(o, p) },
		Tick: func(t wire.Ticks) ([]int64, error) { return wire.PublishTicks(ctx, t, p) },
	}.Handlers())
}

type centrifugePublisher struct{ *centrifuge.Node }

func (p centrifugePublisher) Publish(data []byte) error {
	_, err := p.Node.Publish(string(wire.Trades), data)
	return err
}

func (p centrifugePublisher) Flush() error { return nil }
