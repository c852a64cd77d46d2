package rivettest

import (
	"fmt"
	"net/http"

	"github.com/rivet-go/rivet/codec"
)

// Request is one call of an action, or one question to a hook, as the actor
// sees it.
type Request struct {
	// ActorName, ActorID and Key are those of the actor.
	ActorName string
	ActorID   string
	Key       []string
	// Action is the name of the action, empty in OnConnect. In OnSubscribe it
	// is the event's.
	Action string
	// Args is the encoded argument array, undefined in hooks.
	Args codec.Value
	// Params are the connection parameters, JSON; undefined when none were
	// sent.
	Params codec.Value
	// Header is that of the HTTP request or of the WebSocket handshake.
	Header http.Header
	// Conn is the connection the request came on, nil over HTTP.
	Conn *Conn

	actor *Actor
	inst  *Instance
	gone  <-chan struct{}
	turn  *turn // while one is held
}

// Decode decodes the positional arguments into the pointers in dst by the
// rules of package codec. Missing arguments leave theirs as they are, extra
// ones are ignored.
func (r *Request) Decode(dst ...any) error {
	args, err := splitArgs(r.Args)
	if err != nil {
		return fmt.Errorf("arguments of %s: %w", r.Action, err)
	}
	for i, d := range dst[:min(len(dst), len(args))] {
		if err := args[i].Decode(d); err != nil {
			return fmt.Errorf("argument %d of %s: %w", i, r.Action, err)
		}
	}
	return nil
}

// NumArgs returns how many arguments were sent.
func (r *Request) NumArgs() int {
	args, err := splitArgs(r.Args)
	if err != nil {
		return 0
	}
	return len(args)
}

func splitArgs(v codec.Value) ([]codec.Value, error) {
	if len(v.Bytes()) == 0 {
		return nil, nil
	}
	return codec.SplitArgs(v.Encoding(), v.Bytes())
}

// Emit sends an event to the subscribed connections of the same actor, ahead
// of the reply to this request, and returns to how many.
func (r *Request) Emit(event string, args ...any) int { return r.inst.Emit(event, args...) }

// Await lets other handlers of the same actor run while f waits. Handlers run
// one at a time otherwise, so one that waits for another call, or for the test,
// must do so in Await. Where no turn is held, as in OnSubscribe and in handlers
// of queues, it only runs f. It returns f's error.
func (r *Request) Await(f func() error) error {
	held := r.turn
	if held == nil {
		return f()
	}
	r.turn = nil
	held.release()
	defer func() {
		<-held.ticket()
		r.turn = held
	}()
	return f()
}

// Gone is closed when the connection or HTTP request is over, which does not
// end a handler's context: nothing in the protocol cancels an action.
func (r *Request) Gone() <-chan struct{} { return r.gone }
