package codec_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/codec"
)

// TestMarshalMethodsWriteNonsense: what a type's own method writes is not
// taken for granted.
func TestMarshalMethodsWriteNonsense(t *testing.T) {
	nonsense := map[string]any{
		"nothing":          cbor.RawMessage("\xff"),
		"two items":        cbor.RawMessage("\x01\x02"),
		"simple value":     cbor.SimpleValue(32),
		"Map of a number":  cbor.RawMessage("\xd9\x01\x03\x1a\xff\xff\xff\xff"),
		"Map of a list":    cbor.RawMessage("\xd9\x01\x03\x82\x01\x02"),
		"Set of a number":  cbor.Tag{Number: 258, Content: 5},
		"date of a list":   cbor.Tag{Number: 1, Content: []int{1}},
		"floats of a list": cbor.Tag{Number: 85, Content: []int{1}},
		"within":           []any{map[string]any{"a": cbor.Tag{Number: 259, Content: 5}}},
	}
	for _, number := range []uint64{0, 2, 3} {
		for _, content := range []any{7, uint64(1 << 40), 1.5, []int{1}} {
			nonsense[fmt.Sprintf("tag %d of %v", number, content)] = cbor.Tag{Number: number, Content: content}
		}
	}
	for name, v := range nonsense {
		for _, enc := range allEncodings {
			data, err := codec.Marshal(enc, v)
			var refused *codec.TypeError
			if !errors.As(err, &refused) {
				t.Errorf("%v, %s: %x, error %v", enc, name, data, err)
			}
		}
	}
}
