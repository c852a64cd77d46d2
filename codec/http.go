package codec

import (
	"math"
	"time"

	"github.com/rivet-go/rivet/internal/bare"
)

// AppendActionCall appends the body of an HTTP action request to dst and
// returns it; args is the encoded argument array, empty for one without
// elements. BARE is written in protocol version 2, which every server reads.
func AppendActionCall(dst []byte, enc Encoding, args []byte) []byte {
	w := newWriter(dst, enc, actionVersion)
	args = orNoArgs(enc, args)
	if enc == BARE {
		w.bareData(args)
		return w.dst
	}
	w.open(1)
	w.key("args")
	w.raw(args)
	w.end()
	return w.dst
}

// DecodeActionCall returns the encoded argument array of such a body, which
// aliases body where it can. As on the official server, arguments that are
// missing or null are an empty array, and what is no array is one argument.
// An error is a *MalformedError.
func DecodeActionCall(enc Encoding, body []byte) (args []byte, err error) {
	if enc == BARE {
		r, _ := newBAREReader(body)
		args = readBAREArgs(&r)
		return args, bareErr(&r)
	}
	c := newCursor(enc, body)
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		if string(name) == "args" {
			args = c.args()
		} else {
			c.skip()
		}
	}
	if args == nil {
		args = noArgs(c.json)
	}
	return orNil(args, &c)
}

// AppendActionResult appends the body of an HTTP action response; output is
// the encoded value, empty for undefined.
func AppendActionResult(dst []byte, enc Encoding, output []byte) []byte {
	return Server{}.AppendActionResult(dst, enc, output)
}

// DecodeActionResult returns the encoded output of such a body, which aliases
// body; empty is undefined. An error is a *MalformedError.
func DecodeActionResult(enc Encoding, body []byte) (output []byte, err error) {
	if enc == BARE {
		r, _ := newBAREReader(body)
		output = r.Data()
		return output, bareErr(&r)
	}
	c := newCursor(enc, body)
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		if string(name) == "output" {
			output = c.raw()
		} else {
			c.skip()
		}
	}
	return orNil(output, &c)
}

// orNil ends a body: what was read of it, or the error.
func orNil(b []byte, c *cursor) ([]byte, error) {
	c.finish()
	if err := c.err(); err != nil {
		return nil, err
	}
	return b, nil
}

// QueueSend is the body of a queue request. Body is an encoded value; a zero
// Timeout is none (milliseconds on the wire). One of 0 ms, after which nobody
// waits, is a nanosecond.
type QueueSend struct {
	Name    string
	Body    []byte
	Wait    bool
	Timeout time.Duration
}

// AppendQueueSend appends the body of a queue request to dst and returns it,
// in BARE in protocol version 3, the first that has queues. A Timeout below a
// millisecond becomes one, a negative one none; an empty Body is undefined.
func AppendQueueSend(dst []byte, enc Encoding, q QueueSend) []byte {
	w := newWriter(dst, enc, queueVersion)
	body := Server{}.output(enc, q.Body)
	timed := q.Timeout > 0
	var ms uint64
	if timed {
		ms = uint64(max(q.Timeout.Milliseconds(), 1))
	}
	if enc == BARE {
		w.bareData(body)
		w.bareBool(q.Name != "")
		if q.Name != "" {
			w.bareText(q.Name)
		}
		w.bareBool(true)
		w.bareBool(q.Wait)
		w.bareBool(timed)
		if timed {
			w.dst = bare.AppendU64(w.dst, ms)
		}
		return w.dst
	}
	w.open(members(true, q.Name != "", true, timed))
	w.key("body")
	w.raw(body)
	if q.Name != "" {
		w.key("name")
		w.text(q.Name)
	}
	w.key("wait")
	w.boolean(q.Wait)
	if timed {
		w.key("timeout")
		w.number(ms)
	}
	w.end()
	return w.dst
}

// DecodeQueueSend decodes such a body. Body aliases body; a timeout that is
// longer than a Duration becomes the longest. An error is a *MalformedError.
func DecodeQueueSend(enc Encoding, body []byte) (QueueSend, error) {
	var q QueueSend
	if enc == BARE {
		r, _ := newBAREReader(body)
		q.Body = r.Data()
		if r.Optional() {
			q.Name = string(r.Str())
		}
		if r.Optional() {
			q.Wait = r.Bool()
		}
		if r.Optional() {
			q.Timeout = max(milliseconds(r.U64()), 1)
		}
		if err := bareErr(&r); err != nil {
			return QueueSend{}, err
		}
		return q, nil
	}
	c := newCursor(enc, body)
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "body":
			q.Body = c.raw()
		case "name":
			if !c.null() {
				q.Name = string(c.text())
			}
		case "wait":
			q.Wait = !c.null() && c.boolean()
		case "timeout":
			if !c.null() {
				q.Timeout = max(milliseconds(c.uint()), 1)
			}
		default:
			c.skip()
		}
	}
	c.finish()
	if err := c.err(); err != nil {
		return QueueSend{}, err
	}
	return q, nil
}

func milliseconds(ms uint64) time.Duration {
	return time.Duration(min(ms, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
}

// QueueResult is the body of a queue response: Status is "completed" or
// "timedOut", Response an encoded value, empty when there is none.
type QueueResult struct {
	Status   string
	Response []byte
}

// AppendQueueResult appends the body of a queue response.
func AppendQueueResult(dst []byte, enc Encoding, r QueueResult) []byte {
	return Server{}.AppendQueueResult(dst, enc, r)
}

// DecodeQueueResult decodes such a body. Response aliases body. An error is a
// *MalformedError.
func DecodeQueueResult(enc Encoding, body []byte) (QueueResult, error) {
	var q QueueResult
	if enc == BARE {
		r, _ := newBAREReader(body)
		q.Status = string(r.Str())
		if r.Optional() {
			q.Response = r.Data()
		}
		if err := bareErr(&r); err != nil {
			return QueueResult{}, err
		}
		return q, nil
	}
	c := newCursor(enc, body)
	status := false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "status":
			q.Status, status = string(c.text()), true
		case "response":
			q.Response = c.raw()
		default:
			c.skip()
		}
	}
	c.require(status)
	c.finish()
	if err := c.err(); err != nil {
		return QueueResult{}, err
	}
	return q, nil
}

// AppendHTTPError appends the body of an HTTP error response. Metadata in
// JSON is converted to CBOR, and the other way round; it is left out if that
// fails.
func AppendHTTPError(dst []byte, enc Encoding, e *Error) []byte {
	return Server{}.AppendHTTPError(dst, enc, e)
}
