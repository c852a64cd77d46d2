package rivet

// Message is one message of a raw WebSocket.
type Message struct {
	// Text tells text, which must be UTF-8, from binary.
	Text bool
	Data []byte
}

// Text returns a text message.
func Text(s string) Message { return Message{Text: true, Data: []byte(s)} }

// Binary returns a binary message. It does not copy data.
func Binary(data []byte) Message { return Message{Data: data} }
