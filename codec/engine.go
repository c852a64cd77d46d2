package codec

import (
	"bytes"
	"io"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// engines are the modes of the CBOR library that all values pass through.
// They are immutable and built on first use.
type engines struct {
	enc cbor.UserBufferEncMode
	// dec reads into Go types, collections also gives Set and Map to any;
	// looking for them costs every value, so it is used only where one is.
	dec, collections cbor.DecMode
	// stamped takes only tagged times, plain knows no methods for text.
	stamped, plain cbor.DecMode
}

var engine = sync.OnceValue(func() *engines {
	enc, err := cbor.EncOptions{
		// Equal values encode to equal bytes: connections are shared by their
		// encoded parameters.
		Sort:          cbor.SortBytewiseLexical,
		BigIntConvert: cbor.BigIntConvertNone,
		Time:          cbor.TimeRFC3339NanoUTC,
		TimeTag:       cbor.EncTagRequired,
		OmitEmpty:     cbor.OmitEmptyGoValue,
		// As encoding/json has it: no type is binary unless it says so in a
		// format of its own, text and JSON methods count.
		BinaryMarshaler:         cbor.BinaryMarshalerNone,
		TextMarshaler:           cbor.TextMarshalerTextString,
		JSONMarshalerTranscoder: transcoder(jsonToNative),
	}.UserBufferEncMode()
	built(err)

	options := cbor.DecOptions{
		MaxNestedLevels:  2 * maxDepth, // the scan before has the say
		MaxArrayElements: 1<<31 - 1,    // bounded by the bytes, which are all there
		MaxMapPairs:      1<<31 - 1,
		IntDec:           cbor.IntDecConvertSignedOrBigInt,
		BigIntDec:        cbor.BigIntDecodePointer,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		// A tag that we do not know is transparent.
		UnrecognizedTagToAny:      cbor.UnrecognizedTagContentToAny,
		BinaryUnmarshaler:         cbor.BinaryUnmarshalerNone,
		TextUnmarshaler:           cbor.TextUnmarshalerTextString,
		JSONUnmarshalerTranscoder: transcoder(nativeToJSON),
	}
	dec, err := options.DecMode()
	built(err)

	tags := cbor.NewTagSet()
	optional := cbor.TagOptions{DecTag: cbor.DecTagOptional, EncTag: cbor.EncTagNone}
	built(tags.Add(optional, reflect.TypeFor[Set[any]](), tagSet))
	built(tags.Add(optional, reflect.TypeFor[Map[any, any]](), tagMap))
	collections, err := options.DecModeWithTags(tags)
	built(err)

	options.TimeTag = cbor.DecTagRequired
	stamped, err := options.DecMode()
	built(err)

	options.TextUnmarshaler = cbor.TextUnmarshalerNone
	plain, err := options.DecMode()
	built(err)

	return &engines{enc: enc, dec: dec, collections: collections, stamped: stamped, plain: plain}
})

// built panics when the CBOR library refuses the options above, which depend
// on nothing at run time: any use of the package, and so any test, shows it.
func built(err error) {
	if err != nil {
		panic("codec: options of the CBOR library: " + err.Error())
	}
}

// transcoder makes a function the engine's bridge to types with JSON methods.
type transcoder func(dst, src []byte) ([]byte, error)

// Transcode implements cbor.Transcoder.
func (t transcoder) Transcode(dst io.Writer, src io.Reader) error {
	in := getBuffer()
	defer putBuffer(in)
	if _, err := in.ReadFrom(src); err != nil {
		return err
	}
	out := getBuffer()
	defer putBuffer(out)
	b, err := t(out.AvailableBuffer(), in.Bytes())
	if err != nil {
		return err
	}
	_, err = dst.Write(b)
	return err
}

// jsonToNative reads what a MarshalJSON method wrote: plain JSON, in which an
// array is an array whatever its first element.
func jsonToNative(dst, src []byte) ([]byte, error) {
	out, _, err := parseJSON(dst, src, parseOptions{dynamic: true})
	return out, err
}

// nativeToJSON writes what an UnmarshalJSON method reads: plain JSON, in
// which bytes are base64, a BigInt is a number, a Set an array and undefined
// is null, as encoding/json would have them.
func nativeToJSON(dst, src []byte) ([]byte, error) {
	w := jsonWriter{in: src, out: dst, plain: true}
	if _, err := w.item(0, 0, false); err != nil {
		return nil, err
	}
	return w.out, nil
}

// buffers recycles scratch space; what is kept between uses is bounded.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxKeptBuffer = 64 << 10

func getBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKeptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// keep makes grown the content of b, so that its memory returns to the pool
// with b.
func keep(b *bytes.Buffer, grown []byte) {
	if cap(grown) > b.Cap() {
		*b = *bytes.NewBuffer(grown)
	}
}

// appendNative appends the native form of v.
func appendNative(dst []byte, v any) ([]byte, error) {
	b := getBuffer()
	defer putBuffer(b)
	if err := encodeEngine(b, v); err != nil {
		return dst, err
	}
	return append(dst, b.Bytes()...), nil
}

// encodeEngine writes the native form of v to b.
func encodeEngine(b *bytes.Buffer, v any) error {
	if err := bounded(v); err != nil {
		return err
	}
	if err := engine().enc.MarshalToBuffer(v, b); err != nil {
		return encodeError(err, v)
	}
	return nil
}

// decodeNative decodes one item of the native form into the pointer dst.
func decodeNative(data []byte, dst any) error {
	mode := engine().dec
	if profileOf(reflect.TypeOf(dst)).dynamic {
		mode = engine().collections
	}
	if err := mode.Unmarshal(data, dst); err != nil {
		return decodeError(err, dst)
	}
	return nil
}
