// Command dashboard hosts the machines of a plant, watches all of them over one
// connection each, and shows what it sees on a page, live:
//
//	go run ./examples/dashboard
//
// Then open http://localhost:8080. The page has buttons that do harm: they pull
// the cable of a machine's connection, stall a consumer, or have the machines
// send a hundred times as much.
//
// What to copy from it is in watch.go: how the events of many actors become one
// stream, and that stream the pictures of a page. Each browser is fed by one
// stream of server-sent events, however many machines there are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`host:port` to listen on")
	data := flag.String("data", "", "`folder` to keep what the machines remember in; nothing is kept without one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt does not wait
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatalf("%v; -addr takes another address", err)
	}
	store := local.Memory()
	if *data != "" {
		store = local.Dir(*data)
	}
	if err := run(ctx, l, os.Stdout, store); err != nil {
		log.Fatal(err)
	}
}

// run hosts the machines and serves the page on l until ctx ends. It tells out
// where the page is.
func run(ctx context.Context, l net.Listener, out io.Writer, opts ...actor.Option) error {
	host, err := actor.New(actor.Registry{Machine}, opts...)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	g, ctx := errgroup.WithContext(ctx)
	plant, err := newPlant(ctx, l.Addr())
	if err != nil {
		return errors.Join(err, host.Shutdown(ctx), l.Close())
	}
	page, err := newServer(plant)
	if err != nil {
		return errors.Join(err, plant.client.Close(), host.Shutdown(ctx), l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", host.Handler()) // for the dashboard itself, and for other clients
	mux.Handle("/", page)
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends the streams of browsers
	}
	fmt.Fprintf(out, "the plant is at http://%s\n", forBrowsers(l.Addr()))
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error { return plant.watch(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return errors.Join(srv.Shutdown(ctx), host.Shutdown(ctx))
	})
	return g.Wait()
}

// forBrowsers is addr as a browser of this machine can open it.
func forBrowsers(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return addr.String()
}
