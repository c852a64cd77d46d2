package local_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// The variables that make the test binary a host to be killed.
const (
	hostDir  = "RIVET_LOCAL_HOST_DIR"
	hostAddr = "RIVET_LOCAL_HOST_ADDR"
)

// saveWithin is how long a state that was changed may be unsaved. The interval is
// shorter; the rest is for a machine that has much to do.
const saveWithin = time.Second

const (
	sure   = rivet.Action[int, int]("sure")
	put    = rivet.Action[int, rivet.None]("put")
	plan   = rivet.Action[int, rivet.None]("plan")
	ring   = rivet.Action[int, rivet.None]("ring")
	tick   = rivet.Action[rivet.None, rivet.None]("tick")
	report = rivet.Action[rivet.None, ledger]("report")
	jobs   = rivet.Queue[int, rivet.None]("jobs")
	raised = rivet.Event[raise]("raised")
)

// raise is a count with the process that has counted.
type raise struct{ Process, N int }

// ledger is what an actor has kept.
type ledger struct {
	First int         // by SaveFirst
	Done  map[int]int // messages, and how often
	Put   [2]int      // the same number under two keys
	Rings map[int]bool
}

func killedActors(woke func(name, key string)) actor.Registry {
	number := func(v []byte) int { n, _ := strconv.Atoi(string(v)); return n }
	return actor.Registry{
		// Of teller, everything that was acknowledged is on disk.
		actor.Define("teller", func(d *actor.Definition[ledger]) {
			actor.Handle(d, sure, func(c *actor.Context[ledger], by int) (int, error) {
				c.State.First += by
				return c.State.First, nil
			}, actor.SaveFirst())
			actor.Do(d, put, func(c *actor.Context[ledger], n int) error {
				var b actor.KVBatch
				b.Put("a", fmt.Append(nil, n))
				b.Put("b", fmt.Append(nil, n))
				return c.KV().Apply(c, &b)
			})
			actor.Do(d, plan, func(c *actor.Context[ledger], n int) error {
				_, err := actor.After(c, 30*time.Millisecond, ring, n)
				return err
			})
			actor.Do(d, ring, func(c *actor.Context[ledger], n int) error {
				return c.KV().Put(c, fmt.Sprintf("ring/%d", n), []byte{1})
			})
			actor.Consume(d, jobs, func(c *actor.Context[ledger], n int) (rivet.None, error) {
				if c.State.Done == nil {
					c.State.Done = make(map[int]int)
				}
				c.State.Done[n]++
				return rivet.None{}, nil
			})
			actor.Handle(d, report, func(c *actor.Context[ledger], _ rivet.None) (ledger, error) {
				l := ledger{First: c.State.First, Done: c.State.Done, Rings: make(map[int]bool)}
				got, err := c.KV().GetMany(c, "a", "b")
				l.Put = [2]int{number(got["a"]), number(got["b"])}
				for e, err := range c.KV().List(c, actor.KVRange{Prefix: "ring/"}) {
					if err != nil {
						return l, err
					}
					l.Rings[number([]byte(e.Key[len("ring/"):]))] = true
				}
				return l, err
			})
		}),
		// Of counter, what was acknowledged is on disk soon.
		actor.Define("counter", func(d *actor.Definition[count]) {
			actor.Handle(d, increment, func(c *actor.Context[count], by int) (int, error) {
				c.State.N += by
				return c.State.N, actor.Broadcast(c, raised, raise{os.Getpid(), c.State.N})
			})
		}, actor.SaveInterval(50*time.Millisecond)),
		// Clock is never called again, and comes back by itself.
		actor.Define("clock", func(d *actor.Definition[count]) {
			d.OnWake(func(c *actor.Context[count]) error {
				woke(c.Name(), c.Key().String())
				return nil
			})
			actor.Do(d, tick, func(c *actor.Context[count], _ rivet.None) error {
				_, err := actor.After(c, 50*time.Millisecond, tick, rivet.None{})
				return err
			})
		}),
	}
}

