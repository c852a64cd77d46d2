//go:build !unix

package local

import (
	"errors"
	"net"
	"syscall"
)

// Here no write is tried: each socket that has something to send has a goroutine.

var errWouldBlock = errors.ErrUnsupported

func rawConn(net.Conn) syscall.RawConn { return nil }

type trial struct{ socket syscall.RawConn }

func (*trial) init() {}

func (*trial) write([]byte) (int, error) { return 0, errWouldBlock }
