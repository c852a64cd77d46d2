package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/codec"
)

// seed adds the samples of one decoder, and all vectors, in their encodings.
func seed(f *testing.F, decoder string, files ...string) {
	for _, enc := range encodings {
		for _, frame := range samples(f, enc)[decoder] {
			f.Add(uint8(enc), frame)
		}
	}
	for _, file := range files {
		for _, v := range readVectors(f, file) {
			if v.Hex != "" || v.Text != "" {
				f.Add(uint8(v.enc(f)), v.bytes(f))
			}
		}
	}
}

// wellFormed checks a value that a decoder says is well-formed against other
// decoders. BARE leaves values unchecked.
func wellFormed(t *testing.T, enc codec.Encoding, value []byte) {
	t.Helper()
	if len(value) == 0 {
		return
	}
	switch enc {
	case codec.CBOR:
		mode, err := cbor.DecOptions{MaxNestedLevels: 70, MaxArrayElements: 1 << 30, MaxMapPairs: 1 << 30}.DecMode()
		if err != nil {
			t.Fatal(err)
		}
		if err := mode.Wellformed(value); err != nil {
			t.Fatalf("value %x: %v", value, err)
		}
	case codec.JSON:
		if !json.Valid(value) {
			t.Fatalf("value %q is not JSON", value)
		}
	}
}

// malformed checks the error of a decoder.
func malformed(t *testing.T, err error, size int) {
	t.Helper()
	var bad *codec.MalformedError
	if !errors.As(err, &bad) {
		t.Fatalf("error %T %v", err, err)
	}
	if bad.Offset < 0 || bad.Offset > size {
		t.Fatalf("offset %d of %d", bad.Offset, size)
	}
}

func fuzzWebSocket(f *testing.F, decode func(codec.Encoding, []byte, *codec.Message) error) {
	f.Fuzz(func(t *testing.T, e uint8, frame []byte) {
		enc := codec.Encoding(e % 3)
		before := bytes.Clone(frame)
		var m codec.Message
		err := decode(enc, frame, &m)
		if !bytes.Equal(frame, before) {
			t.Fatal("the frame was changed")
		}
		agree(t, enc, frame)
		if err != nil {
			malformed(t, err, len(frame))
			return
		}
		wellFormed(t, enc, m.Value)
		if m.Err != nil {
			_ = m.Err.Error()
			wellFormed(t, enc, m.Err.Metadata.Bytes())
		}
		// What was understood is understood the same when written again.
		var again codec.Message
		if err := decode(enc, appendWS(enc, m), &again); err != nil {
			t.Fatalf("written again: %v", err)
		}
		if m.Kind == codec.KindActionResponse && len(m.Value) == 0 {
			m.Value, again.Value = nil, nil // undefined takes another form
		}
		m.Version, again.Version = 0, 0
		if m.Err != nil {
			if !sameError(m.Err, again.Err) {
				t.Fatalf("error %+v, again %+v", m.Err, again.Err)
			}
			m.Err, again.Err = nil, nil
		}
		if got, want := describe(again), describe(m); got != want {
			t.Fatalf("again %s\nfirst %s", got, want)
		}
	})
}

func sameError(a, b *codec.Error) bool {
	return b != nil && a.Group == b.Group && a.Code == b.Code && a.Message == b.Message &&
		bytes.Equal(a.Metadata.Bytes(), b.Metadata.Bytes()) &&
		(a.Actor == nil) == (b.Actor == nil) && (a.Actor == nil || *a.Actor == *b.Actor)
}

func FuzzDecodeToClient(f *testing.F) {
	seed(f, "DecodeToClient", "to_client.json")
	fuzzWebSocket(f, codec.DecodeToClient)
}

func FuzzDecodeToServer(f *testing.F) {
	seed(f, "DecodeToServer", "to_server.json")
	fuzzWebSocket(f, codec.DecodeToServer)
}

// FuzzScanEvent keeps the envelope right, so that more inputs are events.
func FuzzScanEvent(f *testing.F) {
	for _, enc := range encodings {
		f.Add(uint8(enc), []byte("tick"), tickArgs(f, enc))
	}
	f.Fuzz(func(t *testing.T, e uint8, name, args []byte) {
		enc := codec.Encoding(e % 3)
		agree(t, enc, codec.AppendEvent(nil, enc, string(name), args))
		switch enc {
		case codec.CBOR:
			frame := append([]byte("\xa1\x64body\xa2\x63tag\x65Event\x63val\xa2\x64args"), args...)
			agree(t, enc, append(append(frame, "\x64name"...), name...))
		case codec.JSON:
			frame := append([]byte(`{"body":{"tag":"Event","val":{"args":`), args...)
			agree(t, enc, append(append(append(frame, `,"name":"`...), name...), `"}}}`...))
		}
	})
}

