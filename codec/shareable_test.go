package codec_test

import (
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
)

type (
	plainID   string
	plainSpot struct{ X, Y float32 }
	shared    struct {
		ID     plainID
		Up     bool
		Grid   [2]plainSpot
		Names  [2]string
		At     time.Time
		hidden int
	}
	spread struct {
		codec.Positional
		Name string
		Size int
	}
	selfMade  struct{ N int }
	hasSecret struct {
		N int
		_ *int
	}
	recursive struct {
		N    int
		Next *recursive
	}
)

func (s *selfMade) UnmarshalCBOR([]byte) error { return nil }

// textual has a method that other decoders of CBOR would leave alone.
type textual struct{ N int }

func (s *textual) UnmarshalText([]byte) error { return nil }

func TestShareable(t *testing.T) {
	shareable[int](t, true)
	shareable[bool](t, true)
	shareable[float32](t, true)
	shareable[string](t, true)
	shareable[plainID](t, true)
	shareable[[3]string](t, true)
	shareable[time.Time](t, true)
	shareable[codec.None](t, true)
	shareable[shared](t, true)
	shareable[spread](t, true)

	shareable[any](t, false)
	shareable[*int](t, false)
	shareable[[]int](t, false)
	shareable[[]byte](t, false)
	shareable[map[string]int](t, false)
	shareable[[2][]int](t, false)
	shareable[codec.Value](t, false)
	shareable[recursive](t, false)
	shareable[hasSecret](t, false)
	shareable[selfMade](t, false)
	shareable[textual](t, false)
	shareable[struct{ In selfMade }](t, false)
	shareable[[1 << 20]byte](t, false) // not compiled
}

func shareable[T any](t *testing.T, want bool) {
	t.Helper()
	if got := codec.DecoderFor[T]().Shareable(); got != want {
		t.Errorf("%T is shareable: %v, want %v", *new(T), got, want)
	}
}

func TestSize(t *testing.T) {
	v := shared{ID: "12345", Names: [2]string{"abc", ""}, At: time.Now(), hidden: 1}
	const own = 16 + 8 + 16 + 32 + 24 + 8
	if got := codec.DecoderFor[shared]().Size(&v); got != own+8 {
		t.Errorf("size is %d, want %d", got, own+8)
	}
	if got := codec.DecoderFor[codec.None]().Size(new(codec.None)); got != 0 {
		t.Errorf("size of None is %d", got)
	}
	n := 7
	if got := codec.DecoderFor[int]().Size(&n); got != 8 {
		t.Errorf("size of an int is %d", got)
	}
}
