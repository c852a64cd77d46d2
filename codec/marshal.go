package codec

// Marshal encodes one value: CBOR for BARE and CBOR, text for JSON. The table
// in the package documentation says which Go types become which JavaScript
// values. Equal values encode to equal bytes.
//
// A *TypeError reports a value that JavaScript, or the encoding, has no form
// for: functions and channels, strings that are not UTF-8, Maps outside BARE,
// NaN and infinity in JSON, values that contain themselves. It is safe for
// concurrent use.
func Marshal(enc Encoding, v any) ([]byte, error) { return appendValue(nil, enc, v) }

// appendValue appends the encoded v.
func appendValue(dst []byte, enc Encoding, v any) ([]byte, error) {
	if raw, ok := v.(Value); ok && raw.enc == enc && len(raw.data) > 0 {
		if err := Valid(enc, raw.data); err != nil {
			return dst, err
		}
		return append(dst, raw.data...), nil
	}
	b := getBuffer()
	defer putBuffer(b)
	if err := encodeEngine(b, v); err != nil {
		return dst, err
	}
	return emit(dst, enc, b.Bytes())
}

// emit appends the native form in, as the encoding has it.
func emit(dst []byte, enc Encoding, in []byte) ([]byte, error) {
	if enc == JSON {
		w := jsonWriter{in: in, out: dst}
		if _, err := w.item(0, 0, false); err != nil {
			return dst, err
		}
		return w.out, nil
	}
	e := emitter{in: in, out: dst, compat: enc == CBOR}
	if _, err := e.item(0, 0, false); err != nil {
		return dst, err
	}
	return e.out, nil
}
