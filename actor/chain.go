package actor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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

// who names an action of this actor for people.
func (in *Instance) who(action string) string {
	return in.start.Name + "[" + strings.Join(in.start.Key, ",") + "]." + action
}
