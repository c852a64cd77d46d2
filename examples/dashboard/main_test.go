package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/conn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the program until stop is called, or the test ends.
func serve(t *testing.T, store actor.Option) (base string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, store)
}

func serveOn(t *testing.T, l net.Listener, store actor.Option) (base string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, l, io.Discard, store) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop
}

// browser is what a page does, without a page.
type browser struct {
	t     *testing.T
	base  string
	lines *bufio.Scanner
}

func open(t *testing.T, base string) *browser {
	t.Helper()
	return openFor(t.Context(), t, base)
}

// openFor opens a browser that leaves when ctx ends.
func openFor(ctx context.Context, t *testing.T, base string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // or nothing comes
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/news", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the news are %q", kind)
	}
	return &browser{t: t, base: base, lines: bufio.NewScanner(resp.Body)}
}

// until reads news of a kind until what they say is so.
func until[T any](b *browser, kind string, so func(T) bool) (v T) {
	b.t.Helper()
	of := ""
	for b.lines.Scan() {
		if name, ok := strings.CutPrefix(b.lines.Text(), "event: "); ok {
			of = name
		}
		data, ok := strings.CutPrefix(b.lines.Text(), "data: ")
		if !ok || of != kind {
			continue
		}
		v = *new(T)
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			b.t.Fatalf("%s: %v", kind, err)
		}
		if so(v) {
			return v
		}
	}
	b.t.Fatalf("no %s is as it should be; the last is %+v; %v", kind, v, b.lines.Err())
	return v
}

