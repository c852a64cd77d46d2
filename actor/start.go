package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/rivet-go/rivet/codec"
)

func (rt *Runtime) start(ctx context.Context, s Start) (*Instance, error) {
	b := rt.actors[s.Name]
	if b == nil {
		return nil, ErrUnknownName
	}
	in := newInstance(rt, b, s)
	if err := in.boot(ctx); err != nil {
		in.turns.close(errStopping)
		in.saver.drop()
		// It ends in any case before the next one may begin.
		_ = in.end(context.WithoutCancel(ctx), err, in.b.set.stopGrace)
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = errors.Join(err, context.Cause(ctx))
		}
		return nil, fmt.Errorf("actor: start %s: %w", in.name(), err)
	}
	return in, nil
}

// boot brings the actor to where it can take requests.
func (in *Instance) boot(starting context.Context) error {
	// What a hook begins with its Context goes on until the actor stops; only a
	// start that is given up ends it before.
	ctx, cancel := context.WithCancelCause(in.ctx)
	defer context.AfterFunc(starting, func() { cancel(context.Cause(starting)) })()
	exists, err := in.saver.load(ctx)
	if err != nil {
		return err
	}
	if !exists {
		if err := in.create(ctx); err != nil {
			return err
		}
	}
	in.saver.differs() // OnStateChange is not told of this state
	gone, err := in.restoreConns(ctx)
	if err != nil {
		return err
	}
	if err := in.queues.load(ctx); err != nil {
		return err
	}
	if err := in.schedule.load(ctx, in.start.Lease); err != nil {
		return err
	}
	if len(in.queues.all) > 0 {
		in.schedule.unknown = true // the alarm may have been set for these
	}
	if f := in.b.hooks.createVars; f != nil {
		if err := in.hook(ctx, "CreateVars", nil, func(sc *scope) (err error) {
			in.vars, err = f(sc)
			return err
		}); err != nil {
			return fmt.Errorf("CreateVars: %w", err)
		}
	}
	if !in.saver.created {
		if f := in.b.hooks.create; f != nil {
			if err := in.hook(ctx, "OnCreate", nil, f); err != nil {
				return fmt.Errorf("OnCreate: %w", err)
			}
		}
		// From here on it exists, whatever becomes of this process.
		if err := in.saveCreated(ctx); err != nil {
			return err
		}
	}
	if f := in.b.hooks.wake; f != nil {
		if err := in.hook(ctx, "OnWake", nil, f); err != nil {
			return fmt.Errorf("OnWake: %w", err)
		}
	}
	for _, c := range gone {
		in.disconnected(c)
	}
	in.rt.count.starts.Add(1)
	in.rt.count.awake.Add(1)
	in.up = true
	in.awake.start()
	in.schedule.start()
	for _, c := range in.b.consumers {
		in.consume(c)
	}
	if f := in.b.hooks.run; f != nil {
		in.goRun(f)
	}
	return nil
}

// create makes the first state.
func (in *Instance) create(ctx context.Context) error {
	f := in.b.hooks.createState
	if f == nil {
		return nil
	}
	err := errEnded
	waited := in.inTurn(&scope{ctx: ctx, in: in}, func(t *turn) {
		c := &CreateContext{Self: Self{in}, Context: in.scopeOf(ctx, t, nil, "", "CreateState").ctx}
		err = in.protect(func() error {
			state, err := f(c, in.start.Input)
			if err == nil {
				in.state = state
			}
			return err
		})
	}, false)
	if err = cmp.Or(waited, err); err != nil {
		return fmt.Errorf("CreateState: %w", err)
	}
	return nil
}

func (in *Instance) saveCreated(ctx context.Context) error {
	var c *commit
	var err error
	waited := in.inTurn(&scope{ctx: ctx, in: in}, func(*turn) {
		in.saver.created, in.saver.last = true, nil
		c, err = in.saver.save()
	}, false)
	switch {
	case waited != nil:
		return waited
	case err != nil:
		return err
	}
	return c.wait(ctx)
}

// goRun runs the Run hook until the actor is to stop.
func (in *Instance) goRun(f func(*scope) error) {
	in.spawn("Run", func() {
		err := errEnded
		defer func() {
			if err != nil && in.running.Err() == nil {
				in.report("hook", "Run", err)
				in.rt.count.crashes.Add(1)
				in.start.Lease.Failed(err)
			}
		}()
		sc := in.scopeOf(in.running, nil, nil, "", "Run")
		sc.patient = in.ctx
		sc.run = true
		err = in.protect(func() error { return f(sc) })
	})
}

// storedConn is a connection in the store, so that it outlives the generation.
type storedConn struct {
	Link     string   `cbor:"1,keyasint"`
	Encoding uint8    `cbor:"2,keyasint"`
	Params   []byte   `cbor:"3,keyasint,omitempty"`
	State    []byte   `cbor:"4,keyasint,omitempty"`
	Events   []string `cbor:"5,keyasint,omitempty"`
}

func connKey(id string) []byte { return append([]byte{keyConn}, id...) }

// restoreConns puts back the connections whose links are still there. The others
// are gone.
func (in *Instance) restoreConns(ctx context.Context) (gone []*Conn, err error) {
	for e, err := range in.start.Lease.List(ctx, []byte{keyConn}, []byte{keyConn + 1}, 0, false) {
		if err != nil {
			return nil, fmt.Errorf("read the connections: %w", err)
		}
		var s storedConn
		if err := storeDec.Unmarshal(e.Value, &s); err != nil || codec.Encoding(s.Encoding) > codec.JSON {
			in.log.Error("a stored connection is damaged, and ended", "error", err)
			gone = append(gone, &Conn{id: string(e.Key[1:]), enc: codec.JSON, in: in, gone: true, stored: fingerprint(e.Value)})
			continue
		}
		link := in.start.Links[s.Link]
		c := &Conn{
			id: string(e.Key[1:]), enc: codec.Encoding(s.Encoding), in: in, link: link, stored: fingerprint(e.Value),
			params: codec.RawValue(codec.JSON, s.Params), events: make(map[string]struct{}),
		}
		if h := in.b.hooks.connState; h != nil { // also for none, of a program without
			state, err := h.decode(s.State)
			if err != nil { // its client connects again
				in.log.Error("the stored state of a connection does not decode; the connection is ended", "error", err)
				link = nil
			} else {
				c.state = state
			}
		}
		if link == nil {
			c.link, c.gone = nil, true
			gone = append(gone, c)
			continue
		}
		for _, event := range s.Events {
			c.events[event] = struct{}{}
			c.subscribed += len(event) + 16
		}
		c.req = link.Request()
		in.conns.add(c)
		r := newConnReceiver(c)
		r.open = true
		in.restored[s.Link] = r
	}
	return gone, nil
}

// record returns what is stored of a connection.
func (c *Conn) record() ([]byte, error) {
	s := storedConn{Link: c.link.ID(), Encoding: uint8(c.enc), Params: c.params.Bytes()}
	if h := c.in.b.hooks.connState; h != nil && c.state != nil {
		data, err := h.encode(c.state)
		if err != nil {
			return nil, err
		}
		s.State = data
	}
	s.Events = c.in.conns.eventsOf(c)
	return storeEnc.Marshal(s)
}