func FuzzDecodeActionCall(f *testing.F) {
	seed(f, "DecodeActionCall", "http_bodies.json")
	f.Fuzz(func(t *testing.T, e uint8, body []byte) {
		enc := codec.Encoding(e % 3)
		args, err := codec.DecodeActionCall(enc, body)
		if err != nil {
			malformed(t, err, len(body))
			return
		}
		wellFormed(t, enc, args)
		if first := args[0]; first != '[' && enc == codec.JSON || first>>5 != 4 && enc != codec.JSON {
			t.Fatalf("no array: %x", args)
		}
		if again, err := codec.DecodeActionCall(enc, codec.AppendActionCall(nil, enc, args)); err != nil || !bytes.Equal(args, again) {
			t.Fatalf("again %x %v, first %x", again, err, args)
		}
	})
}

func FuzzDecodeActionResult(f *testing.F) {
	seed(f, "DecodeActionResult", "http_bodies.json")
	f.Fuzz(func(t *testing.T, e uint8, body []byte) {
		enc := codec.Encoding(e % 3)
		out, err := codec.DecodeActionResult(enc, body)
		if err != nil {
			malformed(t, err, len(body))
			return
		}
		wellFormed(t, enc, out)
		if again, err := codec.DecodeActionResult(enc, codec.AppendActionResult(nil, enc, out)); err != nil || len(out) > 0 && !bytes.Equal(out, again) {
			t.Fatalf("again %x %v, first %x", again, err, out)
		}
	})
}

func FuzzDecodeQueueSend(f *testing.F) {
	seed(f, "DecodeQueueSend", "http_bodies.json")
	f.Fuzz(func(t *testing.T, e uint8, body []byte) {
		enc := codec.Encoding(e % 3)
		q, err := codec.DecodeQueueSend(enc, body)
		if err != nil {
			malformed(t, err, len(body))
			return
		}
		wellFormed(t, enc, q.Body)
		wait := q.Timeout
		if wait == 1 { // it was 0 ms
			wait = time.Millisecond
		}
		again, err := codec.DecodeQueueSend(enc, codec.AppendQueueSend(nil, enc, q))
		if err != nil || again.Name != q.Name || again.Wait != q.Wait || again.Timeout != wait || q.Timeout < 0 ||
			len(q.Body) > 0 && !bytes.Equal(again.Body, q.Body) {
			t.Fatalf("again %+v %v, first %+v", again, err, q)
		}
	})
}

func FuzzDecodeQueueResult(f *testing.F) {
	seed(f, "DecodeQueueResult", "http_bodies.json")
	f.Fuzz(func(t *testing.T, e uint8, body []byte) {
		enc := codec.Encoding(e % 3)
		r, err := codec.DecodeQueueResult(enc, body)
		if err != nil {
			malformed(t, err, len(body))
			return
		}
		wellFormed(t, enc, r.Response)
		again, err := codec.DecodeQueueResult(enc, codec.AppendQueueResult(nil, enc, r))
		if err != nil || again.Status != r.Status || !bytes.Equal(again.Response, r.Response) {
			t.Fatalf("again %+v %v, first %+v", again, err, r)
		}
	})
}

func FuzzDecodeHTTPError(f *testing.F) {
	seed(f, "DecodeHTTPError", "http_bodies.json")
	f.Add(uint8(0), []byte("<html><body>502 Bad Gateway</body></html>"))
	f.Fuzz(func(t *testing.T, e uint8, body []byte) {
		enc := codec.Encoding(e % 3)
		for _, contentType := range []string{"", "application/json", "text/plain", "application/octet-stream"} {
			err := codec.DecodeHTTPError(enc, 502, contentType, body)
			if err == nil || err.HTTPStatus != 502 || err.Group == "" || err.Code == "" {
				t.Fatalf("%q: %+v", contentType, err)
			}
			oneLine(t, err.Error())
		}
	})
}

func FuzzParseCloseReason(f *testing.F) {
	for _, v := range readVectors(f, "close_reasons.json") {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, reason string) {
		group, code, ray, ok := codec.ParseCloseReason(reason)
		if !ok && group+code+ray != "" {
			t.Fatalf("%q: %q %q %q without ok", reason, group, code, ray)
		}
		if ok && code == "" {
			t.Fatalf("%q: no code", reason)
		}
		if !ok {
			return
		}
		again := code
		if group != "" {
			again = group + "." + again
		}
		if ray != "" {
			again += "#" + ray
		}
		g, c, r, ok := codec.ParseCloseReason(again)
		if !ok || g != group || c != code || r != ray {
			t.Fatalf("%q: %q %q %q, again %q %q %q %v", reason, group, code, ray, g, c, r, ok)
		}
	})
}
