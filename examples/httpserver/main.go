// Command httpserver is a web server with routes of its own, that hosts actors
// beside them:
//
//	go run ./examples/httpserver
//	curl -X POST localhost:8080/increment/apples
//
// Clients of Rivet reach the same counters at http://localhost:8080/api/rivet.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// Increment adds to a counter and returns its count.
const Increment = rivet.Action[int, int]("increment")

// State is what a counter remembers.
type State struct{ Count int }

// Counter says what a counter does.
var Counter = actor.Define("counter", func(d *actor.Definition[State]) {
	actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
		c.State.Count += by
		return c.State.Count, nil
	})
})

func main() {
	addr := flag.String("addr", "localhost:8080", "`host:port` to listen on")
	data := flag.String("data", "httpserver-data", "`folder` to keep the counts in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("try: curl -X POST http://%s/increment/apples\n", l.Addr())
	if err := run(ctx, l, local.Dir(*data)); err != nil {
		log.Fatal(err)
	}
}

// run serves on l until ctx ends, and then finishes what is under way.
func run(ctx context.Context, l net.Listener, opts ...actor.Option) error {
	host, err := actor.New(actor.Registry{Counter}, opts...)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	srv := &http.Server{Handler: routes(host), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err = <-served: // it cannot go on
	case <-ctx.Done():
	}
	// First the requests, which need the actors, then the actors.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), host.Shutdown(ctx))
}

// routes are those of the server: its own, and those of the actors.
func routes(host *actor.Host) http.Handler {
	client := host.Client() // without a network between
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", host.Handler())
	mux.HandleFunc("POST /increment/{name}", func(w http.ResponseWriter, r *http.Request) {
		counter := client.GetOrCreate("counter", rivet.Key{r.PathValue("name")})
		count, err := Increment.Call(r.Context(), counter, 1)
		if err != nil {
			log.Print(err)
			http.Error(w, "the counter cannot be reached", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]int{"count": count})
	})
	return mux
}
