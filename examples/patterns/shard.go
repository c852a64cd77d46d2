package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// Sharding: what is too much for one actor goes to several, by time or at
// random.

// What both kinds of shards offer.
const (
	Record = rivet.Action[string, int]("record")
	Count  = rivet.Action[rivet.None, int]("count")
)

// Events is what the events of an hour are kept in.
type Events struct{ Names []string }

// Analytics has the events of one hour.
var Analytics = actor.Define("analytics", func(d *actor.Definition[Events]) {
	actor.Handle(d, Record, func(c *actor.Context[Events], name string) (int, error) {
		c.State.Names = append(c.State.Names, name)
		return len(c.State.Names), nil
	})
})

// Requests is what a rate limiter remembers.
type Requests struct{ Count int }

// RateLimiter counts a part of the requests.
var RateLimiter = actor.Define("rateLimiter", func(d *actor.Definition[Requests]) {
	actor.Handle(d, Record, func(c *actor.Context[Requests], _ string) (int, error) {
		c.State.Count++
		return c.State.Count, nil
	})
	actor.Handle(d, Count, func(c *actor.Context[Requests], _ rivet.None) (int, error) {
		return c.State.Count, nil
	})
})

const limiters = 3

// hourly returns the actor for the events of an organisation around t.
func hourly(client *rivet.Client, org string, t time.Time) *rivet.Handle {
	return client.GetOrCreate("analytics", rivet.Key{org, t.UTC().Format("2006-01-02T15")})
}

// limiter returns one of the rate limiters.
func limiter(client *rivet.Client, i int) *rivet.Handle {
	return client.GetOrCreate("rateLimiter", rivet.Key{fmt.Sprintf("shard-%d", i)})
}

func shards(ctx context.Context, client *rivet.Client, out io.Writer) error {
	morning := time.Date(2024, 1, 15, 9, 30, 0, 0, time.UTC)
	for _, t := range []time.Time{morning, morning.Add(20 * time.Minute), morning.Add(time.Hour)} {
		hour := hourly(client, "org-acme", t)
		n, err := Record.Call(ctx, hour, "sign-in")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is event %d of %s\n", t.Format(time.TimeOnly), n, hour.Key()[1])
	}

	for range 30 {
		if _, err := Record.Call(ctx, limiter(client, rand.IntN(limiters)), "GET /"); err != nil {
			return err
		}
	}
	sum := 0
	for i := range limiters {
		n, err := rivet.Do(ctx, limiter(client, i), Count)
		if err != nil {
			return err
		}
		sum += n
	}
	fmt.Fprintf(out, "%d requests in %d shards\n", sum, limiters)
	return nil
}
