package wire

import (
	"context"
	"errors"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// Publisher is what events are given to one by one, by servers of other kinds.
type Publisher interface {
	// Publish hands over one event; data does not change afterwards.
	Publish(data []byte) error
	// Flush sends what was handed over, if Publish has not.
	Flush() error
}

// Publish is what Broadcaster.Flow promises, for the subscribers of a publisher,
// who get the values in CBOR.
func Publish(o Order, to Publisher) (sent Sent, err error) {
	events, sum, last, err := encoded(o.Payload)
	if err != nil {
		return Sent{}, err
	}
	for deadline := time.Now().Add(o.Time); sent.Events == 0 || time.Now().Before(deadline); {
		for _, data := range events {
			if err := to.Publish(data); err != nil {
				return sent, err
			}
		}
		sent.Events += len(events)
		sent.Sum += sum
	}
	if err := to.Publish(last); err != nil {
		return sent, err
	}
	sent.Connections = 1
	return sent, to.Flush()
}

// PublishTicks is what Broadcaster.Tick promises, likewise.
func PublishTicks(ctx context.Context, t Ticks, to Publisher) (at []int64, err error) {
	events, _, last, err := encoded(t.Payload)
	if err != nil {
		return nil, err
	}
	send := func(data []byte) error {
		if err := to.Publish(data); err != nil {
			return err
		}
		return to.Flush()
	}
	if at, err = t.run(ctx, func() error { return send(events[0]) }); err != nil {
		return nil, err
	}
	return at, send(last)
}

// run calls send at each tick, and keeps the times.
func (t Ticks) run(ctx context.Context, send func() error) (at []int64, err error) {
	clock := time.NewTicker(t.Interval)
	defer clock.Stop()
	at = make([]int64, 0, t.Count)
	for range t.Count {
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		at = append(at, time.Now().UnixNano())
		if err := send(); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// encoded are some events of a payload, what they add up to, and the last one.
func encoded(p Payload) (events [][]byte, sum int, last []byte, err error) {
	if p > 0 {
		return nil, 0, nil, errors.New("byte strings are not published")
	}
	for i := range 1024 {
		v, n := p.value(i)
		data, err := codec.Marshal(codec.CBOR, v)
		if err != nil {
			return nil, 0, nil, err
		}
		events = append(events, data)
		sum += n
	}
	last, err = codec.Marshal(codec.CBOR, p.last())
	return events, sum, last, err
}
