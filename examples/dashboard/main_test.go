package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/conn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
			c[4].Ends > 0 && strings.Contains(c[4].Told, "loop ended") && c[4].Last > 0
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
