package actor

import (
	"fmt"
	"reflect"

	"github.com/rivet-go/rivet/codec"
)

// OnBeforeConnect looks at a client that wants to connect, with the parameters
// that it gave, before anything else runs for it: the place for authentication.
// An error refuses it. It runs beside everything else, without a turn or state.
//
// Parameters that are no P refuse it, too, as actor.invalid_request; those that
// were not given are the zero P. P may be codec.Value, which takes any.
func OnBeforeConnect[S, P any](d *Definition[S], f func(c *ConnectContext, params P) error) {
	check := func(c *ConnectContext) error {
		p, err := decodeParams[P](c.conn)
		if err != nil {
			return err
		}
		return f(c, p)
	}
	set(d.b, "OnBeforeConnect", &d.b.hooks.beforeConnect, d.b.hooks.beforeConnect != nil, f == nil, check)
}

// ConnState is a key to the state of connections, made by CreateConnState. It is
// safe for concurrent use.
type ConnState[CS any] struct{ _ [0]func(CS) }

// CreateConnState makes the state of a connection when a client connects, after
// OnBeforeConnect and under the same conditions. It is stored with the
// connection, which outlives the sleep of its actor.
func CreateConnState[S, P, CS any](d *Definition[S], f func(c *ConnectContext, params P) (CS, error)) ConnState[CS] {
	hook := &connStateHook{
		create: func(c *ConnectContext) (any, error) {
			p, err := decodeParams[P](c.conn)
			if err != nil {
				return nil, err
			}
			cs, err := f(c, p)
			return &cs, err
		},
		encode: func(v any) ([]byte, error) { return (&cell[CS]{*v.(*CS)}).encode(nil) },
		decode: func(data []byte) (any, error) {
			var c cell[CS]
			err := c.decode(data)
			return &c.value, err
		},
	}
	if forgets[CS]() {
		d.b.fault(fmt.Errorf("CreateConnState: nothing of a state of type %v would be kept while the actor sleeps: it has no exported fields", reflect.TypeFor[CS]()))
	}
	set(d.b, "CreateConnState", &d.b.hooks.connState, d.b.hooks.connState != nil, f == nil, hook)
	return ConnState[CS]{}
}

// Of returns the state of c, to read and to change, in turns; nil when c is nil
// or of an actor that makes no such state.
func (ConnState[CS]) Of(c *Conn) *CS {
	if c == nil {
		return nil
	}
	cs, _ := c.state.(*CS)
	if cs != nil {
		c.touched.Store(true)
	}
	return cs
}

// decodeParams decodes the parameters of a connection.
func decodeParams[P any](c *Conn) (p P, err error) {
	if err := c.params.Decode(&p); err != nil {
		return p, fault("actor", "invalid_request", fmt.Sprintf("Connection parameters: %v", err), nil)
	}
	return p, nil
}

// Params decodes the parameters that the client of c gave into a P. Parameters
// that are no P are a *codec.TypeError.
func Params[P any](c *Conn) (P, error) {
	var p P
	var v codec.Value
	if c != nil {
		v = c.params
	}
	if err := v.Decode(&p); err != nil {
		return p, fmt.Errorf("actor: connection parameters: %w", err)
	}
	return p, nil
}
