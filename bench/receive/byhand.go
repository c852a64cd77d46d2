package receive

import (
	"encoding/binary"
	"math"

	"github.com/rivet-go/rivet/bench/wire"
)

// byHand decodes the argument with a decoder that was written for this one type:
// fields in any order, the numbers in each of their widths, unknown fields
// refused.
func byHand(payload []byte, t *tally) error {
	arg, err := argument(payload)
	if err != nil {
		return err
	}
	var v wire.Trade
	if !decodeTrade(arg, &v) {
		return errNoEvent
	}
	t.size(v.Size)
	return nil
}

// Major types of CBOR.
const (
	unsigned = 0
	negative = 1
	text     = 3
	mapping  = 5
	simple   = 7
)

// decodeTrade decodes a trade in CBOR.
func decodeTrade(b []byte, v *wire.Trade) bool {
	major, fields, b, ok := head(b)
	if !ok || major != mapping {
		return false
	}
	for range fields {
		var name []byte
		if name, b, ok = textOf(b); !ok {
			return false
		}
		switch string(name) {
		case "symbol":
			var symbol []byte
			if symbol, b, ok = textOf(b); !ok {
				return false
			}
			v.Symbol = string(symbol)
		case "price":
			if v.Price, b, ok = numberOf(b); !ok {
				return false
			}
		case "size":
			var n uint64
			if major, n, b, ok = head(b); !ok || n > math.MaxInt64 {
				return false
			}
			switch major {
			case unsigned:
				v.Size = int(n)
			case negative:
				v.Size = -1 - int(n)
			default:
				return false
			}
		default:
			return false
		}
	}
	return true
}

// head reads what a value begins with.
func head(b []byte) (major byte, n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, 0, nil, false
	}
	major, n = b[0]>>5, uint64(b[0]&31)
	if n < 24 {
		return major, n, b[1:], true
	}
	if n > 27 {
		return 0, 0, nil, false
	}
	width := 1 << (n - 24)
	if len(b) < 1+width {
		return 0, 0, nil, false
	}
	switch width {
	case 1:
		n = uint64(b[1])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		n = uint64(binary.BigEndian.Uint32(b[1:]))
	case 8:
		n = binary.BigEndian.Uint64(b[1:])
	}
	return major, n, b[1+width:], true
}

func textOf(b []byte) (s, rest []byte, ok bool) {
	major, n, b, ok := head(b)
	if !ok || major != text || n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// numberOf reads a number that is no half float.
func numberOf(b []byte) (f float64, rest []byte, ok bool) {
	major, n, rest, ok := head(b)
	if !ok {
		return 0, nil, false
	}
	switch major {
	case unsigned:
		return float64(n), rest, true
	case negative:
		return -1 - float64(n), rest, true
	case simple:
		switch b[0] & 31 {
		case 26:
			return float64(math.Float32frombits(uint32(n))), rest, true
		case 27:
			return math.Float64frombits(n), rest, true
		}
	}
	return 0, nil, false
}
