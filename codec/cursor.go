package codec

import (
	"encoding/json"
	"unicode/utf8"
)

// cursor reads the tree-shaped messages, which are the same in CBOR and JSON
// but for the bytes. The first fault sticks and every later read answers a
// zero value. Byte slices alias the data unless text has escapes (JSON) or
// comes in chunks (CBOR).
type cursor struct {
	data  []byte
	off   int
	json  bool
	fault fault
}

func newCursor(enc Encoding, data []byte) cursor {
	c := cursor{data: data, json: enc == JSON}
	c.space()
	return c
}

// finish checks what comes after the message. A CBOR item says where it ends,
// so that bytes after it are ignored, as they are in BARE; a JSON text may be
// followed by white space only.
func (c *cursor) finish() {
	if c.json {
		c.space()
		if c.off < len(c.data) {
			c.fail(faultTrailing)
		}
	}
}

// err is the fault as an error, nil if there is none.
func (c *cursor) err() error {
	if c.fault == faultNone {
		return nil
	}
	enc := CBOR
	if c.json {
		enc = JSON
	}
	return &MalformedError{Encoding: enc, Offset: c.off, Reason: c.fault.String()}
}

func (c *cursor) fail(f fault) {
	if c.fault == faultNone {
		c.fault = f
	}
}

func (c *cursor) space() {
	if c.json {
		c.off = skipSpace(c.data, c.off)
	}
}

// peek returns the byte at the cursor, zero at the end or after a fault.
func (c *cursor) peek() byte {
	if c.fault != faultNone || c.off >= len(c.data) {
		return 0
	}
	return c.data[c.off]
}

// object is the state of walking a map's members.
type object struct {
	left       uint64 // CBOR: members to come
	indefinite bool   // CBOR: until a break
	started    bool   // JSON: a comma must come first
}

// enter begins to read a map.
func (c *cursor) enter() object {
	if c.fault != faultNone {
		return object{}
	}
	if c.json {
		switch c.peek() {
		case '{':
			c.off++
		case 0:
			c.fail(faultShort)
		default:
			c.fail(faultType)
		}
		return object{}
	}
	h, next := readHead(c.data, c.off)
	switch {
	case next < 0:
		c.fail(headFault(c.data, c.off))
	case h.major != majorMap:
		c.fail(faultType)
	case h.value > uint64(len(c.data)-next)/2:
		c.fail(faultShort)
	default:
		c.off = next
	}
	return object{left: h.value, indefinite: h.indefinite()}
}

// member reads the next member's name and stops before its value, which the
// caller must read or skip. ok is false at the end and after a fault.
func (c *cursor) member(o *object) (name []byte, ok bool) {
	if c.fault != faultNone {
		return nil, false
	}
	if c.json {
		return c.jsonMember(o)
	}
	switch {
	case o.indefinite:
		if c.peek() == cborBreak {
			c.off++
			return nil, false
		}
	case o.left == 0:
		return nil, false
	default:
		o.left--
	}
	// The names of messages are text; an unknown member may have any name.
	if c.off < len(c.data) && c.data[c.off]>>5 != majorText {
		c.skip()
		return nil, c.fault == faultNone
	}
	name = c.text()
	return name, c.fault == faultNone
}

func (c *cursor) jsonMember(o *object) (name []byte, ok bool) {
	c.space()
	switch {
	case c.off >= len(c.data):
		c.fail(faultShort)
		return nil, false
	case c.peek() == '}':
		c.off++
		return nil, false
	case o.started:
		if c.peek() != ',' {
			c.fail(faultSyntax)
			return nil, false
		}
		c.off++
		c.space()
	}
	o.started = true
	if name = c.text(); c.fault != faultNone {
		return nil, false
	}
	if c.space(); c.peek() != ':' {
		c.fail(faultSyntax)
		return nil, false
	}
	c.off++
	c.space()
	return name, true
}

// raw returns the bytes of one value, undecoded.
func (c *cursor) raw() []byte { return c.walk(0) }

// skip passes over one value.
func (c *cursor) skip() { c.walk(0) }

// walk passes over one value that is nested in depth others. A negative depth
// makes room for levels that belong to the envelope.
func (c *cursor) walk(depth int) []byte {
	if c.fault != faultNone {
		return nil
	}
	var end int
	var f fault
	if c.json {
		end, f = walkJSON(c.data, c.off, depth)
	} else {
		end, f = walkCBOR(c.data, c.off, depth)
	}
	if f != faultNone {
		c.off = end
		c.fail(f)
		return nil
	}
	b := c.data[c.off:end:end]
	c.off = end
	return b
}

// null consumes a null or undefined and reports whether there was one.
func (c *cursor) null() bool {
	if c.json {
		if c.peek() != 'n' {
			return false
		}
		c.skip()
		return c.fault == faultNone
	}
	if b := c.peek(); b != cborNull && b != cborUndefined {
		return false
	}
	c.off++
	return true
}

// boolean reads true or false.
func (c *cursor) boolean() bool {
	start := c.off
	b := c.raw()
	switch {
	case c.fault != faultNone:
		return false
	case c.json && string(b) == "true", !c.json && b[0] == cborTrue:
		return true
	case c.json && string(b) == "false", !c.json && b[0] == cborFalse:
		return false
	}
	c.off = start
	c.fail(faultType)
	return false
}

// text reads a string.
func (c *cursor) text() []byte {
	if c.fault != faultNone {
		return nil
	}
	start := c.off
	var s []byte
	if c.json {
		s = c.jsonText()
	} else {
		s = c.cborText()
	}
	if c.fault == faultNone && !utf8.Valid(s) {
		c.off = start
		c.fail(faultUTF8)
	}
	if c.fault != faultNone {
		return nil
	}
	return s
}

func (c *cursor) jsonText() []byte {
	if b := c.peek(); b != '"' && b != 0 {
		c.fail(faultType)
		return nil
	}
	end, escaped, f := walkJSONString(c.data, c.off)
	if f != faultNone {
		c.off = end
		c.fail(f)
		return nil
	}
	raw := c.data[c.off:end]
	if !escaped {
		c.off = end
		return raw[1 : len(raw)-1 : len(raw)-1]
	}
	// The standard decoder hides bad UTF-8 behind replacement characters.
	if !utf8.Valid(raw) {
		c.fail(faultUTF8)
		return nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		c.fail(faultSyntax)
		return nil
	}
	c.off = end
	return []byte(s)
}

func (c *cursor) cborText() []byte {
	h, next := readHead(c.data, c.off)
	switch {
	case next < 0:
		c.fail(headFault(c.data, c.off))
	case h.major != majorText:
		c.fail(faultType)
	case h.indefinite():
		return c.cborChunks(next)
	case h.value > uint64(len(c.data)-next):
		c.fail(faultShort)
	default:
		c.off = next + int(h.value)
		return c.data[next:c.off:c.off]
	}
	return nil
}

// cborChunks joins the chunks of a text of indefinite length, the first of
// which is at next.
func (c *cursor) cborChunks(next int) []byte {
	end, f := walkCBORChunks(c.data, next, majorText)
	if f != faultNone {
		c.off = end
		c.fail(f)
		return nil
	}
	text, _ := textAt(c.data, c.off)
	c.off = end
	return text
}
