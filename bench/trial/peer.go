package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Role is what a peer does: a server that events come from, say. It is set up by
// args, answers the calls of the Peer that started it until it is done with, and
// is told so by its context.
type Role func(ctx context.Context, args []string, serve func(Handlers) error) error

// Handlers answer calls by their names; params are JSON, and so is the result.
// One call is answered at a time.
type Handlers map[string]func(params json.RawMessage) (any, error)

// Calls that every peer answers.
const (
	callCPU    = "cpu"
	callMemory = "memory"
)

// Peer is another process of this program, which plays a Role. Calls are made one
// at a time.
type Peer struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

type request struct {
	Call   string          `json:"call"`
	Params json.RawMessage `json:"params"`
}

type reply struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// peerFlag is the first argument of a process that plays a role.
const peerFlag = "-play"

// Start starts this program as a peer. It returns when the peer serves calls, so
// that whatever it listens to is there. Close it.
func Start(ctx context.Context, role string, args ...string) (*Peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	p := &Peer{stderr: new(tail)}
	p.cmd = exec.CommandContext(ctx, self, append([]string{peerFlag, role}, args...)...)
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = time.Second
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if _, err := p.CPU(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Call has the peer do something and waits for it. params and result are anything
// that encoding/json takes; result may be nil.
func (p *Peer) Call(name string, params, result any) error {
	req, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", name, p.cmd.Args[2], err)
	}
	line, err := json.Marshal(request{name, req})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", name, p.cmd.Args[2], err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s of %s: %w\n%s", name, p.cmd.Args[2], err, p.stderr)
	}
	answer, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s of %s: %w\n%s", name, p.cmd.Args[2], err, p.stderr)
	}
	var rep reply
	if err := json.Unmarshal(answer, &rep); err != nil {
		return fmt.Errorf("%s of %s: %.200q: %w", name, p.cmd.Args[2], answer, err)
	}
	if rep.Error != "" {
		return fmt.Errorf("%s of %s: %s", name, p.cmd.Args[2], rep.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(rep.Result, result); err != nil {
		return fmt.Errorf("%s of %s: %w", name, p.cmd.Args[2], err)
	}
	return nil
}

// CPU asks for the processor time that the peer has used so far, user and system.
func (p *Peer) CPU() (used time.Duration, err error) {
	err = p.Call(callCPU, nil, &used)
	return used, err
}

// Memory asks for what the heap and the stacks of the peer have in use after a
// collection, which costs processor time there.
func (p *Peer) Memory() (bytes uint64, err error) {
	err = p.Call(callMemory, nil, &bytes)
	return bytes, err
}

// PID is the process.
func (p *Peer) PID() int { return p.cmd.Process.Pid }

// Close ends the peer and waits for it.
func (p *Peer) Close() error {
	_ = p.in.Close() // the peer ends by itself
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("end of %s: %w\n%s", p.cmd.Args[2], err, p.stderr)
	}
	return nil
}

// Play plays a role if this process was started for that, and reports whether.
// The program has to do nothing else then.
func Play(roles map[string]Role) (played bool, err error) {
	if len(os.Args) < 3 || os.Args[1] != peerFlag {
		return false, nil
	}
	role, ok := roles[os.Args[2]]
	if !ok {
		return true, fmt.Errorf("there is no role %q", os.Args[2])
	}
	// What a library prints must not come between the answers.
	out := os.Stdout
	os.Stdout = os.Stderr
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return true, role(ctx, os.Args[3:], func(h Handlers) error {
		defer cancel()
		return serve(os.Stdin, out, h)
	})
}

// serve answers calls until there are no more.
func serve(in io.Reader, out io.Writer, h Handlers) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var req request
		if err := dec.Decode(&req); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var rep reply
		result, err := answer(h, req)
		if err == nil {
			rep.Result, err = json.Marshal(result)
		}
		if err != nil {
			rep = reply{Error: err.Error()}
		}
		if err := enc.Encode(rep); err != nil {
			return err
		}
	}
}

func answer(h Handlers, req request) (any, error) {
	if f, ok := h[req.Call]; ok {
		return f(req.Params)
	}
	switch req.Call {
	case callCPU:
		return CPU(), nil
	case callMemory:
		return Memory(), nil
	}
	return nil, errors.New("there is no such call")
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 8 << 10
	if t.text = append(t.text, p...); len(t.text) > most {
		t.text = t.text[len(t.text)-most:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
