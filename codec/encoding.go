package codec

import "fmt"

// Encoding names one of the three forms in which messages travel. The zero
// value is BARE, the default of every official client. Constants are safe for
// concurrent use.
type Encoding uint8

const (
	// BARE frames messages in BARE with CBOR values inside. It is the smallest
	// and the only one that carries every JavaScript value.
	BARE Encoding = iota
	// CBOR carries messages and values as CBOR.
	CBOR
	// JSON carries messages and values as JSON text.
	JSON
)

// ParseEncoding reads the wire name of an encoding ("bare", "cbor", "json").
func ParseEncoding(name string) (Encoding, error) {
	switch name {
	case "bare":
		return BARE, nil
	case "cbor":
		return CBOR, nil
	case "json":
		return JSON, nil
	}
	return 0, fmt.Errorf("codec: unknown encoding %q (want bare, cbor or json)", name)
}

// String returns the wire name, as in x-rivet-encoding.
func (e Encoding) String() string {
	switch e {
	case BARE:
		return "bare"
	case CBOR:
		return "cbor"
	case JSON:
		return "json"
	}
	return fmt.Sprintf("Encoding(%d)", uint8(e))
}

// Valid reports whether e is one of the three encodings.
func (e Encoding) Valid() bool { return e <= JSON }

// Binary reports whether WebSocket messages in e are binary frames.
func (e Encoding) Binary() bool { return e != JSON }

// ContentType is the media type of an HTTP body in e.
func (e Encoding) ContentType() string {
	if e == JSON {
		return "application/json"
	}
	return "application/octet-stream"
}
