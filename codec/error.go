package codec

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is an error that a Rivet server sent, or that describes what it
// answered. It is immutable once returned and safe for concurrent use.
//
// Group and code together are its identity. Test for well-known errors with
// errors.Is and the sentinels of this package, such as ErrActorNotFound, and
// for those of an application with IsCode, or with errors.Is and an *Error
// that has the same group and code.
type Error struct {
	// Group and Code identify the error, such as "actor" and "not_found". An
	// actor's own errors have the group "user". A close reason of RivetKit
	// 2.0 has no group.
	Group, Code string
	// Message is for people.
	Message string
	// Metadata is the application's own data, undefined when there is none.
	Metadata Value
	// Actor is the actor that answered, nil when a gateway did or when the
	// server is older than RivetKit 2.3.
	Actor *ActorRef
	// RayID is the request id for support, when the server sent one.
	RayID string
	// HTTPStatus is the status of the response, zero on a connection. Group
	// and code say more: an actor's own errors come with 500.
	HTTPStatus int
}

// ActorRef names the actor in an Error. Key is serialized: its parts joined by
// slashes, with escapes. HasKey is false when the server sent none.
type ActorRef struct {
	ID         string
	Generation uint64
	Key        string
	HasKey     bool
}

// What Error quotes at most of each part, in bytes.
const (
	maxErrorName    = 64
	maxErrorMessage = 300
)

// Error returns group, code, message and ray id in one line of bounded length
// without control characters. Metadata is never part of it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Group != "" {
		b.WriteString(printable(e.Group, maxErrorName))
		b.WriteByte('.')
	}
	b.WriteString(printable(e.Code, maxErrorName))
	if m := printable(e.Message, maxErrorMessage); m != "" {
		b.WriteString(": ")
		b.WriteString(m)
	}
	if e.RayID != "" {
		b.WriteString(" (ray ")
		b.WriteString(printable(e.RayID, maxErrorName))
		b.WriteByte(')')
	}
	return b.String()
}

// Decode stores the metadata in the pointer dst by the rules of Unmarshal.
func (e *Error) Decode(dst any) error { return e.Metadata.Decode(dst) }

// printable makes one line of s: white space and what cannot be printed
// become single blanks, and what exceeds limit bytes becomes an ellipsis.
func printable(s string, limit int) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			blank = b.Len() > 0
			continue
		}
		size := utf8.RuneLen(r)
		if blank {
			size++
		}
		if b.Len()+size > limit {
			b.WriteString("…")
			break
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
