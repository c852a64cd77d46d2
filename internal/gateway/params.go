package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// EncodeParams returns connection parameters as JSON text in ASCII, the form
// that both the header and, escaped, the subprotocol carry.
func EncodeParams(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("encode params: %w", err)
	}
	return ascii(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// ascii escapes what is not printable ASCII in JSON text. Such characters
// occur in strings only, where \u stands for them.
func ascii(text []byte) string {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return string(out)
}

// Offer is what a WebSocket handshake says in its subprotocols.
type Offer struct {
	// Encoding is the wire name of the encoding.
	Encoding string
	// Token is offered as a subprotocol when it can be one; see TokenFits.
	Token         string
	SkipReadyWait bool
	// Params is the text of EncodeParams, empty when there are none.
	Params string
}

// TokenFits reports whether a token can be a subprotocol as it is; the gateway
// does not decode it there.
func TokenFits(token string) bool { return isToken(token) }

// Protocols returns the subprotocols to offer, in the order of the official
// clients. The server answers with the first, always.
func Protocols(o Offer) []string {
	list := []string{"rivet", "rivet_encoding." + o.Encoding}
	if TokenFits(o.Token) {
		list = append(list, "rivet_token."+o.Token)
	}
	if o.SkipReadyWait {
		list = append(list, "rivet_skip_ready_wait")
	}
	if o.Params != "" {
		list = append(list, "rivet_conn_params."+escapeToken(o.Params))
	}
	return list
}
