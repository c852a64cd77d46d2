package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rivet-go/rivet/stream"
)

//go:embed page
var files embed.FS

// server shows a plant to browsers and does what their buttons say.
type server struct {
	plant *plant
	hello news // what a browser is told first
}

const (
	// pulled is for how long a cable is out.
	pulled = 3 * time.Second
	// patience is for how long a browser may take nothing. It comes back when it
	// can, and sees what was.
	patience = 5 * time.Second
)

// rates is how often machines may be told to measure.
var rates = []int{1, 10, 100, maxRate}

func newServer(p *plant) (http.Handler, error) {
	page, err := fs.Sub(files, "page")
	if err != nil {
		return nil, err
	}
	first, err := render[hello]("hello")(greeting(p))
	if err != nil {
		return nil, err
	}
	s := &server{plant: p, hello: first}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.HandleFunc("GET /news", s.news)
	mux.HandleFunc("POST /rate", s.rate)
	mux.HandleFunc("POST /cut", s.cut)
	mux.HandleFunc("POST /stall", s.stall)
	// The buttons are for this page, not for others that the browser shows.
	return secured(http.NewCrossOriginProtection().Handler(mux)), nil
}

// secured keeps the page to itself: what it needs is in it.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// hello is what does not change.
type hello struct {
	TickMs   int64         `json:"tickMs"`
	History  int           `json:"history"` // pictures
	Rates    []int         `json:"rates"`
	Machines []machineName `json:"machines"`
}

type machineName struct {
	Hall string `json:"hall"`
	Name string `json:"name"`
}

func greeting(p *plant) hello {
	h := hello{
		TickMs:  tick.Milliseconds(),
		History: pictureHistory,
		Rates:   rates,
	}
	for _, l := range p.lines {
		h.Machines = append(h.Machines, machineName{l.hall, l.name})
	}
	return h
}

// news streams to one browser what there is to see, until that leaves.
func (s *server) news(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	all := s.plant.news().StartWith(s.hello)
	for n, err := range all.All(r.Context()) {
		if stream.IsNotice(err) {
			continue // the browser was too slow; what comes next is newer
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) { // which is the end of the program
				log.Printf("the news ended: %v", err)
			}
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", n.kind, n.data); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

// rate tells machines how often to measure.
func (s *server) rate(w http.ResponseWriter, r *http.Request) {
	rate, err := strconv.Atoi(r.FormValue("rate"))
	if err != nil || !slices.Contains(rates, rate) {
		http.Error(w, fmt.Sprintf("rate has to be one of %v", rates), http.StatusBadRequest)
		return
	}
	lines, ok := s.lines(w, r)
	if !ok {
		return
	}
	if err := setRates(r.Context(), rate, lines); err != nil {
		http.Error(w, "the machines cannot be reached: "+err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// cut pulls cables for a while.
func (s *server) cut(w http.ResponseWriter, r *http.Request) {
	lines, ok := s.lines(w, r)
	if !ok {
		return
	}
	for _, l := range lines {
		l.cable.pull(pulled)
	}
	w.WriteHeader(http.StatusNoContent)
}

// stall stalls a consumer, or lets it go on.
func (s *server) stall(w http.ResponseWriter, r *http.Request) {
	shut, err := strconv.ParseBool(r.FormValue("stalled"))
	if err != nil {
		http.Error(w, "stalled has to be true or false", http.StatusBadRequest)
		return
	}
	policy := r.FormValue("consumer")
	if policy == "" {
		s.plant.fanIn.set(shut)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for _, c := range s.plant.bench.consumers {
		if c.policy.String() == policy {
			c.stall.set(shut)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	http.Error(w, "there is no such consumer", http.StatusNotFound)
}

// lines returns what a request is about: a machine by its place in hello, the
// tester, a hall, or all.
func (s *server) lines(w http.ResponseWriter, r *http.Request) ([]*line, bool) {
	if text := r.FormValue("machine"); text == "tester" {
		return []*line{s.plant.bench.tester}, true
	} else if text != "" {
		i, err := strconv.Atoi(text)
		if err != nil || i < 0 || i >= len(s.plant.lines) {
			http.Error(w, "there is no such machine", http.StatusNotFound)
			return nil, false
		}
		return s.plant.lines[i : i+1], true
	}
	lines := s.plant.hall(r.FormValue("hall"))
	if len(lines) == 0 {
		http.Error(w, "there is no such hall", http.StatusNotFound)
		return nil, false
	}
	return lines, true
}
