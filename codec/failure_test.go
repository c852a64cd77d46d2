package codec_test

import (
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// What could not be decoded is told in JavaScript's words, and into what in Go's.
func TestDecodeErrorsSayWhatCameAndWhatWasWanted(t *testing.T) {
	for _, test := range []struct {
		value any
		into  any
		want  string
	}{
		{"five", new(int), "cannot decode a string"},
		{map[string]int{"a": 1}, new(int), "cannot decode an object"},
		{[]int{1}, new(string), "cannot decode an array"},
		{1.5, new(int), "cannot decode a boolean, fraction or null"},
		{300, new(int8), "cannot decode a whole number, or one of this size"},
	} {
		data, err := codec.Marshal(codec.CBOR, test.value)
		if err != nil {
			t.Fatal(err)
		}
		err = codec.Unmarshal(codec.CBOR, data, test.into)
		if err == nil || !strings.Contains(err.Error(), test.want+" (Go type ") {
			t.Errorf("%v into a %T: %v, want %q", test.value, test.into, err, test.want)
		}
	}
}
