package actor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"reflect"
	"runtime/debug"

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
// be told by them. What was stored has to come back: times keep their
// nanoseconds and strings what is not UTF-8, both of which the wire to JavaScript
// would not, and types that say how they are written have their way.
var (
	storeEnc = must(cbor.EncOptions{
		Sort:                    cbor.SortBytewiseLexical,
		Time:                    cbor.TimeRFC3339Nano,
		NaNConvert:              cbor.NaNConvert7e00,
		InfConvert:              cbor.InfConvertFloat16,
		BigIntConvert:           cbor.BigIntConvertShortest,
		IndefLength:             cbor.IndefLengthForbidden,
		NilContainers:           cbor.NilContainerAsNull,
		TextMarshaler:           cbor.TextMarshalerTextString,
		JSONMarshalerTranscoder: transcoder(jsonToBytes),
	}.UserBufferEncMode())
	storeDec = must(storeOptions.DecMode())
	// What an any holds is what clients send: maps of strings, and int64.
	// Other maps in an any need looseDec.
	looseDec = must(func() (cbor.DecMode, error) {
		o := storeOptions
		o.DefaultMapType = nil
		return o.DecMode()
	}())

	// plainDec knows no methods.
	plainDec = must(cbor.DecOptions{
		BigIntDec:      cbor.BigIntDecodePointer,
		DefaultMapType: reflect.TypeFor[map[string]any](),
		UTF8:           cbor.UTF8DecodeInvalid,
	}.DecMode())

	storeOptions = cbor.DecOptions{
		MaxNestedLevels:           65535, // what it takes at the most
		MaxArrayElements:          1<<31 - 1,
		MaxMapPairs:               1<<31 - 1,
		DupMapKey:                 cbor.DupMapKeyEnforcedAPF,
		UTF8:                      cbor.UTF8DecodeInvalid,
		IntDec:                    cbor.IntDecConvertSignedOrBigInt,
		BigIntDec:                 cbor.BigIntDecodePointer,
		DefaultMapType:            reflect.TypeFor[map[string]any](),
		TextUnmarshaler:           cbor.TextUnmarshalerTextString,
		JSONUnmarshalerTranscoder: transcoder(bytesToJSON),
	}
)

// transcoder is a function as the cbor package wants it.
type transcoder func(io.Writer, io.Reader) error

func (f transcoder) Transcode(dst io.Writer, src io.Reader) error { return f(dst, src) }

// jsonToBytes stores the JSON of a type that writes nothing else, as it is.
func jsonToBytes(dst io.Writer, src io.Reader) error {
	text, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	return cbor.NewEncoder(dst).Encode(text)
}

// bytesToJSON is the way back. What was stored without a method, such as a
// *big.Int or the value of a field that had another type, is made into JSON.
func bytesToJSON(dst io.Writer, src io.Reader) error {
	var v any
	if err := plainDec.NewDecoder(src).Decode(&v); err != nil {
		return err
	}
	text, ok := v.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(v); err != nil {
			return err
		}
	}
	_, err := dst.Write(text)
	return err
}

func must[M any](m M, err error) M {
	if err != nil {
		panic(err) // the options above are wrong
	}
	return m
}

// encode appends the stored form of the value. A panic of a method of S is an
// error: it is called where there is no handler to fail.
func (c *cell[S]) encode(buf []byte) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
		if err != nil {
			data, err = buf, fmt.Errorf("encode the state, a %T: %w", c.value, err)
		}
	}()
	b := bytes.NewBuffer(buf)
	err = storeEnc.MarshalToBuffer(&c.value, b)
	return b.Bytes(), err
}

// decode sets the value, or leaves it alone when there is an error.
func (c *cell[S]) decode(data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
		if err != nil {
			err = fmt.Errorf("the stored state does not decode into a %T, and is left as it is: %w", c.value, err)
		}
	}()
	var v S
	if err = storeDec.Unmarshal(data, &v); err != nil {
		var again S
		if looseDec.Unmarshal(data, &again) != nil {
			return err
		}
		v = again
	}
	c.value = v
	return nil
}

// seed makes the fingerprints of this process.
var seed = maphash.MakeSeed()

// fingerprint stands for an encoded state: states of equal fingerprint count as
// equal, and are by all but one chance in 2⁶⁴.
func fingerprint(data []byte) uint64 { return maphash.Bytes(seed, data) }
