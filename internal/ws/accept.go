package ws

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// acceptTimeout bounds the write of the answer when AcceptConfig.Timeout is
// zero.
const acceptTimeout = 10 * time.Second

// AcceptConfig configures Accept; the zero value accepts without sub-protocol.
type AcceptConfig struct {
	// Protocol chooses the sub-protocol to answer with from those that the
	// client offered, in its order; empty means none. It may answer with one
	// that was not offered, as Rivet's gateway does; browsers refuse that.
	Protocol func(offered []string) string
	// Header is added to the answer.
	Header http.Header
	// Timeout bounds the write of the answer. Zero means 10 seconds.
	Timeout time.Duration
}

// Accept answers a WebSocket handshake and takes the connection over from
// net/http. It blocks for the write of the answer.
//
// When the request is no handshake, Accept has answered it with a status, the
// connection is closed, and the error says why. Origins are not checked: do
// that before.
func Accept(w http.ResponseWriter, r *http.Request, cfg AcceptConfig) (*Handshake, error) {
	header := cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	var protocol string
	if cfg.Protocol != nil {
		protocol = cfg.Protocol(offered(r.Header))
	}
	if protocol != "" {
		if !isToken(protocol) {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return nil, errors.New("ws: accept: the chosen sub-protocol is not a token")
		}
		// Not by gobwas' own selection: that refuses offers that are not
		// tokens, but JavaScript's encodeURIComponent leaves parentheses alone
		// and Rivet's clients put its results into sub-protocols.
		header.Set("Sec-WebSocket-Protocol", protocol)
	}
	u := ws.HTTPUpgrader{Header: header, Timeout: cfg.Timeout}
	if u.Timeout <= 0 {
		u.Timeout = acceptTimeout
	}
	c, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		if c != nil {
			_ = c.Close()
		}
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	h := &Handshake{Conn: c, Protocol: protocol}
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n)
		h.Early = bytes.Clone(b)
	}
	return h, nil
}

// offered returns the sub-protocols in a client's handshake.
func offered(h http.Header) []string {
	var protocols []string
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.Trim(p, " \t"); p != "" {
				protocols = append(protocols, p)
			}
		}
	}
	return protocols
}