// beKilled is the host that TestKilledHost kills. It ends with its standard input.
func beKilled(t *testing.T, dir, addr string) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	say := func(format string, args ...any) { _, _ = os.Stdout.WriteString(fmt.Sprintf(format+"\n", args...)) }
	reg := killedActors(func(name, key string) { say("woke %s %s", name, key) })
	for {
		err := actor.Serve(ctx, reg, actor.Addr(addr), local.Dir(dir),
			actor.OnListen(func(net.Addr) { say("listening") }),
			actor.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		if !errors.Is(err, syscall.EADDRINUSE) { // somebody's connection has the port
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

// hostProcess is a host that can be killed.
type hostProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	errs  bytes.Buffer
	lines chan string // closed at the end
}

func startHost(t *testing.T, dir, addr string) *hostProcess {
	t.Helper()
	h := &hostProcess{t: t, cmd: exec.Command(os.Args[0], "-test.run=^TestKilledHost$"), lines: make(chan string, 1000)}
	h.cmd.Env = append(os.Environ(), hostDir+"="+dir, hostAddr+"="+addr)
	h.cmd.Stderr = &h.errs
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.cmd.Process.Kill() }) // after a failure
	go func() {
		defer close(h.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	return h
}

// says waits until the host has said all that.
func (h *hostProcess) says(want ...string) {
	h.t.Helper()
	left := make(map[string]bool)
	for _, w := range want {
		left[w] = true
	}
	patience := time.After(30 * time.Second)
	for len(left) > 0 {
		select {
		case line, ok := <-h.lines:
			if !ok {
				h.t.Fatalf("the host has ended: %s", h.errs.String())
			}
			delete(left, line)
		case <-patience:
			h.t.Fatalf("the host does not say %v", left)
		}
	}
}

// ends waits for the end of the process.
func (h *hostProcess) ends() error {
	_ = h.stdin.Close()
	for range h.lines {
	}
	err := h.cmd.Wait()
	if text := h.errs.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "level=ERROR") {
		h.t.Error(text)
	}
	return err
}

// customer uses one teller and one counter, and remembers what was acknowledged.
type customer struct {
	teller  *rivet.Handle
	counter *conn.Conn
	news    chan raise // the newest

	n       int
	first   int
	put     int
	jobs    []int
	plans   []int
	counted []counted
	refused int // calls that failed
}

type counted struct {
	at time.Time
	n  int
}

// use calls everything, again and again; gate is held meanwhile.
func (c *customer) use(ctx context.Context, gate *sync.RWMutex) {
	for ctx.Err() == nil {
		gate.RLock()
		c.n++
		first, err1 := sure.Call(ctx, c.teller, 1)
		_, err2 := put.Call(ctx, c.teller, c.n)
		err3 := jobs.Send(ctx, c.teller, c.n)
		_, err4 := plan.Call(ctx, c.teller, c.n)
		at := time.Now()
		n, err5 := increment.Call(ctx, c.counter, 1)
		if err1 == nil {
			c.first = first
		}
		if err2 == nil {
			c.put = c.n
		}
		if err3 == nil {
			c.jobs = append(c.jobs, c.n)
		}
		if err4 == nil {
			c.plans = append(c.plans, c.n)
		}
		if err5 == nil {
			c.counted = append(c.counted, counted{at, n})
		}
		for _, err := range []error{err1, err2, err3, err4, err5} {
			if err != nil {
				c.refused++
			}
		}
		gate.RUnlock()
	}
}

// listen passes on the events, of all hosts.
func (c *customer) listen(ctx context.Context) error {
	for r, err := range raised.All(ctx, c.counter, stream.Gaps(true)) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			return err
		}
		select {
		case <-c.news:
		default:
		}
		c.news <- r
	}
	return nil
}

