//go:build unix

package local_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// readersOf is the variable that makes the test binary the clients of a host, and
// readers how many.
const (
	readersOf = "RIVET_LOCAL_READERS_OF"
	readers   = "RIVET_LOCAL_READERS"
)

const (
	beat = rivet.Event[string]("beat")
	// beaten is an event's payload. Nothing else in it has the first byte.
	beaten = "~ some twenty bytes."
	cast   = rivet.Action[rivet.None, rivet.None]("cast")
)

// BenchmarkBroadcastTCP is what an event to many connections costs a host that
// its clients reach over TCP; they are a process of their own. cpu-ns/delivery is
// the processor time of the host, user and system. A flood sends on while clients
// have less than 1,024 events to read; alone waits until all have an event before
// it sends the next one, so that each is written by itself.
func BenchmarkBroadcastTCP(b *testing.B) {
	if addr := os.Getenv(readersOf); addr != "" {
		beReaders(addr)
	}
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint("conns=", n), func(b *testing.B) {
			c := newCaster(b, n)
			b.Run("flood", func(b *testing.B) { c.run(b, n, 1024) })
			b.Run("alone", func(b *testing.B) { c.run(b, n, 1) })
		})
	}
}

// caster is a host, with its clients.
type caster struct {
	act   *rivet.Handle
	turns chan func(*actor.Context[struct{}]) error
	got   chan int // events that all clients have, on the average
	sent  int
	seen  int
}

func newCaster(b *testing.B, n int) *caster {
	c := &caster{turns: make(chan func(*actor.Context[struct{}]) error, 1), got: make(chan int, 1)}
	host, srv := hosting(b, actor.Registry{actor.Define("caster", func(d *actor.Definition[struct{}]) {
		actor.Do(d, cast, func(ac *actor.Context[struct{}], _ rivet.None) error { return (<-c.turns)(ac) })
	}, actor.ActionTimeout(time.Hour))})
	c.act = host.Client().GetOrCreate("caster", rivet.Key{"k"})
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkBroadcastTCP$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), readersOf+"="+srv.Listener.Addr().String(), readers+"="+strconv.Itoa(n))
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	read := make(chan struct{})
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
	})
	ready := make(chan struct{})
	go func() {
		defer close(read)
		defer close(c.got)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var n int
			if _, err := fmt.Sscanf(lines.Text(), "got %d", &n); err == nil {
				select { // only the newest counts
				case <-c.got:
				default:
				}
				c.got <- n
			} else if lines.Text() == "ready" {
				close(ready)
			} else {
				fmt.Println(lines.Text())
			}
		}
	}()
	select {
	case <-ready:
	case <-read:
		b.Fatal("the clients have failed")
	}
	return c
}

// run sends b.N events to n clients, and goes on while they are less than window
// behind.
func (c *caster) run(b *testing.B, n, window int) {
	wait := func(behind int) error {
		for c.sent-c.seen > behind {
			got, ok := <-c.got
			if !ok {
				return fmt.Errorf("the clients have failed")
			}
			c.seen = got
		}
		return nil
	}
	var used time.Duration
	c.turns <- func(ac *actor.Context[struct{}]) error {
		b.ReportAllocs()
		began := processorTime()
		b.ResetTimer()
		for range b.N {
			if err := actor.Broadcast(ac, beat, beaten); err != nil {
				return err
			}
			c.sent++
			if err := wait(window - 1); err != nil {
				return err
			}
		}
		err := wait(0)
		b.StopTimer()
		used = processorTime() - began
		return err
	}
	if _, err := cast.Call(b.Context(), c.act, rivet.None{}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*n), "cpu-ns/delivery")
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// beReaders connects to a host and counts events until it is killed.
func beReaders(addr string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	n, err := strconv.Atoi(os.Getenv(readers))
	fail(err)
	var total atomic.Int64
	news := make(chan struct{}, 1)
	frame := func(msg []byte) []byte { // masked with zeros
		return append([]byte{0x82, 0x80 | byte(len(msg)), 0, 0, 0, 0}, msg...)
	}
	// The answer, which is that there is no such action, comes when the
	// subscription is there.
	subscribe := append(frame(codec.AppendSubscription(nil, codec.BARE, string(beat), true)),
		frame(codec.AppendActionRequest(nil, codec.BARE, 1, "none", nil))...)
	for range n {
		conn, err := net.Dial("tcp", addr)
		fail(err)
		_, err = fmt.Fprint(conn, "GET /gateway/caster/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=k HTTP/1.1\r\nHost: h\r\n"+
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
			"Sec-WebSocket-Protocol: rivet, rivet_encoding.bare\r\n\r\n")
		fail(err)
		br := bufio.NewReader(conn)
		_, err = http.ReadResponse(br, nil)
		fail(err)
		_, err = conn.Write(subscribe)
		fail(err)
		r := ws.NewReader(br, nil, ws.ReaderConfig{})
		for range 2 { // Init and the answer; nothing follows before the clients are ready
			_, err = r.Next()
			fail(err)
		}
		go func() {
			buf := make([]byte, 16<<10)
			for {
				size, err := conn.Read(buf)
				fail(err)
				if k := int64(bytes.Count(buf[:size], []byte(beaten[:1]))); k > 0 {
					if now := total.Add(k); now/int64(n) > (now-k)/int64(n) {
						select {
						case news <- struct{}{}:
						default:
						}
					}
				}
			}
		}()
	}
	fmt.Fprintln(os.Stderr, "ready")
	for range news {
		fmt.Fprintln(os.Stderr, "got", total.Load()/int64(n))
	}
}
