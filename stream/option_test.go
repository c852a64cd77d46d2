package stream_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

func TestNewConfig(t *testing.T) {
	type both struct{ stream.Option } // an option of another package
	live := stream.Config{Buffer: 4096, BufferBytes: 8 << 20, Overflow: stream.DropOldest}
	for _, tt := range []struct {
		name string
		opts []stream.Option
		want stream.Config
		bad  []string // options named in the error
	}{
		{name: "defaults", want: live},
		{name: "nil is skipped", opts: []stream.Option{nil}, want: live},
		{
			name: "all",
			opts: []stream.Option{stream.Buffer(1), stream.BufferBytes(2), stream.Overflow(stream.Fail), stream.Gaps(true)},
			want: stream.Config{Buffer: 1, BufferBytes: 2, Overflow: stream.Fail, Gaps: true},
		},
		{
			name: "the last wins",
			opts: []stream.Option{stream.Gaps(true), stream.Gaps(false), stream.Buffer(7), stream.Buffer(math.MaxInt)},
			want: stream.Config{Buffer: math.MaxInt, BufferBytes: 8 << 20},
		},
		{
			name: "embedded",
			opts: []stream.Option{both{stream.Buffer(3)}},
			want: stream.Config{Buffer: 3, BufferBytes: 8 << 20},
		},
		{name: "no events", opts: []stream.Option{stream.Buffer(0)}, bad: []string{"Buffer"}},
		{name: "negative", opts: []stream.Option{stream.Buffer(math.MinInt)}, bad: []string{"Buffer"}},
		{name: "no bytes", opts: []stream.Option{stream.BufferBytes(0)}, bad: []string{"BufferBytes"}},
		{name: "no policy", opts: []stream.Option{stream.Overflow(stream.Fail + 1)}, bad: []string{"Overflow"}},
		{
			name: "every mistake at once",
			opts: []stream.Option{stream.BufferBytes(-1), stream.Gaps(true), stream.Overflow(99), stream.Buffer(-1)},
			bad:  []string{"BufferBytes", "Overflow", "Buffer"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := stream.NewConfig(tt.opts...)
			if len(tt.bad) == 0 {
				if err != nil || got != tt.want {
					t.Fatalf("got %+v, %v; want %+v", got, err, tt.want)
				}
				return
			}
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok || len(joined.Unwrap()) != len(tt.bad) {
				t.Fatalf("got %v, want one error for each of %v", err, tt.bad)
			}
			for i, err := range joined.Unwrap() {
				var bad *stream.OptionError
				if !errors.As(err, &bad) || bad.Option != tt.bad[i] || !strings.Contains(err.Error(), bad.Option) {
					t.Errorf("error %d is %v, want it to name %s", i, err, tt.bad[i])
				}
			}
		})
	}
}

func TestOptionErrorSaysWhatAndWhy(t *testing.T) {
	_, option := stream.NewConfig(stream.Buffer(0))
	_, operator := stream.From(1).Take(-1).Collect(t.Context())
	for err, want := range map[error]string{
		option:   "stream: Buffer: 0 is less than 1 event",
		operator: "stream: Take: -1 is negative",
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPolicyString(t *testing.T) {
	for p, want := range map[stream.Policy]string{
		stream.DropOldest: "DropOldest", stream.DropNewest: "DropNewest", stream.Latest: "Latest",
		stream.Block: "Block", stream.Fail: "Fail", 42: "Policy(42)",
	} {
		if p.String() != want {
			t.Errorf("got %q, want %q", p.String(), want)
		}
	}
}
