package testpages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// define finds mistakes in the definition of an actor.
func define(a actor.Actor) error {
	host, err := actor.New(actor.Registry{a}, local.Memory())
	if err != nil {
		return fmt.Errorf("actor %s: %w", a.Name(), err)
	}
	return host.Shutdown(context.Background())
}

// create makes an actor of a page once, by a key of two parts and without an
// input, on a host that has the others of the page, too. What the host warns of
// is an error.
func create(a actor.Actor, page []Actor) (err error) {
	var registry actor.Registry
	for _, other := range page {
		registry = with(registry, other.Actor)
	}
	var log bytes.Buffer
	host, err := actor.New(with(registry, a), local.Memory(),
		actor.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		return err
	}
	// An actor starts for this request, but nothing of it is asked to answer.
	request := httptest.NewRequest(http.MethodGet, "/gateway/"+url.PathEscape(a.Name())+
		"/health?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=docs,page", nil)
	answer := httptest.NewRecorder()
	host.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		err = fmt.Errorf("actor %s is not created: %s", a.Name(), answer.Body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(err, host.Shutdown(ctx)); err != nil {
		return fmt.Errorf("%w\n%s", err, log.String())
	}
	if log.Len() > 0 {
		return fmt.Errorf("actor %s: %s", a.Name(), strings.TrimSpace(log.String()))
	}
	return nil
}

// with returns a registry in which a is the only actor of its name.
func with(registry actor.Registry, a actor.Actor) actor.Registry {
	others := slices.DeleteFunc(slices.Clone(registry), func(o actor.Actor) bool { return o.Name() == a.Name() })
	return append(others, a)
}
