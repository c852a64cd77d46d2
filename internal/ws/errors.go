package ws

import (
	"fmt"
	"net/http"
)

// ProtocolError is a violation of RFC 6455 by the peer. The connection is of
// no further use: send a close frame with Code, then close it.
type ProtocolError struct {
	// Code is the close code to answer with: 1002, 1007 or 1009.
	Code uint16
	// Reason says what was wrong. It holds none of the peer's bytes and fits a
	// close frame.
	Reason string
}

// Error returns code and reason.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("ws: protocol error %d: %s", e.Code, e.Reason)
}

// TooLargeError is a message over the reader's limit. It was not read.
type TooLargeError struct {
	// Limit is the reader's limit in bytes, Size what the message was known to
	// have at least.
	Limit, Size int64
}

// Error names limit and size.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("ws: message of at least %d bytes is over the limit of %d", e.Size, e.Limit)
}

// Unwrap returns the *ProtocolError to answer with, code 1009.
func (e *TooLargeError) Unwrap() error {
	return &ProtocolError{CloseTooLarge, "message too large"}
}

// RefusedError is a server's answer to a handshake that is not 101.
type RefusedError struct {
	// Status is the HTTP status.
	Status int
	// Header is the header of the answer, nil when it could not be parsed.
	Header http.Header
	// Body is the beginning of the body, at most 8 KiB.
	Body []byte
}

// Error returns the status. Header and body are left out, since they may
// repeat what was sent.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("ws: handshake refused with status %d %s", e.Status, http.StatusText(e.Status))
}

// ProxyError is a proxy's refusal to connect to the server.
type ProxyError struct {
	// Status is the HTTP status of the answer to CONNECT.
	Status int
}

// Error returns the status.
func (e *ProxyError) Error() string {
	return fmt.Sprintf("ws: proxy refused to connect with status %d %s", e.Status, http.StatusText(e.Status))
}

// InvalidError is a dial that was refused before any I/O because of what the
// caller gave; trying again cannot help.
type InvalidError struct {
	// Field is the field of DialConfig.
	Field string
	// Problem says what is wrong with it. It never repeats a value.
	Problem string
}

// Error names field and problem.
func (e *InvalidError) Error() string { return "ws: invalid " + e.Field + ": " + e.Problem }
