package codec

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// DecodeHTTPError turns the body of a failed response into an error with
// HTTPStatus set; enc is the encoding that the request asked for. Gateways
// answer in JSON whatever was asked for, actors in enc, and RivetKit 2.0 calls
// both text/plain: a JSON content type decides for JSON, anything else is
// tried in enc and then as JSON. A body that is no error of the protocol, such
// as a proxy's page, gives group "http" and a code such as "status_502", and
// the status text with the start of the body as the message.
//
// It never returns nil, and nothing in the error aliases body. The ray id is in
// a header, hence the caller's to set.
func DecodeHTTPError(enc Encoding, status int, contentType string, body []byte) *Error {
	e := decodeErrorBody(enc, contentType, body)
	if e == nil {
		e = &Error{
			Group:   "http",
			Code:    fmt.Sprintf("status_%d", status),
			Message: describeResponse(status, body),
		}
	}
	e.HTTPStatus = status
	return e
}

// decodeErrorBody returns nil for what is no error of the protocol.
func decodeErrorBody(enc Encoding, contentType string, body []byte) *Error {
	if enc != JSON && !strings.Contains(strings.ToLower(contentType), "json") {
		if e := decodeErrorIn(enc, body); e != nil {
			return e
		}
	}
	return decodeErrorIn(JSON, body)
}

func decodeErrorIn(enc Encoding, body []byte) *Error {
	var e *Error
	var err error
	if enc == BARE {
		r, version := newBAREReader(body)
		e, _, _ = readBAREError(&r, version, false)
		err = bareErr(&r)
	} else {
		c := newCursor(enc, body)
		e, _, _ = c.error()
		c.finish()
		err = c.err()
	}
	if err != nil || e.Group == "" || e.Code == "" {
		return nil
	}
	return e
}

// maxSnippet bounds, in bytes, what a message quotes of a foreign body.
const maxSnippet = 200

func describeResponse(status int, body []byte) string {
	text := http.StatusText(status)
	if text == "" {
		text = "unexpected response"
	}
	// Cut before cleaning, so that the cost does not follow the body's size.
	body = bytes.TrimSpace(body[:min(len(body), 4*maxSnippet)])
	snippet := printable(redactURLs(string(body)), maxSnippet)
	if snippet == "" {
		return text
	}
	return text + ": " + snippet
}

// redactURLs removes what holds secrets in gateway URLs, which proxies like to
// quote in their pages: the query, and the token behind an @ in the path.
func redactURLs(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexAny(s, "?@")
		if i < 0 {
			break
		}
		b.WriteString(s[:i+1])
		stop := " \t\r\n\"'<>`"
		if s[i] == '@' {
			stop += "/?"
		}
		s = s[i+1:]
		end := strings.IndexAny(s, stop)
		if end < 0 {
			end = len(s)
		}
		if end > 0 {
			b.WriteString("…")
		}
		s = s[end:]
	}
	return b.String() + s
}
