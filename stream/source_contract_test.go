package stream

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// contractSources have "a", "b" and "c" each, and another step in between if
// they can.
var contractSources = map[string]struct {
	build func() Stream[string]
	want  string
}{
	"From":    {func() Stream[string] { return From("a", "b", "c") }, "a b c end(<nil>)"},
	"FromSeq": {func() Stream[string] { return FromSeq(slices.Values([]string{"a", "b", "c"})) }, "a b c end(<nil>)"},
	"FromSeq2": {func() Stream[string] {
		return FromSeq2(func(yield func(string, error) bool) {
			_ = yield("a", nil) && yield("lost", maybeNotice(true)) && yield("b", nil) && yield("c", nil) && yield("lost", errSource) && yield("late", nil)
		})
	}, "a !maybe b c end(the source has failed)"},
	"FromChan": {func() Stream[string] {
		ch := make(chan string, 3)
		for _, v := range []string{"a", "b", "c"} {
			ch <- v
		}
		close(ch)
		return FromChan(ch)
	}, "a b c end(<nil>)"},
	"FromFunc": {func() Stream[string] { return fromScript(io.EOF) }, "a !maybe b c end(<nil>)"},
	"FromFunc, failing": {func() Stream[string] {
		return fromScript(errSource)
	}, "a !maybe b c end(the source has failed)"},
	"FromFunc, EOF inside": {func() Stream[string] {
		return fromScript(fmt.Errorf("read: %w", io.EOF))
	}, "a !maybe b c end(read: EOF)"},
	"FromError":         {func() Stream[string] { return FromError[string](errSource) }, "end(the source has failed)"},
	"FromError, nil":    {func() Stream[string] { return FromError[string](nil) }, "end(<nil>)"},
	"FromError, notice": {func() Stream[string] { return FromError[string](maybeNotice(true)) }, "!maybe end(<nil>)"},
	"Empty":             {Empty[string], "end(<nil>)"},
	"FromSubscription": {func() Stream[string] {
		return FromSubscription(func() *Subscription[string] {
			q := NewQueue(Config{}, Hooks[string]{})
			q.Push([]string{"a"})
			q.Notice(maybeNotice(true))
			q.Push([]string{"b", "c"})
			q.CloseWith(errSource)
			return Direct(q)
		})
	}, "a !maybe b c end(the source has failed)"},
	"FromSubscription, failed": {func() Stream[string] {
		return FromSubscription(func() *Subscription[string] { return Failed[string](errSource) })
	}, "end(the source has failed)"},
}

// fromScript returns a stream of a, a notice, b, c and end.
func fromScript(end error) Stream[string] {
	calls := 0
	return FromFunc(func(context.Context) (string, error) {
		calls++
		switch calls {
		case 1:
			return "a", nil
		case 2:
			return "lost", maybeNotice(true)
		case 3:
			return "b", nil
		case 4:
			return "c", nil
		}
		return "lost", end
	})
}

type maybeNotice bool

func (m maybeNotice) Error() string { return "maybe" }
func (m maybeNotice) Notice() bool  { return bool(m) }

func TestContractSources(t *testing.T) {
	for name, source := range contractSources {
		for kind, build := range map[string]func() Stream[any]{
			"alone":   func() Stream[any] { return anyOf(source.build()) },
			"grouped": func() Stream[any] { return Merge(anyOf(source.build())) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				whole := play(t, t.Context(), build(), 0, nil)
				if got := strings.Join(whole, " "); got != source.want {
					t.Errorf("\n got %s\nwant %s", got, source.want)
				}
				for at := 1; at < len(whole); at++ {
					if got := play(t, t.Context(), build(), at, nil); !slices.Equal(got, whole[:at]) {
						t.Errorf("refused at %d: %v", at, got)
					}
					ctx, cancel := context.WithCancel(t.Context())
					got := play(t, ctx, build(), 0, func(step int) {
						if step == at {
							cancel()
						}
					})
					if !slices.Equal(got, whole[:at]) {
						t.Errorf("ctx ended at %d: %v", at, got)
					}
					if got := play(t, ctx, build(), 0, nil); len(got) > 0 {
						t.Errorf("ctx ended before: %v", got)
					}
				}
			})
		}
	}
}