// press does what a button does, and returns the status.
func press(t *testing.T, base, action string, values ...string) int {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	resp, err := http.PostForm(base+action, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func ok(t *testing.T, status int) {
	t.Helper()
	if status != http.StatusNoContent {
		t.Errorf("status %d, want 204", status)
	}
}

const machines = 48

func TestAllMachinesAreSeen(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	until(b, "hello", func(h hello) bool { return len(h.Machines) == machines })
	until(b, "states", func(s states) bool {
		up := 0
		for _, l := range s.Lines {
			if l.Status == conn.Connected.String() && l.Rate == 10 {
				up++
			}
		}
		return up == machines
	})
	seen := make(map[int]bool)
	until(b, "picture", func(p picture) bool {
		for i, g := range p.Machines {
			if g.Missed > 0 {
				t.Errorf("%d readings of machine %d are missing", g.Missed, i)
			}
			if g.Up && g.Count > 0 && g.Celsius > 0 {
				seen[i] = true
			}
		}
		return len(seen) == machines && p.P99 >= p.P50 && p.P50 > 0
	})
}

func TestCutConnectionComesBackAndTellsWhatIsMissing(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	until(b, "picture", func(p picture) bool { return p.Machines[3].Count > 0 })
	ok(t, press(t, base, "/cut", "machine", "3"))
	down := until(b, "states", func(s states) bool { return s.Lines[3].Status == conn.Disconnected.String() })
	if l := down.Lines[3]; !strings.Contains(l.Cause, errPulled.Error()) || l.Attempt < 1 {
		t.Errorf("down: %+v", l)
	}
	back := until(b, "states", func(s states) bool { return s.Lines[3].Gaps > 0 })
	if l := back.Lines[3]; l.Status != conn.Connected.String() || l.Gaps != 1 || l.Cause != "" {
		t.Errorf("back: %+v", l)
	}
	until(b, "picture", func(p picture) bool { return p.Machines[3].Missed > 0 && p.Machines[3].Up })
	until(open(t, base), "picture", func(p picture) bool { return p.Machines[3].Missed == 0 }) // a browser is told what was
	second := open(t, base)
	for _, kind := range []string{"lost", "back", "gap"} {
		until(second, "entry", func(e entry) bool { return e.Kind == kind && e.Who == "A oven 1" })
	}
}

func TestRateReachesTheMachineAndAllWhoWatch(t *testing.T) {
	base, _ := serve(t, local.Memory())
	first, second := open(t, base), open(t, base)
	known := func(rate, of int) func(states) bool {
		return func(s states) bool {
			n := 0
			for _, l := range s.Lines {
				if l.Rate == rate {
					n++
				}
			}
			return n == of
		}
	}
	until(first, "states", known(10, machines)) // or a view begins with the new rate
	ok(t, press(t, base, "/rate", "hall", "C", "rate", "100"))
	for _, b := range []*browser{first, second} {
		until(b, "states", known(100, machines/4))
	}
	until(first, "picture", func(p picture) bool { return p.Events > 12*100/4 })
	// What happens to many at once is told once.
	until(open(t, base), "entry", func(e entry) bool {
		return e.Kind == "setup" && strings.HasSuffix(e.Who, " machines") && e.What == "now 100 readings a second"
	})
}

// A client that is no part of the program sees the same machines.
func TestOtherClients(t *testing.T) {
	base, _ := serve(t, local.Memory())
	client, err := rivet.NewClient(rivet.WithEndpoint(base + "/api/rivet"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	oven := client.Get("machine", rivet.Key{"A", "oven 1"})
	b := open(t, base)
	until(b, "picture", func(p picture) bool { return p.Machines[3].Count > 0 })
	if _, err := SetRate.Call(t.Context(), oven, maxRate+1); !rivet.IsCode(err, "no_such_rate") {
		t.Errorf("a rate that is too high: %v", err)
	}
	if _, err := SetRate.Call(t.Context(), oven, 50); err != nil {
		t.Fatal(err)
	}
	until(b, "states", func(s states) bool { return s.Lines[3].Rate == 50 })
	c := oven.Connect(t.Context())
	defer c.Close()
	if r, err := Measured.Once(t.Context(), c); err != nil || r.N == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStalledConsumersDoAsTheirPolicySays(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	ok(t, press(t, base, "/rate", "machine", "tester", "rate", "1000"))
	policies := []string{"DropOldest", "DropNewest", "Latest", "Block", "Fail"}
	for _, p := range policies {
		ok(t, press(t, base, "/stall", "consumer", p, "stalled", "true"))
	}
	full := func(c consumerState) bool { return c.Depth >= c.Buffer }
	until(b, "states", func(s states) bool {
		c := s.Consumers
		return s.Tester == 1000 && full(c[0]) && c[0].Dropped > 0 && full(c[1]) && c[1].Dropped > 0 &&
			!full(c[2]) && c[2].Dropped > 0 && full(c[3]) && c[3].Dropped == 0
	})
	for _, p := range policies {
		ok(t, press(t, base, "/stall", "consumer", p, "stalled", "false"))
	}
	until(b, "states", func(s states) bool {
		c := s.Consumers
		return strings.Contains(c[0].Told, "dropped") && c[2].Told == "" && c[3].Told == "" && c[3].Dropped == 0 &&
			c[4].Ends == 1 && strings.Contains(c[4].Told, "loop ended") && c[4].Last > 0
	})
}

func TestStalledFanInDropsAndSaysHowMuch(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	until(b, "picture", func(p picture) bool { return p.Machines[0].Count > 0 })
	ok(t, press(t, base, "/rate", "machine", "0", "rate", "1000"))
	ok(t, press(t, base, "/stall", "stalled", "true"))
	until(b, "states", func(s states) bool { return s.Stalled && s.Lines[0].Dropped > 0 })
	ok(t, press(t, base, "/stall", "stalled", "false"))
	until(b, "picture", func(p picture) bool { return p.Machines[0].Missed > 0 })
}

func TestMachinesRememberTheirSetup(t *testing.T) {
	store := local.Dir(t.TempDir())
	base, stop := serve(t, store)
	b := open(t, base)
	ok(t, press(t, base, "/rate", "machine", "9", "rate", "100"))
	until(b, "states", func(s states) bool { return s.Lines[9].Rate == 100 })
	stop()

	base, _ = serve(t, store)
	b = open(t, base)
	until(b, "states", func(s states) bool { return s.Lines[9].Rate == 100 && s.Lines[8].Rate == 10 })
}

func TestWhatIsRefused(t *testing.T) {
	base, _ := serve(t, local.Memory())
	for _, test := range []struct {
		action string
		values []string
		want   int
	}{
		{"/cut", []string{"machine", "48"}, http.StatusNotFound},
		{"/cut", []string{"machine", "-1"}, http.StatusNotFound},
		{"/cut", []string{"machine", "x"}, http.StatusNotFound},
		{"/cut", []string{"hall", "E"}, http.StatusNotFound},
		{"/rate", []string{"machine", "1", "rate", "7"}, http.StatusBadRequest},
		{"/rate", []string{"machine", "1"}, http.StatusBadRequest},
		{"/stall", []string{"stalled", "perhaps"}, http.StatusBadRequest},
		{"/stall", []string{"stalled", "true", "consumer", "nobody"}, http.StatusNotFound},
		{"/nothing", nil, http.StatusMethodNotAllowed},
	} {
		if got := press(t, base, test.action, test.values...); got != test.want {
			t.Errorf("%s %v: %d, want %d", test.action, test.values, got, test.want)
		}
	}

	// A page of somebody else's must not press buttons.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/cut", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another page: %d", resp.StatusCode)
	}
}

func TestPage(t *testing.T) {
	base, _ := serve(t, local.Memory())
	for path, kind := range map[string]string{"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %q, %v", path, resp.StatusCode, resp.Header.Get("Content-Type"), err)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") {
			t.Errorf("%s may load from anywhere: %q", path, policy)
		}
		if strings.Contains(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), "http") && path != "/page.js" {
			t.Errorf("%s names another host", path)
		}
	}
}

func TestBrief(t *testing.T) {
	one := func(kind, who string) entry { return entry{Kind: kind, Who: who, What: "it happened", Detail: "here"} }
	got := brief([]entry{one("a", "1"), one("b", "2"), one("a", "3"), one("a", "4"), one("b", "5"), one("a", "6"), one("c", "7")})
	want := []entry{{Kind: "a", Who: "4 machines", What: "it happened"}, one("b", "2"), one("b", "5"), one("c", "7")}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	// What is not the same is not told as if it were.
	var different []entry
	for n := range 8 {
		different = append(different, entry{Kind: "setup", Who: strconv.Itoa(n), What: "now " + strconv.Itoa(n%4)})
	}
	if got := brief(different); !slices.Equal(got, different) {
		t.Errorf("\n got %+v\nwant %+v", got, different)
	}
}

func TestPicture(t *testing.T) {
	lines := []*line{{hall: "A", name: "one"}, {hall: "A", name: "two"}}
	for _, l := range lines {
		l.conn = conn.NewClosed(conn.Config{}, io.EOF)
	}
	reading := func(name string, n uint64, micros int64) rivet.Sourced[Reading] {
		at := time.UnixMicro(1_000_000)
		return rivet.Sourced[Reading]{
			Info: conn.Info{Key: []string{"A", name}}, At: at,
			Value: Reading{N: n, At: at.UnixMicro() - micros, Celsius: float64(n)},
		}
	}
	tally := newTally(lines)
	var pictures []picture
	var want []string
	for _, step := range []struct {
		window []rivet.Sourced[Reading]
		want   string
	}{
		{nil, `{"machines":[{"count":0,"celsius":0,"micros":0,"missed":0,"up":false},{"count":0,"celsius":0,"micros":0,"missed":0,"up":false}],"events":0,"p50":0,"p99":0}`},
		{[]rivet.Sourced[Reading]{reading("two", 7, 10), reading("two", 8, 30), reading("one", 1, -5)},
			`{"machines":[{"count":1,"celsius":1,"micros":0,"missed":0,"up":false},{"count":2,"celsius":8,"micros":20,"missed":0,"up":false}],"events":3,"p50":10,"p99":30}`},
		{[]rivet.Sourced[Reading]{reading("two", 12, 8), reading("one", 2, 4)},
			`{"machines":[{"count":1,"celsius":2,"micros":4,"missed":0,"up":false},{"count":1,"celsius":12,"micros":8,"missed":3,"up":false}],"events":2,"p50":8,"p99":8}`},
		// It has started anew, and forgotten its latest numbers.
		{[]rivet.Sourced[Reading]{reading("two", 10, 8)},
			`{"machines":[{"count":0,"celsius":2,"micros":0,"missed":0,"up":false},{"count":1,"celsius":10,"micros":8,"missed":3,"up":false}],"events":1,"p50":8,"p99":8}`},
	} {
		pictures, want = append(pictures, tally.picture(step.window)), append(want, step.want)
	}
	for i, p := range pictures { // which stay as they are when the next is made
		got, err := json.Marshal(p)
		if err != nil || string(got) != want[i] {
			t.Errorf("step %d:\n got %s\nwant %s", i, got, want[i])
		}
	}
}

func TestAddressForBrowsers(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:8080":   "localhost:8080",
		"[::]:8080":      "localhost:8080",
		"127.0.0.1:8080": "127.0.0.1:8080",
		"[::1]:8080":     "[::1]:8080",
	} {
		if got := forBrowsers(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// Two programs cannot have the same folder, and the second does not say that it
// is somewhere.
func TestFolderInUse(t *testing.T) {
	folder := t.TempDir()
	base, _ := serve(t, local.Dir(folder))
	until(open(t, base), "hello", func(hello) bool { return true })
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), l, &out, local.Dir(folder)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a folder that is in use: %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("it says %q", &out)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// The program ends while everything is stalled, browsers read and others do not.
func TestStopWhileStalled(t *testing.T) {
	base, stop := serve(t, local.Memory())
	for _, p := range []string{"", "DropOldest", "DropNewest", "Latest", "Block", "Fail"} {
		ok(t, press(t, base, "/stall", "consumer", p, "stalled", "true"))
	}
	ok(t, press(t, base, "/rate", "machine", "tester", "rate", "1000"))
	open(t, base) // and never reads
	b := open(t, base)
	until(b, "states", func(s states) bool {
		block, fail := s.Consumers[3], s.Consumers[4]
		return s.Stalled && block.Depth >= block.Buffer && fail.Depth >= fail.Buffer
	})
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What a consumer has received is delivered, dropped or on its way.
func TestConsumersAccountForAll(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	ok(t, press(t, base, "/stall", "consumer", "DropOldest", "stalled", "true"))
	ok(t, press(t, base, "/rate", "machine", "tester", "rate", "1000"))
	until(b, "states", func(s states) bool { return s.Consumers[0].Dropped > 1000 })
	ok(t, press(t, base, "/rate", "machine", "tester", "rate", "1"))
	until(b, "states", func(s states) bool {
		c := s.Consumers[0]
		return s.Tester == 1 && c.Received == c.Delivered+c.Dropped+uint64(c.Depth)
	})
	ok(t, press(t, base, "/stall", "consumer", "DropOldest", "stalled", "false"))
	until(b, "states", func(s states) bool {
		c := s.Consumers[0]
		return c.Depth == 0 && c.Received == c.Delivered+c.Dropped && c.Last == s.Newest
	})
}

// All that is missing of a machine was dropped, when no connection was lost.
func TestMissedIsWhatWasDropped(t *testing.T) {
	base, _ := serve(t, local.Memory())
	b := open(t, base)
	until(b, "picture", func(p picture) bool { return p.Machines[0].Count > 0 })
	ok(t, press(t, base, "/stall", "stalled", "true"))
	ok(t, press(t, base, "/rate", "machine", "0", "rate", "1000"))
	until(b, "states", func(s states) bool { return s.Lines[0].Dropped > 1000 })
	ok(t, press(t, base, "/rate", "machine", "0", "rate", "1"))
	ok(t, press(t, base, "/stall", "stalled", "false"))
	var missed uint64
	until(b, "picture", func(p picture) bool {
		missed = p.Machines[0].Missed
		return missed > 0 && p.Machines[0].Count == 1
	})
	s := until(b, "states", func(s states) bool { return !s.Stalled && s.Lines[0].Rate == 1 })
	if dropped := s.Lines[0].Dropped; dropped != missed || s.Lines[0].Gaps != 0 {
		t.Errorf("%d missed, %d dropped, %d gaps", missed, dropped, s.Lines[0].Gaps)
	}
}

func TestManyBrowsersThatComeAndGo(t *testing.T) {
	base, _ := serve(t, local.Memory())
	var stay []*browser
	for i := range 50 {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		b := openFor(ctx, t, base)
		until(b, "states", func(s states) bool { return len(s.Lines) == machines })
		if i%2 == 0 {
			leave()
		} else {
			stay = append(stay, b)
		}
	}
	ok(t, press(t, base, "/rate", "machine", "7", "rate", "100"))
	for _, b := range stay {
		until(b, "states", func(s states) bool { return s.Lines[7].Rate == 100 })
	}
}

// narrow lets connections hold little, so that who does not read is noticed soon,
// and tells which are closed.
type narrow struct {
	net.Listener
	closed chan net.Addr
}

type narrowConn struct {
	net.Conn
	closed chan net.Addr
}

func (l narrow) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return narrowConn{nc, l.closed}, nc.(*net.TCPConn).SetWriteBuffer(4096)
}

func (c narrowConn) Close() error {
	c.closed <- c.RemoteAddr()
	return c.Conn.Close()
}

func TestBrowserThatTakesNothingIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan net.Addr, 1000) // more than there are
	serveOn(t, narrow{l, closed}, local.Memory())
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, "GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tooLate := time.After(time.Minute)
	for {
		select {
		case addr := <-closed:
			if addr.String() == nc.LocalAddr().String() {
				return
			}
		case <-tooLate:
			t.Fatal("it is still told")
		}
	}
}
