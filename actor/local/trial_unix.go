//go:build unix

package local

import (
	"errors"
	"net"
	"syscall"
)

// errWouldBlock is what a trial returns when a socket takes no more.
var errWouldBlock = errors.New("local: the write would block")

// rawConn returns what trials write to, nil when c is no plain socket. Who only
// wraps one may do more with what is written.
func rawConn(c net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch c := c.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return raw
}

// A trial writes to a socket as far as that goes without waiting.
type trial struct {
	socket syscall.RawConn
	data   []byte
	n      int
	err    error
	once   func(fd uintptr) bool
}

func (t *trial) init() {
	t.once = func(fd uintptr) bool {
		t.n, t.err = syscall.Write(int(fd), t.data)
		for t.err == syscall.EINTR {
			t.n, t.err = syscall.Write(int(fd), t.data)
		}
		return true // whatever came of it: it is the caller who does not wait
	}
}

// write is as net.Conn's, but for errWouldBlock.
func (t *trial) write(p []byte) (int, error) {
	t.data = p
	err := t.socket.Write(t.once)
	t.data = nil
	switch {
	case err != nil:
		return 0, err
	case t.err == syscall.EAGAIN:
		return 0, errWouldBlock
	case t.err != nil:
		return 0, t.err
	case t.n < len(p):
		return t.n, errWouldBlock
	}
	return t.n, nil
}
