package stream_test

import (
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// What comes after a combining operator is told of its clean end: a stream that
// is to follow does.
func TestCombinedStreamsTellTheirEnd(t *testing.T) {
	a, b := stream.From("a"), stream.From("b")
	join := func(a, b string) string { return a + b }
	for name, s := range map[string]stream.Stream[string]{
		"Merge":          stream.Merge(a, b),
		"MergeMany":      stream.MergeMany(stream.From(a, b), 1),
		"Concat":         stream.Concat(a, b),
		"Race":           stream.Race(a, b),
		"Race of none":   stream.Race[string](),
		"Switch":         stream.Switch(stream.From(a, b)),
		"CombineLatest":  stream.CombineLatest(a, b, join),
		"CombineAll":     stream.Map(stream.CombineAll(a, b), func(all []string) string { return all[0] + all[1] }),
		"WithLatestFrom": stream.WithLatestFrom(a, b, join),
		"Zip":            stream.Zip(a, b, join),
		"TakeUntil":      stream.TakeUntil(a, b),
		"FlatMap":        stream.FlatMap(a, func(string) stream.Stream[string] { return b }),
	} {
		for how, all := range map[string]stream.Stream[string]{
			"run":      stream.Concat(s, stream.From("z")),
			"attached": stream.Merge(stream.Concat(s, stream.From("z"))),
		} {
			if last, err := all.Last(t.Context()); last != "z" || err != nil {
				t.Errorf("%s, %s: the last is %q, %v", name, how, last, err)
			}
		}
	}
}
