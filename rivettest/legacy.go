package rivettest

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/rivet-go/rivet/codec"
)

// server writes messages in the gateway's version of the protocol.
func (g *Gateway) server() codec.Server {
	if g.cfg.legacy {
		return codec.Server{Version: 2}
	}
	return codec.Server{}
}

// describeLegacy gives an error the names that RivetKit 2.0.33 has for it.
func (g *Gateway) describeLegacy(e *codec.Error) {
	e.Actor = nil
	switch e.Group + "." + e.Code {
	case "actor.action_not_found":
		e.Group, e.Code = "action", "not_found"
	case "actor.action_timed_out":
		e.Group, e.Code = "action", "timed_out"
	case "rivetkit.internal_error", "core.internal_error", "actor.not_found", "actor.invalid_request":
		*e = codec.Error{Group: "internal", Code: "internal_error", Message: internalMessage,
			Metadata: codec.RawValue(codec.JSON, []byte("{}"))}
	}
}

// tooNew reports whether a body or frame uses what RivetKit 2.0.33 does not
// read: a BARE version above 2, or undefined in JSON.
func (g *Gateway) tooNew(enc codec.Encoding, data []byte) bool {
	if !g.cfg.legacy {
		return false
	}
	switch enc {
	case codec.BARE:
		return len(data) >= 2 && (data[0] > 2 || data[1] != 0)
	case codec.JSON:
		return bytes.Contains(data, []byte(`["$Undefined",0]`))
	}
	return false
}

var errLegacyID = errors.New("call id is not a BigInt, as RivetKit 2.0 asks for")

// checkLegacyID refuses a call whose id is a plain number: RivetKit 2.0.33
// reads only the form ["$BigInt","1"] in JSON and eight bytes in CBOR.
func (g *Gateway) checkLegacyID(enc codec.Encoding, frame []byte) error {
	if !g.cfg.legacy || enc == codec.BARE {
		return nil
	}
	if enc == codec.JSON {
		var m struct {
			Body struct {
				Val struct {
					ID json.RawMessage `json:"id"`
				} `json:"val"`
			} `json:"body"`
		}
		if err := json.Unmarshal(frame, &m); err != nil {
			return err
		}
		if !bytes.HasPrefix(m.Body.Val.ID, []byte("[")) {
			return errLegacyID
		}
		return nil
	}
	var m struct {
		Body struct {
			Val struct {
				ID codec.Value `json:"id"`
			} `json:"val"`
		} `json:"body"`
	}
	if err := codec.Unmarshal(enc, frame, &m); err != nil {
		return err
	}
	if !bytes.HasPrefix(m.Body.Val.ID.Bytes(), []byte{0x1b}) {
		return errLegacyID
	}
	return nil
}
