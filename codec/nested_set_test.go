package codec_test

import (
	"reflect"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// The list of a Set means itself, also where it looks like a Set, and what is in it
// is a value again.
func TestListOfASetThatLooksLikeASet(t *testing.T) {
	type set = codec.Set[any]
	for text, want := range map[string]any{
		`["$Set",["$Set",["$Uint8Array",""]]]`:                   set{"$Set", []byte{}},
		`["$Set",["$Uint8Array","AA=="]]`:                        set{"$Uint8Array", "AA=="},
		`["$Set",["$Set",["$Set",["$Uint8Array","AA=="]]]]`:      set{"$Set", set{"$Uint8Array", "AA=="}},
		`["$Set",["$Set",["$Set",["$Set",["$Uint8Array",""]]]]]`: set{"$Set", set{"$Set", []byte{}}},
		`["$Set",["$Set",["$Uint8Array",""]],"x"]`:               []any{"$Set", set{"$Uint8Array", ""}, "x"},
	} {
		var got any
		err := codec.Unmarshal(codec.JSON, []byte(text), &got)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v, want %#v", text, got, err, want)
		}
	}
}
