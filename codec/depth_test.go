package codec_test

import (
	"errors"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

type (
	family struct {
		Name   string
		Kids   []*family
		parent *family
		Other  *family `json:"-"`
		Third  *family `cbor:"-"`
	}
	lineage struct {
		*family
		Next *lineage
	}
)

// TestFieldsThatAreNotEncoded: they may lead anywhere, back included, and
// belong to another goroutine.
func TestFieldsThatAreNotEncoded(t *testing.T) {
	kid := &family{Name: "kid"}
	kid.parent = &family{Name: "parent", Kids: []*family{kid}}
	kid.Other, kid.Third = kid, kid
	for _, enc := range allEncodings {
		data, err := codec.Marshal(enc, kid.parent)
		var got family
		if err == nil {
			err = codec.Unmarshal(enc, data, &got)
		}
		if err != nil || len(got.Kids) != 1 || got.Kids[0].Name != "kid" {
			t.Errorf("%v: %v, %+v", enc, err, got)
		}
	}
}

// TestEndlessValues: embedded structs and the keys of maps count too.
func TestEndlessValues(t *testing.T) {
	kid := &family{}
	kid.Kids = []*family{kid}
	for _, v := range []any{
		kid,
		lineage{family: kid},
		map[any]int{kid: 1},
		map[*family]int{kid: 1},
	} {
		var refused *codec.TypeError
		if _, err := codec.Marshal(codec.BARE, v); !errors.As(err, &refused) {
			t.Errorf("%T: %v", v, err)
		}
	}
}
