package codec

// Void values are how a server of RivetKit 2.3 writes a result of undefined,
// which its JavaScript client wants to see: a pair in place of the value.
const (
	voidJSON = `["$Undefined",0]`
	voidCBOR = "\x82\x6a$Undefined\x00"
)

// Server writes what a server sends in one version of the protocol. The zero
// Server writes as RivetKit 2.3 does, and so do the functions of this package
// that have the same names. A Server is safe for concurrent use.
type Server struct {
	// Version is the BARE protocol version, 1 to 4; zero means 4. Versions 1
	// and 2 also stand for the habits of RivetKit 2.0 in every encoding: no
	// actor in errors, and undefined as CBOR's own or as a missing member.
	Version uint16
}

func (s Server) version() uint16 {
	if s.Version == 0 {
		return currentVersion
	}
	return s.Version
}

// legacy says that the server is one of RivetKit 2.0.
func (s Server) legacy() bool { return s.version() < queueVersion }

// output is the value to write for an action's output, nil for leaving the
// member out.
func (s Server) output(enc Encoding, output []byte) []byte {
	switch {
	case len(output) > 0:
		return output
	case s.legacy() && enc == JSON:
		return nil
	case s.legacy():
		return []byte{cborUndefined}
	case enc == JSON:
		return []byte(voidJSON)
	}
	return []byte(voidCBOR)
}

// AppendInit appends the message that opens a connection.
func (s Server) AppendInit(dst []byte, enc Encoding, actorID, connectionID string) []byte {
	w := newWriter(dst, enc, s.version())
	if enc == BARE {
		w.uvarint(bareInit)
		w.bareText(actorID)
		w.bareText(connectionID)
		if s.version() == 1 {
			w.bareText("")
		}
		return w.dst
	}
	w.envelope(KindInit, 2)
	w.key("actorId")
	w.text(actorID)
	w.key("connectionId")
	w.text(connectionID)
	return w.endEnvelope()
}

// AppendActionResponse appends a reply; output is the encoded value, empty
// for undefined.
func (s Server) AppendActionResponse(dst []byte, enc Encoding, id uint64, output []byte) []byte {
	w := newWriter(dst, enc, s.version())
	output = s.output(enc, output)
	if enc == BARE {
		w.uvarint(bareActionResponse)
		w.uvarint(id)
		w.bareData(output)
		return w.dst
	}
	w.envelope(KindActionResponse, members(true, output != nil))
	w.key("id")
	w.bigInt(id)
	if output != nil {
		w.key("output")
		w.raw(output)
	}
	return w.endEnvelope()
}

// AppendEvent appends an event; args is the encoded argument array.
func (s Server) AppendEvent(dst []byte, enc Encoding, name string, args []byte) []byte {
	w := newWriter(dst, enc, s.version())
	args = orNoArgs(enc, args)
	if enc == BARE {
		w.uvarint(bareEvent)
		w.bareText(name)
		w.bareData(args)
		return w.dst
	}
	w.envelope(KindEvent, 2)
	w.key("name")
	w.text(name)
	w.key("args")
	w.raw(args)
	return w.endEnvelope()
}

// AppendError appends an error, of the call id when hasID, else of the
// connection.
func (s Server) AppendError(dst []byte, enc Encoding, e *Error, id uint64, hasID bool) []byte {
	w := newWriter(dst, enc, s.version())
	if enc == BARE {
		w.uvarint(bareError)
		return appendBAREError(w.dst, s.version(), e, true, id, hasID)
	}
	metadata := metadataIn(enc, e)
	actor := s.actor(e)
	w.envelope(KindError, 1+errorMembers(metadata, actor))
	w.errorMembers(e, metadata)
	w.key("actionId")
	if hasID {
		w.bigInt(id)
	} else {
		w.null()
	}
	w.actor(actor, true)
	return w.endEnvelope()
}

// AppendActionResult appends the body of an HTTP action response.
func (s Server) AppendActionResult(dst []byte, enc Encoding, output []byte) []byte {
	w := newWriter(dst, enc, s.version())
	output = s.output(enc, output)
	if enc == BARE {
		w.bareData(output)
		return w.dst
	}
	w.open(members(output != nil))
	if output != nil {
		w.key("output")
		w.raw(output)
	}
	w.end()
	return w.dst
}

// AppendQueueResult appends the body of a queue response.
func (s Server) AppendQueueResult(dst []byte, enc Encoding, r QueueResult) []byte {
	w := newWriter(dst, enc, s.version())
	has := len(r.Response) > 0
	if enc == BARE {
		w.bareText(r.Status)
		w.bareBool(has)
		if has {
			w.bareData(r.Response)
		}
		return w.dst
	}
	w.open(members(true, has))
	w.key("status")
	w.text(r.Status)
	if has {
		w.key("response")
		w.raw(r.Response)
	}
	w.end()
	return w.dst
}

// AppendHTTPError appends the body of an HTTP error response.
func (s Server) AppendHTTPError(dst []byte, enc Encoding, e *Error) []byte {
	w := newWriter(dst, enc, s.version())
	if enc == BARE {
		return appendBAREError(w.dst, s.version(), e, false, 0, false)
	}
	metadata := metadataIn(enc, e)
	actor := s.actor(e)
	w.open(errorMembers(metadata, actor))
	w.errorMembers(e, metadata)
	w.actor(actor, false)
	w.end()
	return w.dst
}

// actor is the actor that the error names, if the version can.
func (s Server) actor(e *Error) *ActorRef {
	if s.version() < currentVersion {
		return nil
	}
	return e.Actor
}

// members counts the members that are present.
func members(present ...bool) (n int) {
	for _, p := range present {
		if p {
			n++
		}
	}
	return n
}

func errorMembers(metadata []byte, actor *ActorRef) int {
	return members(true, true, true, len(metadata) > 0, actor != nil)
}

func (w *writer) errorMembers(e *Error, metadata []byte) {
	w.key("group")
	w.text(e.Group)
	w.key("code")
	w.text(e.Code)
	w.key("message")
	w.text(e.Message)
	if len(metadata) > 0 {
		w.key("metadata")
		w.raw(metadata)
	}
}

// actor writes the actor of an error. In CBOR its generation is a BigInt on a
// connection and a number in an HTTP body; in JSON it is a number in both.
func (w *writer) actor(a *ActorRef, connection bool) {
	if a == nil {
		return
	}
	w.key("actor")
	w.open(members(true, true, a.HasKey))
	w.key("actorId")
	w.text(a.ID)
	w.key("generation")
	if connection && !w.json {
		w.bigInt(a.Generation)
	} else {
		w.number(a.Generation)
	}
	if a.HasKey {
		w.key("key")
		w.text(a.Key)
	}
	w.end()
}
