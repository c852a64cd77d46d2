package stream_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/stream"
)

func TestConcatInTime(t *testing.T) {
	tests := map[string]two{
		"one after the other": {"a . b |", "c . d |", "a . b c . d |"},
		"first error":         {"a #", "c |", "a #"},
		"second error":        {"a |", "c #", "a c #"},
		"notices":             {"! a |", "! c |", "! a ! c |"},
		"empty first":         {"|", "c |", "c |"},
		"both empty":          {"|", "|", "|"},
		"cut off":             {"a . . . . . . . . . . . . . . . . . . . . b |", "c |", "a"},
	}
	inTime(t, tests, func(a, b stream.Stream[string]) stream.Stream[string] { return stream.Concat(a, b) })
	t.Run("grouped", func(t *testing.T) {
		inTime(t, tests, func(a, b stream.Stream[string]) stream.Stream[string] {
			return stream.Merge(stream.Concat(a, b))
		})
	})
	empty(t, stream.Concat[string]())
}

// Each stream begins when the one before is released, and runs on the
// consumer's goroutine.
func TestConcatReleasesFirst(t *testing.T) {
	var log []string
	one := func(name string) stream.Stream[int] {
		return stream.FromSeq(func(yield func(int) bool) {
			log = append(log, "open "+name)
			defer func() { log = append(log, "close "+name) }()
			yield(1)
		})
	}
	before := testgoroutines.Count()
	for _, err := range stream.Concat(one("a"), one("b")).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if now := testgoroutines.Count(); now > before {
			t.Errorf("%d goroutines more", now-before)
		}
	}
	if want := []string{"open a", "close a", "open b", "close b"}; !slices.Equal(log, want) {
		t.Errorf("%s", fmt.Sprint(log))
	}
}
