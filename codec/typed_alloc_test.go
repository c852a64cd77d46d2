//go:build !race

package codec_test

import (
	"reflect"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// The race detector allocates, so this is for runs without it.
func TestTypedAllocates(t *testing.T) {
	type fixed struct {
		ID    int64
		Price float64
		Up    bool
		Sum   [8]byte
		At    [2]struct{ X, Y int32 }
	}
	allocates(t, 0, fixed{1 << 40, 2.5, true, [8]byte{1}, [2]struct{ X, Y int32 }{{1, 2}, {3, 4}}})
	allocates(t, 0, -5)
	allocates(t, 2, sampleTick)
	allocates(t, 1, []float64{1, 2, 3})
	allocates(t, 1, []fixed{{ID: 1}, {ID: 2}})
	allocates(t, 1, []byte{1, 2, 3})
	allocates(t, 1, pointer(7))
}

func allocates[T any](t *testing.T, want float64, in T) {
	t.Helper()
	decoder := codec.DecoderFor[T]()
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR} {
		args := encodedArgs(t, enc, in)
		if !decoder.Compiled(args) && enc == codec.BARE {
			t.Errorf("%v: %T is not compiled", enc, in)
		}
		var out T
		got := testing.AllocsPerRun(200, func() {
			out = *new(T)
			if err := decoder.DecodeArgs(enc, args, &out); err != nil {
				t.Fatal(err)
			}
		})
		if got != want && enc == codec.BARE {
			t.Errorf("%v: %T takes %v allocations, want %v", enc, in, got, want)
		}
		if !reflect.DeepEqual(in, out) {
			t.Errorf("%v: %#v became %#v", enc, in, out)
		}
		got = testing.AllocsPerRun(200, func() {
			out = *new(T)
			if err := codec.Unmarshal(enc, args[1:], &out); err != nil {
				t.Fatal(err)
			}
		})
		if got != want && enc == codec.BARE {
			t.Errorf("%v: %T as a value takes %v allocations, want %v", enc, in, got, want)
		}
	}
}
