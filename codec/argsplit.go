package codec

import "bytes"

// span is one argument within an encoded array.
type span struct {
	from, to int
	found    traits
}

// argReader walks over a CBOR argument array, scanning each argument once.
type argReader struct {
	s          scanner
	i          int
	left       uint64
	indefinite bool
	// compat: the array as a whole looks like a compat array; there is
	// nothing to walk over then.
	compat bool
}

// open begins at the first argument. A value that is no array is the only
// argument, unless it is null or undefined.
func (r *argReader) open(args []byte) error {
	r.s.data = args
	if len(args) == 0 {
		return nil
	}
	h, next := readHead(args, 0)
	switch {
	case next < 0:
		r.s.fail(0, "truncated or reserved item")
		return r.s.err()
	case h.major != majorArray:
		if args[0] == cborNull || args[0] == cborUndefined {
			r.i = 1
			return nil
		}
		r.left = 1
		return nil
	case h.indefinite():
		// Whether it has two elements is known only at the end.
		r.compat = r.s.dollarAt(next)
		r.indefinite = true
	default:
		if h.value > uint64(len(args)-next) {
			r.s.fail(0, "array longer than the data")
			return r.s.err()
		}
		r.compat = h.value == 2 && r.s.dollarAt(next)
		r.left = h.value
	}
	r.i = next
	return nil
}

// next scans the next argument; ok is false behind the last.
func (r *argReader) next() (arg span, ok bool, err error) {
	if r.indefinite {
		if r.i < len(r.s.data) && r.s.data[r.i] == cborBreak {
			r.indefinite = false
			r.i++
			return span{}, false, nil
		}
	} else if r.left == 0 {
		return span{}, false, nil
	} else {
		r.left--
	}
	r.s.found = 0
	end := r.s.item(r.i, 1)
	if end < 0 {
		return span{}, false, r.s.err()
	}
	arg = span{r.i, end, r.s.found}
	r.i = end
	return arg, true, nil
}

// drain scans what is left.
func (r *argReader) drain() error {
	for {
		if _, ok, err := r.next(); err != nil {
			return err
		} else if !ok {
			break
		}
	}
	if r.i != len(r.s.data) {
		r.s.fail(r.i, "data after the value")
		return r.s.err()
	}
	return nil
}

// SplitArgs splits an encoded argument array into its arguments and checks
// all of it as Valid does. What counts as the array is decided as in
// DecodeArgs. The values alias args, which must not change while they are in
// use; the only memory taken is the returned slice.
func SplitArgs(enc Encoding, args []byte) ([]Value, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if enc == JSON {
		return splitJSON(args)
	}
	var r argReader
	r.s.utf8 = true
	if err := r.open(args); err != nil {
		return nil, err
	}
	list := make([]Value, 0, min(r.left, 16))
	for {
		arg, ok, err := r.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		list = append(list, Value{enc, args[arg.from:arg.to:arg.to]})
	}
	if err := r.drain(); err != nil {
		return nil, err
	}
	if r.compat && len(list) == 2 {
		text, _ := textAt(list[0].data, 0)
		return pairArgs(enc, args, list, text), nil
	}
	return list, nil
}

// FirstArg returns the first of the arguments that SplitArgs returns, undefined
// if there is none. An array of one in CBOR, as most are, takes no memory.
func FirstArg(enc Encoding, args []byte) (Value, error) {
	const arrayOfOne = majorArray<<5 | 1
	if enc != JSON && len(args) > 1 && args[0] == arrayOfOne {
		s := scanner{data: args, utf8: true}
		if s.item(1, 1) == len(args) {
			return Value{enc, args[1:len(args):len(args)]}, nil
		}
	}
	list, err := SplitArgs(enc, args)
	if err != nil || len(list) == 0 {
		return Value{}, err
	}
	return list[0], nil
}

// pairArgs are the two arguments in list, of which the first is the text,
// unless that says that args as a whole is a compat form: undefined stands for
// no arguments then, and anything else is the only one.
func pairArgs(enc Encoding, args []byte, list []Value, text []byte) []Value {
	switch {
	case !bytes.HasPrefix(text, []byte("$")):
	case string(text) == compatUndefined:
		return nil
	case !bytes.HasPrefix(text, []byte("$$")):
		return []Value{{enc, args}}
	case enc == JSON:
		list[0].data = appendQuoted(nil, string(text[1:]))
	default:
		list[0].data = appendText(nil, string(text[1:]))
	}
	return list
}

func splitJSON(args []byte) ([]Value, error) {
	b := getBuffer()
	defer putBuffer(b)
	p := parser{in: args, out: b.AvailableBuffer()}
	defer func() { keep(b, p.out) }()
	fail := func() ([]Value, error) { return nil, &SyntaxError{Offset: p.i, Reason: p.fault} }
	var list []Value
	if p.peek() != '[' {
		start := p.i
		if !p.value(0, false) {
			return fail()
		}
		if p.out[0] != cborNull {
			list = []Value{{JSON, args[start:p.i:p.i]}}
		}
	} else if !p.split(&list) {
		return fail()
	}
	p.space()
	if p.i != len(args) {
		p.fail("data after the value")
		return fail()
	}
	if len(list) != 2 || list[0].data[0] != '"' {
		return list, nil
	}
	first, _, err := parseJSON(nil, list[0].data, parseOptions{})
	if err != nil {
		return nil, err
	}
	text, _ := textAt(first, 0)
	return pairArgs(JSON, args, list, text), nil
}

// split parses the array at i and collects its elements.
func (p *parser) split(list *[]Value) bool {
	p.i++
	for c := p.peek(); c != ']'; c = p.peek() {
		if len(*list) > 0 {
			if c != ',' {
				return p.fail("want , or ] in an array")
			}
			p.i++
			p.space()
		}
		start := p.i
		p.out = p.out[:0]
		if !p.value(1, false) {
			return false
		}
		*list = append(*list, Value{JSON, p.in[start:p.i:p.i]})
	}
	p.i++
	return true
}
