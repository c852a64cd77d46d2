package actor

import (
	"fmt"
	"hash/maphash"

	"github.com/fxamacker/cbor/v2"
)

// stateful is a cell without its type parameter.
type stateful interface {
	encode(buf []byte) ([]byte, error)
	decode(data []byte) error
}

// cell holds an actor's state.
type cell[S any] struct{ value S }

// Modes of what is stored. Equal values have equal bytes, so that a change can
// be told by them, and times keep their nanoseconds, which the wire to
// JavaScript would not.
var (
	storeEnc = must(cbor.EncOptions{
		Sort:          cbor.SortBytewiseLexical,
		Time:          cbor.TimeRFC3339Nano,
		NaNConvert:    cbor.NaNConvert7e00,
		InfConvert:    cbor.InfConvertFloat16,
		BigIntConvert: cbor.BigIntConvertShortest,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsNull,
	}.EncMode())
	storeDec = must(cbor.DecOptions{
		MaxNestedLevels:  256,
		MaxArrayElements: 1 << 30,
		MaxMapPairs:      1 << 30,
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
	}.DecMode())
)

func must[M any](m M, err error) M {
	if err != nil {
		panic(err) // the options above are wrong
	}
	return m
}

func (c *cell[S]) encode(buf []byte) ([]byte, error) {
	data, err := storeEnc.Marshal(&c.value)
	if err != nil {
		return buf, fmt.Errorf("encode the state, a %T: %w", c.value, err)
	}
	return append(buf, data...), nil
}

func (c *cell[S]) decode(data []byte) error {
	var v S
	if err := storeDec.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("the stored state does not decode into a %T, and is left as it is: %w", v, err)
	}
	c.value = v
	return nil
}

// seed makes the fingerprints of this process.
var seed = maphash.MakeSeed()

// fingerprint stands for an encoded state: states of equal fingerprint count as
// equal, and are by all but one chance in 2⁶⁴.
func fingerprint(data []byte) uint64 { return maphash.Bytes(seed, data) }
