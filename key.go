package rivet

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivet-go/rivet/internal/gateway"
)

// Key addresses an actor among those of one name: a list of parts, which may
// be empty. Two different keys never address the same actor. Keep what users
// supply in parts of its own, Key{"org", id} and not Key{"org:" + id}, so that
// no user can name another's actor.
//
// The engine takes keys up to 1,024 bytes in serialized form, which is the
// parts with their escapes and one byte between them. Parts are UTF-8.
type Key []string

// String returns the key in serialized form: parts joined by slashes, a slash
// or backslash inside a part behind a backslash. It is the form that Rivet's
// API and dashboards show. The empty key is "/".
func (k Key) String() string { return gateway.SerializeKey(k) }

// ParseKey reverses Key.String.
func ParseKey(s string) Key { return gateway.ParseKey(s) }

// checkKey says which rule of the server, or of JSON, a key breaks.
func checkKey(k Key) error {
	for _, part := range k {
		if !utf8.ValidString(part) {
			return &ConfigError{Field: "key", Rule: "must be valid UTF-8"}
		}
	}
	if n := len(gateway.SerializeKey(k)); n > gateway.MaxKeyBytes {
		return &ConfigError{Field: "key", Rule: fmt.Sprintf("is %d bytes in serialized form, the server takes %d", n, gateway.MaxKeyBytes)}
	}
	return nil
}

// checkName says which rule an actor's name breaks.
func checkName(name string) error {
	switch {
	case name == "":
		return &ConfigError{Field: "name", Rule: "must not be empty"}
	case !utf8.ValidString(name):
		return &ConfigError{Field: "name", Rule: "must be valid UTF-8"}
	}
	return nil
}

// label names an actor in errors and logs: one line of bounded length.
func label(name string, key Key, id string) string {
	if id != "" {
		return printable(name) + "(" + printable(id) + ")"
	}
	if len(key) == 0 {
		return printable(name) + "[]"
	}
	return printable(name) + "[" + printable(key.String()) + "]"
}

// maxLabel is how many bytes of a name or key go into one line of text.
const maxLabel = 128

func printable(s string) string {
	if len(s) > maxLabel {
		s = strings.ToValidUTF8(s[:maxLabel], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
