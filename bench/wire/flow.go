package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// blockBytes is what is written at a time to a connection among so many: few have
// large blocks, as a busy server gathers, many have small ones, lest the sockets
// hold more than a second of work when the time is over.
func blockBytes(connections int) int {
	return max(4<<10, min(64<<10, (1<<20)/connections))
}

// shallow has many sockets hold little, for the same reason.
func shallow(list []*sink) error {
	if len(list) < 100 {
		return nil
	}
	for _, k := range list {
		if c, ok := k.conn.(*net.TCPConn); ok {
			if err := c.SetWriteBuffer(8 << 10); err != nil {
				return err
			}
		}
	}
	return nil
}

// flow writes blocks to all sinks at once, each from a goroutine of its own.
func (s *sinks) flow(o Order) (sent Sent, err error) {
	list := s.of(o.Payload.Event())
	if len(list) == 0 {
		return Sent{}, errors.New("nobody is subscribed")
	}
	blocks, err := blocksFor(list, o.Payload)
	if err != nil {
		return Sent{}, err
	}
	if err := shallow(list); err != nil {
		return Sent{}, err
	}
	rounds := make([]int, len(list))
	failed := make([]error, len(list))
	deadline := time.Now().Add(o.Time)
	var wg sync.WaitGroup
	for i, k := range list {
		wg.Go(func() {
			b := blocks[k.format]
			for failed[i] == nil && (rounds[i] == 0 || time.Now().Before(deadline)) {
				failed[i] = k.write(b.frames)
				rounds[i]++
			}
			if failed[i] == nil {
				failed[i] = k.write(b.last)
			}
		})
	}
	wg.Wait()
	for i, k := range list {
		b := blocks[k.format]
		sent.Connections++
		sent.Events += rounds[i] * b.events
		sent.Sum += rounds[i] * b.sum
	}
	return sent, errors.Join(failed...)
}

// tick writes single events.
func (s *sinks) tick(ctx context.Context, t Ticks) (at []int64, err error) {
	list := s.of(t.Payload.Event())
	blocks, err := blocksFor(list, t.Payload)
	if err != nil {
		return nil, err
	}
	at, err = t.run(ctx, func() error {
		for _, k := range list {
			if err := k.write(blocks[k.format].one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if err := k.write(blocks[k.format].last); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// blocksFor encodes once for each format there is.
func blocksFor(list []*sink, p Payload) (map[format]block, error) {
	blocks := make(map[format]block)
	for _, k := range list {
		if _, there := blocks[k.format]; there {
			continue
		}
		b, err := newBlock(k.format, p, blockBytes(len(list)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.format.enc, err)
		}
		blocks[k.format] = b
	}
	return blocks, nil
}
