package bare

import (
	"encoding/binary"
	"strings"
)

// AppendU16 appends v in little-endian order.
func AppendU16(dst []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(dst, v) }

// AppendU64 appends v in little-endian order.
func AppendU64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// AppendUvarint appends v as a varint of one to ten bytes.
func AppendUvarint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

// AppendBool appends one byte. It also serves as the presence byte of an
// optional value.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendData appends a byte string with its length.
func AppendData(dst, data []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(data))), data...)
}

// AppendStr appends a string with its length. Invalid UTF-8, which a reader
// would refuse, is replaced by U+FFFD.
func AppendStr(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
