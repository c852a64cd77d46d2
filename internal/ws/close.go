package ws

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Close codes that this module sends or looks at (RFC 6455, 7.4.1).
const (
	CloseNormal         uint16 = 1000
	CloseGoingAway      uint16 = 1001
	CloseProtocolError  uint16 = 1002
	CloseUnsupported    uint16 = 1003
	CloseNoStatus       uint16 = 1005 // never on the wire: a close frame without a code
	CloseInvalidPayload uint16 = 1007
	ClosePolicy         uint16 = 1008
	CloseTooLarge       uint16 = 1009
	CloseInternalError  uint16 = 1011
)

const (
	maxControlPayload = 125
	maxCloseReason    = maxControlPayload - 2
)

// ParseClose splits the payload of a close frame. Without a code it returns
// CloseNoStatus. A payload of one byte, a code that must not be on the wire,
// and a reason that is not UTF-8 are a *ProtocolError; code and reason are
// returned with it as far as they could be read, for logs.
func ParseClose(payload []byte) (code uint16, reason string, err error) {
	switch len(payload) {
	case 0:
		return CloseNoStatus, "", nil
	case 1:
		return CloseNoStatus, "", &ProtocolError{CloseProtocolError, "close frame with half a code"}
	}
	code = binary.BigEndian.Uint16(payload)
	if !utf8.Valid(payload[2:]) {
		reason = strings.ToValidUTF8(string(payload[2:]), "\uFFFD")
		return code, reason, &ProtocolError{CloseInvalidPayload, "close reason is not UTF-8"}
	}
	reason = string(payload[2:])
	if !validCloseCode(code) {
		return code, reason, &ProtocolError{CloseProtocolError, "close code that must not be sent"}
	}
	return code, reason, nil
}

// validCloseCode reports whether a peer may send code. Unlike gobwas' check it
// takes 1012 to 1014, which were registered after RFC 6455 and which proxies
// in front of a server do send.
func validCloseCode(code uint16) bool {
	switch {
	case code < 1000, code >= 5000:
		return false
	case code == 1004, code == 1005, code == 1006, code == 1015:
		return false
	}
	return code <= 1014 || code >= 3000
}

// closeReason returns reason as it may be sent: valid UTF-8 of at most 123
// bytes, cut between two runes.
func closeReason(reason string) string {
	// Cutting first bounds the work on a long reason; the slack keeps the rune
	// at the edge whole.
	if len(reason) > maxCloseReason+utf8.UTFMax {
		reason = reason[:maxCloseReason+utf8.UTFMax]
	}
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= maxCloseReason {
		return reason
	}
	n := maxCloseReason
	for n > 0 && !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}
