package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// BigInts have up to 10,000 digits, whatever form and encoding they come in.
func TestLongestBigInt(t *testing.T) {
	longest, _ := new(big.Int).SetString(strings.Repeat("9", 10_000), 10)
	for _, n := range []*big.Int{longest, new(big.Int).Neg(longest)} {
		for _, enc := range allEncodings {
			data, err := codec.Marshal(enc, n)
			if err != nil {
				t.Errorf("%v: %v", enc, err)
				continue
			}
			var got big.Int
			if err := codec.Unmarshal(enc, data, &got); err != nil || got.Cmp(n) != 0 {
				t.Errorf("%v: %v", enc, err)
			}
		}
	}
}

// TestBigIntTooLong: it is refused by its length. To make digits of it takes
// minutes where a message may have megabytes.
func TestBigIntTooLong(t *testing.T) {
	const size = 64 << 10
	n := new(big.Int).Lsh(big.NewInt(1), 8*size)
	for _, enc := range allEncodings {
		var refused *codec.TypeError
		if data, err := codec.Marshal(enc, n); !errors.As(err, &refused) {
			t.Errorf("%v: %d bytes, error %v", enc, len(data), err)
		}
	}
	content := bytes.Repeat([]byte{0xa5}, size)
	chunked := "\x5f" + strings.Repeat("\x58\xff"+strings.Repeat("\xa5", 255), size/255) + "\xff"
	for _, data := range []string{
		fmt.Sprintf("\xc2\x5a\x00\x01\x00\x00%s", content),
		fmt.Sprintf("\xc3\x5a\x00\x01\x00\x00%s", content),
		"\xc2" + chunked,
	} {
		var whole int
		var anything any
		var number big.Int
		var raw codec.Value
		var arg uint8
		for _, err := range []error{
			codec.Unmarshal(codec.BARE, []byte(data), &whole),
			codec.Unmarshal(codec.BARE, []byte(data), &anything),
			codec.Unmarshal(codec.BARE, []byte(data), &number),
			codec.Unmarshal(codec.BARE, []byte(data), &raw),
			codec.DecoderFor[uint8]().DecodeArgs(codec.BARE, []byte("\x81"+data), &arg),
			codec.Valid(codec.CBOR, []byte(data)),
			func() error {
				_, err := codec.Marshal(codec.JSON, codec.RawValue(codec.BARE, []byte(data)))
				return err
			}(),
		} {
			var syntax *codec.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("%x…: error %v", data[:3], err)
			}
		}
	}
}
