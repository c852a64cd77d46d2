package stream_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func join(a, b string) string { return a + b }

func TestCombineLatestInTime(t *testing.T) {
	tests := map[string]two{
		"once both have one":    {"a . b . . |", ". x . y . . |", ". ax bx by . . |"},
		"values before":         {"a b c . |", ". . . x |", ". . . cx |"},
		"one ends, one goes on": {"a |", ". x y . z |", ". ax ay . az |"},
		"one ends with nothing": {"|", ". x y . z |", "|"},
		"ends late with none":   {"a . |", ". . . |", ". . . |"},
		"error left":            {"a . . #", ". x y . z |", ". ax ay #"},
		"error right":           {"a . . b |", ". x #", ". ax #"},
		"error before":          {"#", "x |", "#"},
		"notices":               {"! a . !|", ". . ! . x |", "! . ! ! ax |"},
	}
	inTime(t, tests, func(a, b stream.Stream[string]) stream.Stream[string] {
		return stream.CombineLatest(a, b, join)
	})
	t.Run("all", func(t *testing.T) {
		inTime(t, tests, func(a, b stream.Stream[string]) stream.Stream[string] {
			return stream.Map(stream.CombineAll(a, b), func(both []string) string { return strings.Join(both, "") })
		})
	})
	empty(t, stream.CombineAll[string]())
	fails(t, stream.CombineLatest[int, int, int](stream.From(1), stream.From(2), nil), "CombineLatest")
}

// The slice is the receiver's.
func TestCombineAllSlicesAreFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all [][]string
		for vals, err := range stream.CombineAll(cold("a . b |"), cold(". x . y |")).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, vals)
		}
		if got := fmt.Sprint(all); got != "[[a x] [b x] [b y]]" {
			t.Errorf("got %s", got)
		}
	})
}

// A panic of the function reaches the consumer, and both sides are released,
// which goleak and the bubble see.
func TestCombinePanics(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		panics := func(string, string) string { panic("no") }
		a, b := source("a . b . . . . |"), source(". x . . . . |")
		for name, s := range map[string]stream.Stream[string]{
			"CombineLatest":  stream.CombineLatest(a, b, panics),
			"WithLatestFrom": stream.WithLatestFrom(a, b, panics),
			"Zip":            stream.Zip(a, b, panics),
			"in Merge":       stream.Merge(source(". . . . . . . |"), stream.CombineLatest(a, b, panics)),
		} {
			func() {
				defer func() {
					if p := recover(); p != "no" {
						t.Errorf("%s: the panic became %v", name, p)
					}
				}()
				for range s.All(t.Context()) {
				}
			}()
		}
	})
}
