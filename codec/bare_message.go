package codec

import (
	"errors"

	"github.com/rivet-go/rivet/internal/bare"
)

// Versions of the protocol, which only BARE carries on the wire. Version 1
// has a third string in Init, 3 brought queues, 4 the actor in errors; all
// else is the same in all of them.
const (
	oldestVersion  = 1
	actionVersion  = 2 // what a client writes: every server reads it
	queueVersion   = 3
	currentVersion = 4
)

// Tags of the BARE unions.
const (
	bareInit = iota
	bareError
	bareActionResponse
	bareEvent

	bareActionRequest = 0
	bareSubscription  = 1
)

var (
	errVersion = errors.New("unknown protocol version")
	errTag     = errors.New("unknown message")
)

// newBAREReader reads the version that every message and body begins with.
func newBAREReader(data []byte) (r bare.Reader, version uint16) {
	r = bare.NewReader(data)
	version = r.U16()
	if r.Err() == nil && (version < oldestVersion || version > currentVersion) {
		r = bare.NewReader(data)
		r.Fail(errVersion)
	}
	return r, version
}

// bareErr is what r failed with, nil if it did not.
func bareErr(r *bare.Reader) error {
	if r.Err() == nil {
		return nil
	}
	return &MalformedError{Encoding: BARE, Offset: r.Offset(), Reason: r.Err().Error()}
}

func decodeBAREToClient(frame []byte, m *Message) error {
	r, version := newBAREReader(frame)
	m.Version = version
	tag := r.Uvarint()
	switch {
	case r.Err() != nil:
	case tag == bareInit:
		m.Kind = KindInit
		m.ActorID = string(r.Str())
		m.ConnectionID = string(r.Str())
		if version == 1 {
			r.Str() // connectionToken, which nothing uses any more
		}
	case tag == bareError:
		m.Kind = KindError
		m.Err, m.ID, m.HasID = readBAREError(&r, version, true)
	case tag == bareActionResponse:
		m.Kind = KindActionResponse
		m.ID, m.HasID = r.Uvarint(), true
		m.Value = r.Data()
	case tag == bareEvent:
		m.Kind = KindEvent
		m.Name = r.Str()
		m.Value = readBAREArgs(&r)
	default:
		r.Fail(errTag)
	}
	return bareErr(&r)
}

func decodeBAREToServer(frame []byte, m *Message) error {
	r, version := newBAREReader(frame)
	m.Version = version
	tag := r.Uvarint()
	switch {
	case r.Err() != nil:
	case tag == bareActionRequest:
		m.Kind = KindActionRequest
		m.ID, m.HasID = r.Uvarint(), true
		m.Name = r.Str()
		m.Value = readBAREArgs(&r)
	case tag == bareSubscription:
		m.Kind = KindSubscription
		m.Name = r.Str()
		m.Subscribe = r.Bool()
	default:
		r.Fail(errTag)
	}
	return bareErr(&r)
}

// readBAREArgs reads an argument array with the leniency of cursor.args. The
// CBOR inside is not walked: its length says where it ends.
func readBAREArgs(r *bare.Reader) []byte {
	b := r.Data()
	switch {
	case r.Err() != nil:
		return nil
	case len(b) == 0, len(b) == 1 && (b[0] == cborNull || b[0] == cborUndefined):
		return noArgs(false)
	}
	return argArray(false, b)
}

// readBAREError reads an error; only those on a connection have a call's id.
func readBAREError(r *bare.Reader, version uint16, withID bool) (e *Error, id uint64, hasID bool) {
	e = &Error{}
	e.Group = string(r.Str())
	e.Code = string(r.Str())
	e.Message = string(r.Str())
	if r.Optional() {
		if b := r.Data(); !(len(b) == 1 && (b[0] == cborNull || b[0] == cborUndefined)) {
			e.Metadata = RawValue(BARE, append([]byte(nil), b...))
		}
	}
	if withID {
		if hasID = r.Optional(); hasID {
			id = r.Uvarint()
		}
	}
	if version >= 4 && r.Optional() {
		a := &ActorRef{ID: string(r.Str()), Generation: r.Uvarint()}
		if a.HasKey = r.Optional(); a.HasKey {
			a.Key = string(r.Str())
		}
		e.Actor = a
	}
	return e, id, hasID
}

// appendBAREError appends what readBAREError reads.
func appendBAREError(dst []byte, version uint16, e *Error, withID bool, id uint64, hasID bool) []byte {
	dst = bare.AppendStr(dst, e.Group)
	dst = bare.AppendStr(dst, e.Code)
	dst = bare.AppendStr(dst, e.Message)
	metadata := metadataIn(BARE, e)
	dst = bare.AppendBool(dst, len(metadata) > 0)
	if len(metadata) > 0 {
		dst = bare.AppendData(dst, metadata)
	}
	if withID {
		dst = bare.AppendBool(dst, hasID)
		if hasID {
			dst = bare.AppendUvarint(dst, id)
		}
	}
	if version < 4 {
		return dst
	}
	dst = bare.AppendBool(dst, e.Actor != nil)
	if e.Actor != nil {
		dst = bare.AppendStr(dst, e.Actor.ID)
		dst = bare.AppendUvarint(dst, e.Actor.Generation)
		dst = bare.AppendBool(dst, e.Actor.HasKey)
		if e.Actor.HasKey {
			dst = bare.AppendStr(dst, e.Actor.Key)
		}
	}
	return dst
}

// metadataIn is the error's metadata in enc, empty if there is none or if it
// cannot be written there: an error must not get lost for its metadata.
func metadataIn(enc Encoding, e *Error) []byte {
	data := e.Metadata.Bytes()
	if len(data) == 0 || (e.Metadata.Encoding() == JSON) == (enc == JSON) {
		return data
	}
	data, err := Marshal(enc, e.Metadata)
	if err != nil {
		return nil
	}
	return data
}
