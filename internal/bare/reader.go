// Package bare reads and writes the primitives of BARE, the binary form of
// Rivet's messages: little-endian fixed integers, LEB128 varints, and
// strings and byte strings behind a varint length.
package bare

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// What a Reader refuses.
var (
	// ErrShort reports that the data end before the value does. It also
	// answers a length that is larger than what is left.
	ErrShort = errors.New("cut short")
	// ErrVarint reports a varint of more than 64 bits.
	ErrVarint = errors.New("varint overflows 64 bits")
	// ErrBool reports a boolean or presence byte other than 0 and 1.
	ErrBool = errors.New("boolean is neither 0 nor 1")
	// ErrUTF8 reports a string that is not valid UTF-8.
	ErrUTF8 = errors.New("string is not valid UTF-8")
)

// Reader is a cursor over encoded data. The first failure sticks: every later
// read returns a zero value, so a caller may read a whole struct and ask Err
// once. It never allocates; byte slices it returns alias the data. A Reader
// is for one goroutine.
type Reader struct {
	data []byte
	off  int
	err  error
}

// NewReader returns a Reader at the start of data.
func NewReader(data []byte) Reader { return Reader{data: data} }

// Err returns the first failure, nil while there is none.
func (r *Reader) Err() error { return r.err }

// Offset is the number of bytes read; after a failure, where the value that
// failed begins.
func (r *Reader) Offset() int { return r.off }

// Len is the number of bytes that are left.
func (r *Reader) Len() int { return len(r.data) - r.off }

// Fail makes err stick, unless an earlier failure does. Callers use it for
// rules of their own, such as an unknown union tag.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// take returns the next n bytes, nil after a failure. It compares before it
// converts, since n comes from the wire.
func (r *Reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.data)-r.off) {
		r.err = ErrShort
		return nil
	}
	end := r.off + int(n)
	b := r.data[r.off:end:end]
	r.off = end
	return b
}

// U16 reads a little-endian 16-bit integer.
func (r *Reader) U16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U64 reads a little-endian 64-bit integer.
func (r *Reader) U64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads a varint of at most ten bytes. Encodings longer than needed
// are accepted, as the official readers do.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.data[r.off:])
	switch {
	case n > 0:
		r.off += n
		return v
	case n == 0:
		r.err = ErrShort
	default:
		r.err = ErrVarint
	}
	return 0
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	b := r.take(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		r.off--
		r.err = ErrBool
		return false
	}
	return b[0] == 1
}

// Optional reads the presence byte of an optional value and reports whether
// the value follows.
func (r *Reader) Optional() bool { return r.Bool() }

// Data reads a byte string, which aliases the data. It is nil only after a
// failure.
func (r *Reader) Data() []byte {
	start := r.off
	b := r.take(r.Uvarint())
	if r.err != nil {
		r.off = start
		return nil
	}
	return b
}

// Str reads a string and checks that it is UTF-8. The bytes alias the data.
func (r *Reader) Str() []byte {
	start := r.off
	b := r.Data()
	if r.err == nil && !utf8.Valid(b) {
		r.off = start
		r.err = ErrUTF8
		return nil
	}
	return b
}
