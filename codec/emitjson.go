package codec

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// jsonWriter rewrites the native form to JSON text. Except when plain it
// writes the compat forms.
type jsonWriter struct {
	in    []byte
	out   []byte
	plain bool
}

// item writes the item at i and returns the index behind it. list writes an
// array as it is even when it looks like a compat array.
func (w *jsonWriter) item(i, depth int, list bool) (int, error) {
	if depth > maxDepth {
		return 0, errTooDeep()
	}
	h, next := readHead(w.in, i)
	switch h.major {
	case majorUint:
		return next, w.integer(h.value, false)
	case majorNegative:
		return next, w.integer(h.value, true)
	case majorBytes:
		content, end := stringAt(w.in, i)
		w.open(compatUint8Array)
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, content)
		w.out = append(w.out, '"')
		w.close()
		return end, nil
	case majorText:
		text, end := textAt(w.in, i)
		return end, w.text(text, "")
	case majorArray:
		return w.array(next, depth+1, h, list)
	case majorMap:
		return w.object(next, depth+1, h)
	case majorTag:
		return w.tag(next, depth+1, h.value)
	}
	switch w.in[i] {
	case cborFalse:
		w.out = append(w.out, "false"...)
	case cborTrue:
		w.out = append(w.out, "true"...)
	case cborNull:
		w.out = append(w.out, "null"...)
	case cborUndefined:
		if w.plain {
			w.out = append(w.out, "null"...)
		} else {
			w.out = append(w.out, `["$Undefined",0]`...)
		}
	default:
		f, ok := h.float()
		if !ok {
			return 0, errSimple()
		}
		return next, w.float(f)
	}
	return next, nil
}

// open begins a compat form of that name, close ends it.
func (w *jsonWriter) open(name string) {
	if !w.plain {
		w.out = append(append(append(w.out, `["`...), name...), `",`...)
	}
}

func (w *jsonWriter) close() {
	if !w.plain {
		w.out = append(w.out, ']')
	}
}

// integer writes the number, or the BigInt, that is value or -1-value.
func (w *jsonWriter) integer(value uint64, negative bool) error {
	safe, short := uint64(maxSafe), uint64(math.MaxUint32)
	if negative {
		safe, short = maxSafe-1, math.MaxInt32
	}
	if value > safe {
		n := new(big.Int).SetUint64(value)
		if negative {
			n.Not(n)
		}
		return w.big(n)
	}
	n := int64(value)
	if negative {
		n = ^n
	}
	w.out = strconv.AppendInt(w.out, n, 10)
	if value > short && !w.plain {
		// RivetKit 2.3 takes a longer integer for a BigInt, and rounds long
		// numbers with a decimal point: 9007199254740991.0 arrives as …990.
		w.out = append(w.out, "e0"...)
	}
	return nil
}

func (w *jsonWriter) big(n *big.Int) error {
	text, err := bigText(n)
	if err != nil {
		return err
	}
	if w.plain {
		w.out = append(w.out, text...)
		return nil
	}
	w.open(compatBigInt)
	w.out = append(append(append(w.out, '"'), text...), '"')
	w.close()
	return nil
}

func (w *jsonWriter) float(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return &TypeError{Go: "float64", Reason: "JSON cannot carry NaN or infinity"}
	}
	if n, ok := whole(f); ok {
		value, negative := uint64(n), n < 0
		if negative {
			value = uint64(^n)
		}
		return w.integer(value, negative)
	}
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		w.out = strconv.AppendFloat(w.out, f, 'e', -1, 64)
		return nil
	}
	start := len(w.out)
	w.out = strconv.AppendFloat(w.out, f, 'f', -1, 64)
	for _, c := range w.out[start:] {
		if c == '.' {
			return nil
		}
	}
	w.out = append(w.out, "e0"...) // see integer
	return nil
}

const hexDigits = "0123456789abcdef"

// text writes prefix and the text as one string.
func (w *jsonWriter) text(text []byte, prefix string) error {
	if !utf8.Valid(text) {
		return errUTF8()
	}
	w.out = append(append(w.out, '"'), prefix...)
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		w.out = append(w.out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			w.out = append(w.out, '\\', c)
		case '\n':
			w.out = append(w.out, '\\', 'n')
		case '\r':
			w.out = append(w.out, '\\', 'r')
		case '\t':
			w.out = append(w.out, '\\', 't')
		default:
			w.out = append(w.out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	w.out = append(append(w.out, text[from:]...), '"')
	return nil
}

func (w *jsonWriter) array(i, depth int, h head, list bool) (int, error) {
	escape := !list && !w.plain && looksCompat(w.in, i, h)
	w.out = append(w.out, '[')
	var err error
	for n := uint64(0); h.indefinite() && w.in[i] != cborBreak || !h.indefinite() && n < h.value; n++ {
		if n > 0 {
			w.out = append(w.out, ',')
		}
		if n == 0 && escape {
			text, end := textAt(w.in, i)
			if err := w.text(text, "$"); err != nil {
				return 0, err
			}
			i = end
			continue
		}
		if i, err = w.item(i, depth, false); err != nil {
			return 0, err
		}
	}
	w.out = append(w.out, ']')
	if h.indefinite() {
		i++
	}
	return i, nil
}

// object writes a map with text keys, without its undefined members.
func (w *jsonWriter) object(i, depth int, h head) (int, error) {
	w.out = append(w.out, '{')
	first := true
	var err error
	for n := uint64(0); h.indefinite() && w.in[i] != cborBreak || !h.indefinite() && n < h.value; n++ {
		if w.in[i]>>5 != majorText {
			return 0, errNoMap(JSON)
		}
		key, value := textAt(w.in, i)
		if w.in[value] == cborUndefined && !w.plain {
			i = value + 1
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		if err := w.text(key, ""); err != nil {
			return 0, err
		}
		w.out = append(w.out, ':')
		if i, err = w.item(value, depth, false); err != nil {
			return 0, err
		}
	}
	w.out = append(w.out, '}')
	if h.indefinite() {
		i++
	}
	return i, nil
}

func (w *jsonWriter) tag(i, depth int, tag uint64) (int, error) {
	if h, _ := readHead(w.in, i); !tagHolds(tag, h) {
		return 0, errTagContent()
	}
	switch tag {
	case tagTimeText, tagTimeNumber:
		ms, end, err := nativeDate(w.in, i, tag)
		if err != nil {
			return 0, err
		}
		w.out = append(appendISO(append(w.out, '"'), ms), '"')
		return end, nil
	case tagBigUint, tagBigNegative:
		n, end, err := nativeBig(w.in, i, tag)
		if err != nil {
			return 0, err
		}
		return end, w.big(n)
	case tagSet:
		w.open(compatSet)
		end, err := w.item(i, depth, true)
		w.close()
		return end, err
	case tagMap:
		if !w.plain {
			return 0, errNoMap(JSON)
		}
		return w.item(i, depth, false) // an object when its keys are strings
	case tagUint8Array, tagSelf:
		return w.item(i, depth, false)
	}
	if !w.plain {
		return 0, &TypeError{Reason: "cannot encode a CBOR tag in the " + JSON.String() + " encoding"}
	}
	return w.item(i, depth, false)
}
