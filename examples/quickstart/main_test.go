package main

import (
	"context"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/rivettest"
)

func TestQuickstart(t *testing.T) {
	gw := rivettest.NewGateway(t)
	counter := gw.Actor("counter")
	count := 0
	rivettest.Handle(counter, Increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
		count += by
		rivettest.Emit(r, CountChanged, count)
		return count, nil
	})

	var out strings.Builder
	if err := run(t.Context(), gw.Client(t), &out); err != nil {
		t.Fatal(err)
	}
	const want = "increment(5) = 5\ncountChanged 6\ncountChanged 7\ncountChanged 8\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
