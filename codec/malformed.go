package codec

import "fmt"

// MalformedError reports bytes that are no message or body of the protocol:
// cut short, not well-formed, nested too deeply, or without a member that
// must be there. It never quotes the bytes, which may hold secrets.
type MalformedError struct {
	// Encoding is the encoding that the bytes were read in.
	Encoding Encoding
	// Offset is the position in the message at which reading failed.
	Offset int
	// Reason says what is wrong there.
	Reason string
}

// Error names the encoding, the reason and the offset.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("codec: malformed %s message: %s at byte %d", e.Encoding, e.Reason, e.Offset)
}

// fault is what the walkers find wrong. Zero is nothing.
type fault uint8

const (
	faultNone fault = iota
	faultShort
	faultSyntax
	faultDepth
	faultUTF8
	faultType
	faultRange
	faultTrailing
	faultTwice
	faultTag
	faultMissing
	faultDirection
)

func (f fault) String() string {
	switch f {
	case faultNone:
		return "nothing"
	case faultShort:
		return "cut short"
	case faultSyntax:
		return "not well-formed"
	case faultDepth:
		return "nested too deeply"
	case faultUTF8:
		return "text is not valid UTF-8"
	case faultType:
		return "value of another type than expected"
	case faultRange:
		return "number out of range"
	case faultTrailing:
		return "data after the end"
	case faultTwice:
		return "member given twice"
	case faultTag:
		return "unknown message"
	case faultMissing:
		return "required member is missing"
	case faultDirection:
		return "message of the other direction"
	}
	return "unknown fault"
}
