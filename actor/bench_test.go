package actor_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// swallow is a link that takes everything and tells of it.
type swallow struct {
	*link
	sent chan struct{}
}

func (s swallow) Send(*actor.Frame) error {
	if s.sent != nil {
		s.sent <- struct{}{}
	}
	return nil
}

func benchActor(b *testing.B) (*bench, *actor.Instance) {
	b.Helper()
	d := &bench{data: make(map[string][]byte), asks: make(chan string, 64)}
	h, err := actor.New(actor.Registry{counter()}, actor.UseDriver(d))
	if err != nil {
		b.Fatal(err)
	}
	in, err := d.start(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Stop(b.Context(), actor.Lost); _ = h.Shutdown(b.Context()) })
	return d, in
}

// BenchmarkAction is what a call costs in the runtime, without network and disk.
func BenchmarkAction(b *testing.B) {
	b.Run("http", func(b *testing.B) {
		_, in := benchActor(b)
		body := strings.NewReader("")
		r := httptest.NewRequest("POST", "/action/increment", body)
		b.ReportAllocs()
		for b.Loop() {
			body.Reset(`{"args":[1]}`)
			w := httptest.NewRecorder()
			in.ServeHTTP(w, r)
			if w.Code != 200 {
				b.Fatal(w.Body)
			}
		}
	})
	b.Run("connection", func(b *testing.B) {
		_, in := benchActor(b)
		l := swallow{newLink("l", "/connect", "rivet, rivet_encoding.bare"), make(chan struct{}, 16)}
		r := in.Open(l)
		<-l.sent
		msg := codec.AppendActionRequest(nil, codec.BARE, 1, "increment", must(codec.AppendArgs(nil, codec.BARE, []any{1})))
		index := uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			index++
			r.Message(index, false, append([]byte(nil), msg...))
			<-l.sent
		}
	})
}

// BenchmarkBroadcast is what an event to 1,000 connections costs.
func BenchmarkBroadcast(b *testing.B) {
	_, in := benchActor(b)
	for i := range 1000 {
		l := swallow{newLink(fmt.Sprint(i), "/connect", "rivet, rivet_encoding.bare"), nil}
		r := in.Open(l)
		r.Message(1, false, codec.AppendSubscription(nil, codec.BARE, "countChanged", true))
	}
	b.ReportAllocs()
	for b.Loop() {
		ask(in, "increment", 1)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
