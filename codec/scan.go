package codec

import (
	"encoding/binary"
	"unicode/utf8"
)

// What an event begins with, up to its own two members. In CBOR the servers
// written in Rust (2.3) use short map heads, those in JavaScript (2.0) heads
// with two length bytes.
const (
	eventShortCBOR = "\xa1\x64body\xa2\x63tag\x65Event\x63val\xa2"
	eventLongCBOR  = "\xb9\x00\x01\x64body\xb9\x00\x02\x63tag\x65Event\x63val\xb9\x00\x02"
	nameCBOR       = "\x64name"
	argsCBOR       = "\x64args"

	eventJSON    = `{"body":{"tag":"Event","val":{`
	eventEndJSON = `}}}`
	nameJSON     = `"name":`
	argsJSON     = `"args":`
)

// ScanEvent finds name and argument array of an event without decoding the
// frame and without allocating. It knows the shapes in which servers write
// events and answers !ok for everything else, be it another message, an
// unusual but valid form, or garbage: DecodeToClient decides then. What it
// accepts DecodeToClient accepts with the same result.
//
// Both results alias frame. In CBOR and JSON args is one well-formed array; in
// BARE, whose lengths need no walk, it only begins like one.
func ScanEvent(enc Encoding, frame []byte) (name, args []byte, ok bool) {
	switch enc {
	case BARE:
		return scanBARE(frame)
	case CBOR:
		return scanCBOR(frame)
	case JSON:
		return scanJSON(frame)
	}
	return nil, nil, false
}

// scanBARE takes names of up to 127 bytes, whose length is one byte.
func scanBARE(b []byte) (name, args []byte, ok bool) {
	if len(b) < 6 || b[0]-oldestVersion > currentVersion-oldestVersion || b[1] != 0 || b[2] != bareEvent {
		return nil, nil, false
	}
	size := int(b[3])
	if size >= 0x80 || size > len(b)-6 {
		return nil, nil, false
	}
	name, b = b[4:4+size:4+size], b[4+size:]
	n, w := uint64(b[0]), 1
	if n >= 0x80 {
		if n, w = binary.Uvarint(b); w <= 0 {
			return nil, nil, false
		}
	}
	b = b[w:]
	if n == 0 || n > uint64(len(b)) || b[0]>>5 != majorArray || !validText(name) {
		return nil, nil, false
	}
	return name, b[:n:n], true
}

func scanCBOR(b []byte) (name, args []byte, ok bool) {
	i := len(eventShortCBOR)
	if len(b) < i {
		return nil, nil, false
	}
	if string(b[:i]) != eventShortCBOR {
		i = len(eventLongCBOR)
		if len(b) < i || string(b[:i]) != eventLongCBOR {
			return nil, nil, false
		}
	}
	if !hasPrefixAt(b, i, nameCBOR) {
		if args, i, ok = scanCBORArgs(b, i); ok {
			name, i, ok = scanCBORName(b, i)
		}
	} else if name, i, ok = scanCBORName(b, i); ok {
		args, i, ok = scanCBORArgs(b, i)
	}
	if !ok || i != len(b) {
		return nil, nil, false
	}
	return name, args, true
}

// scanCBORName reads the member "name" with a text of up to 255 bytes.
func scanCBORName(b []byte, i int) (name []byte, next int, ok bool) {
	if !hasPrefixAt(b, i, nameCBOR) {
		return nil, i, false
	}
	i += len(nameCBOR)
	if len(b)-i < 2 {
		return nil, i, false
	}
	size := int(b[i]) - int(majorText<<5)
	i++
	switch {
	case size == info8Bits:
		size = int(b[i])
		i++
	case size < 0 || size > info8Bits:
		return nil, i, false
	}
	if size > len(b)-i {
		return nil, i, false
	}
	name = b[i : i+size : i+size]
	return name, i + size, validText(name)
}

// scanCBORArgs reads the member "args" with an array of known length.
func scanCBORArgs(b []byte, i int) (args []byte, next int, ok bool) {
	if !hasPrefixAt(b, i, argsCBOR) {
		return nil, i, false
	}
	i += len(argsCBOR)
	if i >= len(b) || b[i]>>5 != majorArray || b[i]&31 == infoIndefinite {
		return nil, i, false
	}
	end, f := walkCBOR(b, i, 0)
	if f != faultNone {
		return nil, i, false
	}
	return b[i:end:end], end, true
}

func scanJSON(b []byte) (name, args []byte, ok bool) {
	i := len(eventJSON)
	if !hasPrefixAt(b, 0, eventJSON) {
		return nil, nil, false
	}
	if hasPrefixAt(b, i, argsJSON) {
		if args, i, ok = scanJSONArgs(b, i); !ok || b[i] != ',' {
			return nil, nil, false
		}
		name, i, ok = scanJSONName(b, i+1)
	} else {
		if name, i, ok = scanJSONName(b, i); !ok || b[i] != ',' {
			return nil, nil, false
		}
		args, i, ok = scanJSONArgs(b, i+1)
	}
	if !ok || string(b[i:]) != eventEndJSON {
		return nil, nil, false
	}
	return name, args, true
}

// scanJSONName reads the member "name" with a string free of escapes. When ok,
// there are bytes left at next.
func scanJSONName(b []byte, i int) (name []byte, next int, ok bool) {
	if !hasPrefixAt(b, i, nameJSON) {
		return nil, i, false
	}
	i += len(nameJSON)
	end, escaped, f := walkJSONString(b, i)
	if f != faultNone || escaped || end >= len(b) {
		return nil, i, false
	}
	name = b[i+1 : end-1 : end-1]
	return name, end, validText(name)
}

// scanJSONArgs reads the member "args" with an array. When ok, there are bytes
// left at next.
func scanJSONArgs(b []byte, i int) (args []byte, next int, ok bool) {
	if !hasPrefixAt(b, i, argsJSON) {
		return nil, i, false
	}
	i += len(argsJSON)
	if i >= len(b) || b[i] != '[' {
		return nil, i, false
	}
	end, f := walkJSON(b, i, 0)
	if f != faultNone || end >= len(b) {
		return nil, i, false
	}
	return b[i:end:end], end, true
}

func hasPrefixAt(b []byte, i int, prefix string) bool {
	return len(b)-i >= len(prefix) && string(b[i:i+len(prefix)]) == prefix
}

// validText is utf8.Valid, faster for short ASCII.
func validText(b []byte) bool {
	var or byte
	if len(b) < 32 {
		for _, c := range b {
			or |= c
		}
		if or < utf8.RuneSelf {
			return true
		}
	}
	return utf8.Valid(b)
}
