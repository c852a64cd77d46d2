package actor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// An actor that is a small web server.
func ExampleDefinition_OnRequest() {
	type Page struct{ Text string }
	Wiki := actor.Define("wiki", func(d *actor.Definition[Page]) {
		d.OnRequest(func(c *actor.Context[Page], w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
			if err == nil {
				err = c.Update(func(p *Page) { // a turn
					if r.Method == http.MethodPut {
						p.Text = string(text)
					}
					text = []byte(p.Text)
				})
			}
			if err != nil {
				actor.WriteError(w, r, err)
				return
			}
			fmt.Fprintf(w, "%s is about %s", r.URL.Path, text)
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Wiki}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	page := host.Client().GetOrCreate("wiki", rivet.Key{"apples"})
	for _, method := range []string{http.MethodPut, http.MethodGet} {
		r, err := http.NewRequestWithContext(ctx, method, "/page", strings.NewReader("fruit"))
		if err != nil {
			log.Fatal(err)
		}
		resp, err := page.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, string(text), err)
	}
	// Output:
	// 200 /page is about fruit <nil>
	// 200 /page is about fruit <nil>
}

// A protocol of one's own over a WebSocket.
func ExampleDefinition_OnWebSocket() {
	type Log struct{ Lines int }
	Echo := actor.Define("echo", func(d *actor.Definition[Log]) {
		d.OnWebSocket(func(c *actor.Context[Log], ws *actor.WebSocket) error {
			for m, err := range ws.Messages(c) {
				if err != nil {
					return err
				}
				var n int
				if err := c.Update(func(l *Log) { l.Lines++; n = l.Lines }); err != nil {
					return err
				}
				if err := ws.Send(c, rivet.Text(fmt.Sprintf("%d: %s", n, m.Data))); err != nil {
					return err
				}
			}
			return nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Echo}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	ws, err := host.Client().GetOrCreate("echo", nil).WebSocket(ctx, "/")
	if err != nil {
		log.Fatal(err)
	}
	defer ws.Close()
	for _, line := range []string{"hello", "again"} {
		if err := ws.Send(ctx, rivet.Text(line)); err != nil {
			log.Fatal(err)
		}
	}
	n := 0
	for m, err := range ws.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(m.Data))
		if n++; n == 2 {
			break
		}
	}
	// Output:
	// 1: hello
	// 2: again
}
