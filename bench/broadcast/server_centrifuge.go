package broadcast

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/centrifugal/centrifuge"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/internal/ws"
)

// PlayCentrifuge is the role of a centrifuge node with its broker in memory and
// its WebSocket handler, which has the pool of write buffers that it offers for
// many connections. Members are subscribed by the server. With the argument
// "gather" connections also collect what is to be sent, as it recommends against
// system calls at high rates: for 5 ms, without a limit of messages in a frame,
// where it is 16 otherwise.
func PlayCentrifuge(ctx context.Context, args []string, serve func(trial.Handlers) error) (err error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		reply := centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{event: {}},
		}
		if len(args) > 0 && args[0] == "gather" {
			reply.WriteDelay = 5 * time.Millisecond
			reply.MaxMessagesInFrame = -1
		}
		return reply, nil
	})
	if err := node.Run(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Shutdown(context.WithoutCancel(ctx))) }()
	address, stop, err := listenHTTP(centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		UseWriteBufferPool: true,
		// A member of thousands that is not read for a second is not slow here.
		WriteTimeout: patience,
	}))
	if err != nil {
		return err
	}
	defer stop()
	return answer(serve, "http://"+address, func(text string) error {
		data, err := json.Marshal(text)
		if err == nil {
			_, err = node.Publish(event, data)
		}
		return err
	})
}

// startCentrifuge starts one whose connections use protobuf, or else JSON.
func startCentrifuge(protobuf bool, args ...string) start {
	return func(ctx context.Context, _ *trial.Trial) (broadcaster, error) {
		return startPeer(ctx, roleCentrifuge, args, func(_ context.Context, address string) (dialer, error) {
			u, err := url.Parse(address)
			if err != nil {
				return nil, err
			}
			// The command to connect, with id 1.
			op, connect := ws.OpText, `{"id":1,"connect":{}}`
			if protobuf {
				u.RawQuery = "format=protobuf"
				op, connect = ws.OpBinary, "\x04\x08\x01\x22\x00"
			}
			return func(ctx context.Context) (*member, error) {
				hs, err := ws.Dial(ctx, ws.DialConfig{URL: u})
				if err != nil {
					return nil, err
				}
				return newMember(hs, op, []byte(connect))
			}, nil
		})
	}
}
