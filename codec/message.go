package codec

import "fmt"

// Kind tells the protocol's messages apart, in both directions.
type Kind uint8

const (
	// KindInit opens a connection: ActorID and ConnectionID.
	KindInit Kind = iota + 1
	// KindError refuses a call (HasID) or the connection: Err.
	KindError
	// KindActionResponse answers a call: ID, Value.
	KindActionResponse
	// KindEvent is a broadcast: Name, Value (the argument array).
	KindEvent
	// KindActionRequest calls an action: ID, Name, Value (the argument array).
	KindActionRequest
	// KindSubscription subscribes or unsubscribes: Name, Subscribe.
	KindSubscription
)

// String returns the name that the message has on the wire.
func (k Kind) String() string {
	switch k {
	case KindInit:
		return "Init"
	case KindError:
		return "Error"
	case KindActionResponse:
		return "ActionResponse"
	case KindEvent:
		return "Event"
	case KindActionRequest:
		return "ActionRequest"
	case KindSubscription:
		return "SubscriptionRequest"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

func (k Kind) toServer() bool { return k >= KindActionRequest }

// Message is one decoded WebSocket message of either direction.
//
// Name and Value alias the frame they were decoded from wherever they can:
// who keeps them longer than the frame copies them. Err and the strings are
// copies.
type Message struct {
	Kind Kind
	// HasID says that ID is the id of a call. Zero is an id; an error
	// without one concerns the connection.
	HasID     bool
	Subscribe bool
	// Version is the protocol version that a BARE message was written in,
	// zero in the other encodings, which do not carry it.
	Version uint16
	ID      uint64
	Name    []byte
	// Value is encoded and, but for its extent, unchecked. The argument
	// array of an event or call is always an array; the output of a response
	// is empty when there is none, which is JavaScript's undefined.
	Value        []byte
	ActorID      string
	ConnectionID string
	Err          *Error
}

// DecodeToClient decodes a message that a server sent, in any protocol
// version, and overwrites m with it. It accepts what servers of RivetKit 2.0
// and 2.3 send and what they may come to send: members in any order, unknown
// members, CBOR of any width and of indefinite length, bytes after the
// message (in JSON white space only). Events whose arguments are null or no
// array get an empty array or one of one element.
//
// An error is a *MalformedError, and m holds nothing of use then. Events and
// responses are decoded without allocation, except for text with escapes.
func DecodeToClient(enc Encoding, frame []byte, m *Message) error {
	return decodeMessage(enc, frame, m, false)
}

// DecodeToServer decodes a message that a client sent, as DecodeToClient does
// those of servers. A call without arguments is an error, as it is on the
// official server.
func DecodeToServer(enc Encoding, frame []byte, m *Message) error {
	return decodeMessage(enc, frame, m, true)
}

func decodeMessage(enc Encoding, frame []byte, m *Message, toServer bool) error {
	*m = Message{}
	switch {
	case enc == BARE && toServer:
		return decodeBAREToServer(frame, m)
	case enc == BARE:
		return decodeBAREToClient(frame, m)
	case !enc.Valid():
		return &MalformedError{Encoding: enc, Reason: "unknown encoding"}
	}
	c := newCursor(enc, frame)
	c.message(m, toServer)
	return c.err()
}

// AppendActionRequest appends a call to dst and returns it. args is the
// encoded argument array; empty is an array without elements. BARE is written
// in protocol version 2, which every server reads.
func AppendActionRequest(dst []byte, enc Encoding, id uint64, name string, args []byte) []byte {
	w := newWriter(dst, enc, actionVersion)
	if enc == BARE {
		w.uvarint(bareActionRequest)
		w.uvarint(id)
		w.bareText(name)
		w.bareData(orNoArgs(enc, args))
		return w.dst
	}
	w.envelope(KindActionRequest, 3)
	w.key("id")
	w.bigInt(id)
	w.key("name")
	w.text(name)
	w.key("args")
	w.raw(orNoArgs(enc, args))
	return w.endEnvelope()
}

// AppendSubscription appends a request to subscribe to an event, or to end
// that, in the form of AppendActionRequest.
func AppendSubscription(dst []byte, enc Encoding, event string, subscribe bool) []byte {
	w := newWriter(dst, enc, actionVersion)
	if enc == BARE {
		w.uvarint(bareSubscription)
		w.bareText(event)
		w.bareBool(subscribe)
		return w.dst
	}
	w.envelope(KindSubscription, 2)
	w.key("eventName")
	w.text(event)
	w.key("subscribe")
	w.boolean(subscribe)
	return w.endEnvelope()
}

// AppendInit appends the message that opens a connection, as a server of
// RivetKit 2.3 sends it. To write as an older server does, see Server.
func AppendInit(dst []byte, enc Encoding, actorID, connectionID string) []byte {
	return Server{}.AppendInit(dst, enc, actorID, connectionID)
}

// AppendActionResponse appends a reply; output is the encoded value, empty
// for undefined.
func AppendActionResponse(dst []byte, enc Encoding, id uint64, output []byte) []byte {
	return Server{}.AppendActionResponse(dst, enc, id, output)
}

// AppendEvent appends an event; args is the encoded argument array, empty for
// one without elements.
func AppendEvent(dst []byte, enc Encoding, name string, args []byte) []byte {
	return Server{}.AppendEvent(dst, enc, name, args)
}

// AppendError appends an error, of the call id when hasID, else of the
// connection. Metadata in JSON is converted to CBOR, and the other way round;
// it is left out if that fails.
func AppendError(dst []byte, enc Encoding, e *Error, id uint64, hasID bool) []byte {
	return Server{}.AppendError(dst, enc, e, id, hasID)
}
