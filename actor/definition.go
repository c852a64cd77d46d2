package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	"github.com/rivet-go/rivet/codec"
)

// Actor is a defined actor: what a Registry holds. It is immutable and safe for
// concurrent use, and any number of hosts may have it.
type Actor struct {
	name  string
	build func() *blueprint // to be looked at for faults
}

// Name is the name under which clients find it.
func (a Actor) Name() string { return a.name }

// Registry is the actors that a host runs.
type Registry []Actor

// Define defines an actor whose state is an S:
//
//	var Counter = actor.Define("counter", func(d *actor.Definition[state]) {
//		actor.Handle(d, Increment, func(c *actor.Context[state], by int) (int, error) {
//			c.State.Count += by
//			return c.State.Count, nil
//		})
//	})
//
// Each New calls setup once. What is wrong with the definition, two handlers of
// one action for example, is an error of New; so is a panic of setup.
//
// The state is stored as CBOR, by the rules of encoding/json for fields and tags:
// what is not exported is not kept, and a struct of nothing else is an error of New.
func Define[S any](name string, setup func(*Definition[S]), opts ...DefinitionOption) Actor {
	return Actor{name: name, build: func() *blueprint {
		b := &blueprint{
			name:     name,
			set:      defaultSettings(),
			newState: func() stateful { return new(cell[S]) },
			actions:  make(map[string]*action),
			events:   make(map[string]func(*scope) (bool, error)),
			queues:   make(map[string]func(*scope) (bool, error)),
			bodies:   make(map[string]func(codec.Value) error),
		}
		if name == "" {
			b.fault(errors.New("the name is empty"))
		}
		for _, o := range opts {
			if o != nil {
				b.fault(o.applyDefinition(&b.set))
			}
		}
		// Other errors are those of a value, and this one is none yet.
		_, err := new(cell[S]).encode(nil)
		if unfit, ok := errors.AsType[*cbor.UnsupportedTypeError](err); ok {
			b.fault(fmt.Errorf("a state of type %v cannot be stored: %w", reflect.TypeFor[S](), unfit))
		}
		if forgets[S]() {
			b.fault(fmt.Errorf("nothing of a state of type %v would be kept: it has no exported fields; what need not be kept is for CreateVars", reflect.TypeFor[S]()))
		}
		b.setUp(func() { setup(&Definition[S]{b}) }, setup == nil)
		return b
	}}
}

// forgets reports whether a T has fields, and its stored form nothing of them:
// small letters are an easy mistake.
func forgets[T any]() bool {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return false
	}
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() {
			return false
		}
	}
	if _, own := any(new(T)).(cbor.Marshaler); own {
		return false // of which a new one may be empty
	}
	data, err := new(cell[T]).encode(nil)
	return err == nil && bytes.Equal(data, []byte{0xa0}) // an object without members: no other methods make more of it
}

// Definition is what the function given to Define fills in. It is of no use
// after that function has returned, nor safe for concurrent use.
type Definition[S any] struct{ b *blueprint }

// blueprint is a finished Definition without its type parameter.
type blueprint struct {
	name     string
	set      settings
	faults   []error
	newState func() stateful
	actions  map[string]*action
	events   map[string]func(*scope) (bool, error) // guards of subscriptions
	queues   map[string]func(*scope) (bool, error) // guards of queues
	hooks    hooks

	bodies    map[string]func(codec.Value) error // look at messages of declared queues
	consumers []*consumer
}

// fault notes what is wrong; nil is nothing.
func (b *blueprint) fault(err error) {
	if err != nil {
		b.faults = append(b.faults, err)
	}
}

// setUp calls the function given to Define. What that did before it panicked
// counts: its faults may be the reason.
func (b *blueprint) setUp(f func(), isNil bool) {
	if isNil {
		b.fault(errors.New("the function given to Define is nil"))
		return
	}
	defer func() {
		if r := recover(); r != nil {
			b.fault(fmt.Errorf("the function given to Define panicked: %v", r))
		}
	}()
	f()
}

// action is a handler without its types.
type action struct {
	name       string
	concurrent bool
	saveFirst  bool
	// run decodes the arguments and calls the handler. What it returns is
	// encoded for the caller.
	run func(sc *scope, enc codec.Encoding, args []byte) (output any, err error)
}

// hooks are the functions of a definition that are no actions, nil when there
// are none.
type hooks struct {
	createState func(*CreateContext, []byte) (stateful, error)
	createVars  func(*scope) (any, error)

	beforeConnect func(*ConnectContext) error
	connState     *connStateHook
	connect       func(*scope, *Conn) error
	disconnect    func(*scope, *Conn)

	create, wake             func(*scope) error
	sleep, destroy, onChange func(*scope)
	run                      func(*scope) error

	request   func(*scope, http.ResponseWriter, *http.Request)
	webSocket func(*scope, *WebSocket) error
	response  func(sc *scope, action string, args []codec.Value, output any) (any, error)
}

// connStateHook makes, stores and reads back the state of a connection.
type connStateHook struct {
	create func(*ConnectContext) (any, error)
	encode func(any) ([]byte, error)
	decode func([]byte) (any, error)
}

// set stores a hook and finds fault with a second or nil one.
func set[F any](b *blueprint, name string, dst *F, taken, isNil bool, f F) {
	switch {
	case isNil:
		b.fault(fmt.Errorf("%s: the function is nil", name))
	case taken:
		b.fault(fmt.Errorf("%s is given twice", name))
	default:
		*dst = f
	}
}

// contextWith is a context that also answers for one key.
type contextWith struct {
	context.Context
	key   any
	value func() any
}

func (c contextWith) Value(key any) any {
	if key == c.key {
		return c.value()
	}
	return c.Context.Value(key)
}