// check holds that everything is there, in the host with that process. killed is
// when the one before was.
func (c *customer) check(ctx context.Context, process int, killed time.Time) error {
	for began := time.Now(); ; {
		l, err := rivet.Do(ctx, c.teller, report)
		if err != nil {
			return err
		}
		if l.First < c.first {
			return fmt.Errorf("SaveFirst has told %d, %d are there", c.first, l.First)
		}
		if l.Put[0] != l.Put[1] || l.Put[0] < c.put {
			return fmt.Errorf("KV has told %d, %d are there", c.put, l.Put)
		}
		late := ""
		for _, n := range c.jobs {
			switch l.Done[n] {
			case 0:
				late = fmt.Sprintf("message %d", n)
			case 1:
			default:
				return fmt.Errorf("message %d has changed the state %d times", n, l.Done[n])
			}
		}
		for _, n := range c.plans {
			if !l.Rings[n] {
				late = fmt.Sprintf("appointment %d", n)
			}
		}
		if late == "" {
			break
		}
		if time.Since(began) > 20*time.Second {
			return errors.New(late + " does not come")
		}
		<-time.After(10 * time.Millisecond)
	}

	// The connection is another one by now, with the same subscription.
	n, err := increment.Call(ctx, c.counter, 1)
	if err != nil {
		return err
	}
	for _, old := range c.counted {
		if old.at.Before(killed.Add(-saveWithin)) && n <= old.n {
			return fmt.Errorf("%d was counted %v before the end, and the count is %d", old.n, killed.Sub(old.at), n)
		}
	}
	c.counted = nil
	for {
		select {
		case r := <-c.news:
			if r == (raise{process, n}) {
				return nil
			}
		case <-ctx.Done():
			return errors.New("the event does not come")
		}
	}
}

// A host that is killed at any moment has everything again that it has
// acknowledged, and its actors and clients come back by themselves.
//
// The process that is killed is this test again.
func TestKilledHost(t *testing.T) {
	if dir := os.Getenv(hostDir); dir != "" {
		beKilled(t, dir, os.Getenv(hostAddr))
		return
	}
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const kills, customers, clocks = 15, 3, 3
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	policy := backoff.Exponential(10*time.Millisecond, 100*time.Millisecond)
	client, err := rivet.NewClient(rivet.WithEndpoint("http://"+addr), rivet.WithBackoff(policy))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	host := startHost(t, dir, addr)
	host.says("listening")
	ctx, cancel := context.WithCancel(t.Context())
	var gate sync.RWMutex // held by those who use the host
	var owner sync.WaitGroup
	defer owner.Wait()
	defer cancel()
	all := make([]*customer, customers)
	for i := range all {
		key := rivet.Key{fmt.Sprint(i)}
		c := &customer{teller: client.GetOrCreate("teller", key), counter: client.GetOrCreate("counter", key).Connect(ctx), news: make(chan raise, 1)}
		all[i] = c
		owner.Go(func() { c.use(ctx, &gate) })
		owner.Go(func() {
			if err := c.listen(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("customer %d: %v", i, err)
			}
		})
	}
	back := []string{"listening"}
	for i := range clocks {
		key := rivet.Key{fmt.Sprint(i)}
		if _, err := rivet.Do(ctx, client.GetOrCreate("clock", key), tick); err != nil {
			t.Fatal(err)
		}
		back = append(back, "woke clock "+key.String())
	}

	calls := 0
	for round := range kills {
		life := time.Duration(20+rand.IntN(150)) * time.Millisecond
		if round%5 == 0 {
			life = saveWithin + 200*time.Millisecond
		}
		<-time.After(life)
		killed := time.Now()
		if err := host.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := host.ends(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("round %d: it was not killed: %v", round, err)
		}
		host = startHost(t, dir, addr)
		host.says(back...)

		gate.Lock()
		checking, stop := context.WithTimeout(ctx, 30*time.Second)
		for i, c := range all {
			if err := c.check(checking, host.cmd.Process.Pid, killed); err != nil {
				t.Errorf("round %d: customer %d: %v", round, i, err)
			}
		}
		stop()
		gate.Unlock()
		if t.Failed() {
			break
		}
	}
	cancel()
	gate.Lock()
	refused := 0
	for i, c := range all {
		calls, refused = calls+5*c.n, refused+c.refused
		if s := c.counter.Stats(); s.Links <= kills {
			t.Errorf("customer %d: %d links", i, s.Links)
		}
	}
	gate.Unlock()
	if err := host.ends(); err != nil {
		t.Errorf("the last one was not killed, and ends with: %v\n%s", err, host.errs.String())
	}
	t.Logf("%d calls through %d kills, %d failed", calls, kills, refused)
}
