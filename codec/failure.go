package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// SyntaxError reports bytes that are not one well-formed value: truncated or
// trailing data, invalid UTF-8, nesting beyond the limit, an unknown compat
// form. Its text never contains the data.
type SyntaxError struct {
	// Offset is the index of the byte where reading stopped.
	Offset int
	// Reason says what is wrong there.
	Reason string
}

// Error returns the reason and the offset.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("codec: malformed value at byte %d: %s", e.Offset, e.Reason)
}

// TypeError reports a well-formed value that the Go type cannot take, or a Go
// value that the encoding cannot carry. Its text names types and fields but
// never contains the value, which may be a secret; neither does it contain
// the text of Err.
type TypeError struct {
	// Go is the Go type, empty when it is not known.
	Go string
	// Field is the field, as "Type.Field", of the outermost struct that the
	// value lies in, empty outside structs.
	Field string
	// Reason says what was found and what is wrong with it.
	Reason string
	// Err is the error of the type's own marshal or unmarshal method, nil when
	// none was involved.
	Err error
}

// Error returns the reason, the type and the field.
func (e *TypeError) Error() string {
	var b strings.Builder
	b.WriteString("codec: ")
	b.WriteString(e.Reason)
	if e.Go != "" {
		b.WriteString(" (Go type ")
		b.WriteString(e.Go)
		if e.Field != "" {
			b.WriteString(", field ")
			b.WriteString(e.Field)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// Unwrap returns Err.
func (e *TypeError) Unwrap() error { return e.Err }

// decodeError turns an error of the CBOR engine, whose text may quote the
// value, into one of ours.
func decodeError(err error, dst any) error {
	var own *TypeError
	if errors.As(err, &own) {
		return own
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return syntax
	}
	var mismatch *cbor.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return &TypeError{
			Go:     mismatch.GoType,
			Field:  mismatch.StructFieldName,
			Reason: "cannot decode " + javaScriptName(mismatch.CBORType),
		}
	}
	var utf8 *cbor.SemanticError
	if errors.As(err, &utf8) {
		return &SyntaxError{Reason: "invalid UTF-8"}
	}
	goType := fmt.Sprintf("%T", dst)
	if t := reflect.TypeOf(dst); t != nil && t.Kind() == reflect.Pointer {
		goType = t.Elem().String()
	}
	return &TypeError{Go: goType, Reason: "the type refuses the value", Err: err}
}

func javaScriptName(cborType string) string {
	switch cborType {
	case "positive integer", "negative integer":
		return "a whole number, or one of this size"
	case "byte string":
		return "bytes"
	case "UTF-8 text string":
		return "a string"
	case "map":
		return "an object"
	case "array":
		return "an array"
	case "tag":
		return "a BigInt, Date, Set or Map"
	}
	return "a boolean, fraction or null"
}

// encodeError does the same for the other direction.
func encodeError(err error, v any) error {
	var own *TypeError
	if errors.As(err, &own) {
		return own
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return syntax
	}
	var unsupported *cbor.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		return &TypeError{Go: unsupported.Type.String(), Reason: "JavaScript has no value for it"}
	}
	return &TypeError{Go: fmt.Sprintf("%T", v), Reason: "the type's own marshal method failed", Err: err}
}
