package receive

import (
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/bench/wire"
)

// The decoder that was written by hand has to do the same as the others, or it is
// no measure for them.
func FuzzDecoderByHand(f *testing.F) {
	for _, v := range []any{
		wire.Trade{Symbol: "RVT-USD", Price: 1234.5, Size: 10_000},
		wire.Trade{Symbol: "", Price: -0.1, Size: wire.Last},
		wire.Trade{Symbol: "a", Price: 1e300, Size: 1 << 40},
		map[string]any{"price": 7, "size": 1},
		map[string]any{"price": float32(1.5), "size": -300},
		map[string]any{"other": 1},
		[]int{1},
	} {
		data, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want wire.Trade
		if !decodeTrade(data, &got) {
			return
		}
		if _, err := cbor.UnmarshalFirst(data, &want); err != nil {
			return // it does not look for invalid UTF-8 and fields that come twice
		}
		if got != want && got.Price == got.Price {
			t.Errorf("%x: %+v, want %+v", data, got, want)
		}
	})
}

func TestDecoderByHand(t *testing.T) {
	want := wire.Trade{Symbol: "RVT-USD", Price: 1234.5, Size: 10_000}
	data, err := cbor.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got wire.Trade
	if !decodeTrade(data, &got) || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for n := range data {
		if decodeTrade(data[:n], &got) {
			t.Errorf("the first %d bytes of %d were decoded", n, len(data))
		}
	}
}

// What is no event must not be taken for one, nor be a panic.
func TestArgument(t *testing.T) {
	event := []byte("\x04\x00\x03\x05trade\x03\x81\x18\x2a")
	arg, err := argument(event)
	if err != nil || string(arg) != "\x18\x2a" {
		t.Errorf("%x, %v", arg, err)
	}
	for n := range len(event) - 2 {
		if arg, err := argument(event[:n]); err == nil {
			t.Errorf("the first %d bytes have the argument %x", n, arg)
		}
	}
	if _, err := argument([]byte("\x04\x00\x02\x00\x01\x0a")); err == nil {
		t.Error("a reply was taken for an event")
	}
}
