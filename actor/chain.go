package actor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// chainHeader carries the turns that wait for a request, so that an actor that
// is called by way of itself can tell. It is a list as in
//
//	<actor id>;<generation>;<turn>;<who>, …
//
// It is this library's own, and no secret.
const chainHeader = "X-Rivet-Call-Chain"

// maxChain bounds the header, hence how deep calls are told.
const maxChain = 8 << 10

// chain is what a request has in its header.
type chain string

type chainKey struct{}

// with returns the chain with one more turn at its end.
func (c chain) with(actorID string, generation, turn uint64, who string) chain {
	link := actorID + ";" + strconv.FormatUint(generation, 10) + ";" + strconv.FormatUint(turn, 10) + ";" + url.PathEscape(who)
	if c != "" {
		link = string(c) + "," + link
	}
	if len(link) > maxChain {
		return c
	}
	return chain(link)
}

// turns calls f with each turn of the chain.
func (c chain) turns(f func(actorID string, generation, turn uint64, who string)) {
	for link := range strings.SplitSeq(string(c), ",") {
		part := strings.SplitN(strings.TrimSpace(link), ";", 4)
		if len(part) != 4 {
			continue
		}
		generation, err := strconv.ParseUint(part[1], 10, 64)
		turn, bad := strconv.ParseUint(part[2], 10, 64)
		who, worse := url.PathUnescape(part[3])
		if err == nil && bad == nil && worse == nil {
			f(part[0], generation, turn, who)
		}
	}
}

// chainOf returns the chain of a request.
func chainOf(h http.Header) chain {
	if v := h.Get(chainHeader); len(v) <= maxChain {
		return chain(v)
	}
	return ""
}

// chainHeaders is what a host's client sends along with a request made in ctx.
func chainHeaders(ctx context.Context) (http.Header, error) {
	if c, ok := ctx.Value(chainKey{}).(chain); ok && c != "" {
		return http.Header{chainHeader: {string(c)}}, nil
	}
	return nil, nil
}

// cycle returns an error when one of the turns in c is this actor's and waits
// without having been given away: then it would wait for itself.
func (in *Instance) cycle(c chain, call string) (err error) {
	if c == "" {
		return nil
	}
	var names []string
	found := false
	c.turns(func(id string, generation, turn uint64, who string) {
		if id == in.start.ID && generation == in.start.Generation && in.turns.holds(turn) {
			found = true
		}
		if found {
			names = append(names, who)
		}
	})
	if !found {
		return nil
	}
	names = append(names, in.who(call))
	return fault("actor", "call_cycle",
		fmt.Sprintf("Call cycle: %s: the first waits for the last. Context.Await gives the turn away meanwhile", strings.Join(names, " → ")), nil)
}

// cyclePatience is how long a turn may be held by a handler that one of its own
// calls waits for. A handler that has begun calls on goroutines, to wait for them
// in Await, looks for a moment as one that waits for itself.
const cyclePatience = 500 * time.Millisecond

// lasting is cycle for what does not pass: it waits until the turn was given away
// or is over, and returns an error when that takes longer than cyclePatience.
func (in *Instance) lasting(c chain, call string) error {
	if in.cycle(c, call) == nil {
		return nil
	}
	passed := make(chan struct{})
	free := func() { close(passed) }
	if in.turns.push(item{urgent: true, run: func(*turn) { free() }, refuse: func(error) { free() }}) != nil {
		return nil // it is stopping, and says so to whatever comes
	}
	timer := time.NewTimer(cyclePatience)
	defer timer.Stop()
	select {
	case <-passed:
		return nil
	case <-timer.C:
		return in.cycle(c, call)
	}
}

// suspect answers a call that waits for itself, once that lasts.
func (c *call) suspect() {
	err := c.in.cycle(c.chain, c.action.name)
	if err != nil && c.at.CompareAndSwap(callWaits, callAnswered) {
		c.begun()
		c.answer(nil, err)
	}
}

// name names this actor for people.
func (in *Instance) name() string {
	return in.start.Name + "[" + strings.Join(in.start.Key, ",") + "]"
}

// who names an action of this actor for people.
func (in *Instance) who(action string) string { return in.name() + "." + action }
