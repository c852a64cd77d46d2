// Command rx watches several markets at once, with operators of RxGo: the trades
// of all, second by second.
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/rx ACME INIT
//
// It is for programs that have RxGo already: package stream alone does the same
// with fewer words, types and goroutines.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

// Trade is what a market tells.
type Trade struct {
	Price float64 `json:"price"`
	Size  int     `json:"size"`
}

// Traded is the event of an actor for one symbol.
const Traded = rivet.Event[Trade]("traded")

// Summary is what is printed of the trades of a while.
type Summary struct {
	Trades, Size int
	High         float64
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: rx SYMBOL ...")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := rivet.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := run(ctx, client, os.Args[1:], time.Second, os.Stdout); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, client *rivet.Client, symbols []string, every time.Duration, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // BufferWithTime goes by it, however this ends
	var markets []stream.Stream[Trade]
	for _, symbol := range symbols {
		c := client.GetOrCreate("market", rivet.Key{symbol}).Connect(ctx)
		defer c.Close()
		markets = append(markets, Traded.Stream(c))
	}
	// RxGo has a Merge, too, whose goroutines stay when what comes after it stops.
	summaries := rx.Observable(stream.Merge(markets...)).
		BufferWithTime(rxgo.WithDuration(every), rxgo.WithContext(ctx)).
		Map(summarize)

	for s, err := range rx.Stream[Summary](summaries).All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d trades, %d shares, at most %.2f\n", s.Trades, s.Size, s.High)
	}
	return nil
}

func summarize(_ context.Context, trades any) (any, error) {
	var s Summary
	for _, v := range trades.([]any) {
		t := v.(Trade)
		s.Trades++
		s.Size += t.Size
		s.High = max(s.High, t.Price)
	}
	return s, nil
}
