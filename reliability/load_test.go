package reliability_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// goroutinesPerConnection is what an idle connection may run.
const goroutinesPerConnection = 3

// TestLoad opens thousands of connections in one process, measures what each
// costs while idle, takes the gateway away for a while, and looks at how they
// come back.
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const wait = 5 * time.Second // the longest wait between two attempts
	n := min(loadConnections, maxFiles(t)-500)
	gw := startGateway(t)

	before := goroutinesAndMemory()
	client, err := rivet.NewClient(
		rivet.WithEndpoint(gw.endpoint),
		rivet.WithBackoff(backoff.Exponential(250*time.Millisecond, wait)),
	)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*conn.Conn, n)
	defer func() {
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() { _ = c.Close() })
		}
		all.Wait()
		_ = client.Close()
	}()
	ctx := within(t, 3*time.Minute)
	started := time.Now()
	var openers sync.WaitGroup
	for first := range 100 { // so many at a time
		openers.Go(func() {
			for i := first; i < n; i += 100 {
				conns[i] = client.GetOrCreate("room", rivet.Key{fmt.Sprint(i)}).Connect(context.Background())
				if err := conns[i].Ready(ctx); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			}
		})
	}
	openers.Wait()
	gw.ask(t, fmt.Sprint("wait ", n))
	t.Logf("%d connections in %v", n, time.Since(started).Round(time.Millisecond))

	idle := goroutinesAndMemory()
	memory := float64(idle.memory-before.memory) / float64(n)
	goroutines := float64(idle.goroutines-before.goroutines) / float64(n)
	stacks := float64(idle.stacks-before.stacks) / float64(n)
	t.Logf("an idle connection costs %.1f KiB, %.1f of it stacks, and %.2f goroutines", memory/1024, stacks/1024, goroutines)
	if memory > memoryPerConnection {
		t.Errorf("%.0f bytes for each idle connection, over %d", memory, memoryPerConnection)
	}
	if idle.goroutines-before.goroutines > goroutinesPerConnection*n+10 { // some belong to nobody
		t.Errorf("%.2f goroutines for each idle connection, over %d", goroutines, goroutinesPerConnection)
	}

	gw.ask(t, "down")
	pass(wait)
	gw.ask(t, "up")
	gw.ask(t, fmt.Sprint("wait ", n))
	var arrivals []time.Duration // since the gateway is back
	if err := json.Unmarshal([]byte(gw.ask(t, "arrivals")), &arrivals); err != nil {
		t.Fatal(err)
	}
	histogram(t, arrivals, n, wait)
	for i, c := range conns {
		if err := c.Ready(ctx); err != nil {
			t.Fatalf("connection %d did not come back: %v", i, err)
		}
	}
	call, err := rivet.Call[int](ctx, conns[n/2], "echo", 5)
	want(t, call, err, 5)
}

// histogram shows when connections arrived, and holds it against what is no
// stampede: everybody within twice the longest wait, and no moment with more
// than a fair share.
func histogram(t *testing.T, arrivals []time.Duration, n int, wait time.Duration) {
	t.Helper()
	width := wait / 16
	buckets := make([]int, 2*wait/width)
	late := 0
	for _, at := range arrivals {
		if at >= 2*wait {
			late++
			continue
		}
		buckets[at/width]++
	}
	var b strings.Builder
	most := 0
	for i, k := range buckets {
		most = max(most, k)
		fmt.Fprintf(&b, "\n%6v %5d %s", time.Duration(i)*width, k, strings.Repeat("#", k*200/n))
	}
	t.Logf("%d arrivals of %d connections, %d of them later than %v:%s", len(arrivals), n, late, 2*wait, b.String())
	if late > 0 || len(arrivals) < n {
		t.Errorf("%d of %d connections were not back within %v", max(late, n-len(arrivals)), n, 2*wait)
	}
	if len(arrivals) > n+n/50 {
		t.Errorf("%d attempts to bring %d connections back", len(arrivals), n)
	}
	// Spread evenly a bucket holds a sixteenth; the short waits of those that
	// have failed seldom weigh on the first ones.
	if most > n/5 {
		t.Errorf("%d of %d connections arrive within %v", most, n, width)
	}
}

type cost struct {
	goroutines     int
	memory, stacks int64 // bytes; stacks are part of memory
}

func goroutinesAndMemory() cost {
	for range 5 { // pools are emptied by the second; stacks shrink by half in each
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{runtime.NumGoroutine(), int64(m.HeapInuse + m.StackInuse), int64(m.StackInuse)}
}

// distant is a gateway in a process of its own, so that what it costs is not
// counted.
type distant struct {
	endpoint string
	in       io.Writer
	out      *bufio.Scanner
}

const loadGateway = "RIVET_LOAD_GATEWAY"

func startGateway(t *testing.T) *distant {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadGateway$", "-test.timeout=10m", "-test.v")
	cmd.Env = append(os.Environ(), loadGateway+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway's process: %v", err)
		}
	})
	d := &distant{in: in, out: bufio.NewScanner(out)}
	d.out.Buffer(nil, 1<<20)
	d.endpoint = d.ask(t, "endpoint")
	return d
}

// ask sends a command and returns the answer.
func (d *distant) ask(t *testing.T, command string) string {
	t.Helper()
	if _, err := fmt.Fprintln(d.in, command); err != nil {
		t.Fatal(err)
	}
	for d.out.Scan() {
		if answer, ok := strings.CutPrefix(d.out.Text(), "gateway: "); ok {
			return answer
		}
	}
	t.Fatalf("the gateway's process has ended at %q: %v", command, d.out.Err())
	return ""
}

// TestLoadGateway is no test: it is the gateway of TestLoad, in the process
// that it starts.
func TestLoadGateway(t *testing.T) {
	if os.Getenv(loadGateway) == "" {
		return
	}
	maxFiles(t)
	gw := rivettest.NewGateway(t, rivettest.RecordLimit(0))
	furnish(gw)
	var up time.Time
	seen := 0
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer := "done"
		var n int
		switch line := lines.Text(); {
		case line == "endpoint":
			answer = gw.Endpoint()
		case line == "down":
			gw.Down()
			seen = len(gw.Attempts())
		case line == "up":
			up = time.Now()
			gw.Up()
		case line == "arrivals":
			at := []time.Duration{}
			for _, a := range gw.Attempts()[seen:] {
				at = append(at, a.At.Sub(up))
			}
			text, err := json.Marshal(at)
			if err != nil {
				t.Fatal(err)
			}
			answer = string(text)
		default:
			if _, err := fmt.Sscanf(line, "wait %d", &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if err := gw.WaitOpenConns(within(t, 2*time.Minute), n); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("gateway: " + answer)
	}
}
