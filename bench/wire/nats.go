package wire

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
)

// listenNATS serves clients of NATS, as far as it takes to subscribe: they are to
// get their events from blocks that were encoded beforehand, too.
func listenNATS(s *sinks) (url string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := make(map[net.Conn]bool)
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			open.Go(func() {
				// It is over when it cannot be read, whyever.
				_ = serveNATS(s, c)
				_ = c.Close()
				mu.Lock()
				delete(conns, c)
				mu.Unlock()
			})
		}
	})
	stop = func() error {
		err := l.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close() // it may be closed already
		}
		mu.Unlock()
		open.Wait()
		return err
	}
	return "nats://" + l.Addr().String(), stop, nil
}

func serveNATS(s *sinks, c net.Conn) error {
	info := fmt.Sprintf("INFO {\"server_id\":\"bench\",\"version\":\"2.11.0\",\"proto\":1,\"max_payload\":%d}\r\n", 1<<20)
	out := &socket{conn: c}
	if err := out.write([]byte(info)); err != nil {
		return err
	}
	lines := bufio.NewScanner(c)
	subs := make(map[string]subscription)
	defer func() {
		for _, sub := range subs {
			s.change(sub.event, sub.sink, false)
		}
	}()
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		switch {
		case len(word) == 1 && word[0] == "PING":
			if err := out.write([]byte("PONG\r\n")); err != nil {
				return err
			}
		case len(word) == 3 && word[0] == "SUB":
			sub := subscription{word[1], &sink{out, format{nats: true, sid: word[2]}}}
			subs[word[2]] = sub
			s.change(sub.event, sub.sink, true)
		case len(word) >= 2 && word[0] == "UNSUB":
			if sub, ok := subs[word[1]]; ok {
				s.change(sub.event, sub.sink, false)
			}
		}
	}
	return lines.Err()
}

// subscription is one of a client of NATS.
type subscription struct {
	event string
	sink  *sink
}
