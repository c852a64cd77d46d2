package conn

import (
	"context"
	"time"
)

// writePiece is how much has to get through within one write's time; a write
// that the writer has gathered is usually less.
const writePiece = 2 * writeBatch

// socket is what the frame reader and writer of a link read from and write
// to. Reads are signs of life, however little of a message they bring; writes
// are bounded in time by the piece.
type socket struct {
	l         *link
	ctx, quit context.Context
	hurried   bool // of the writer: what is left of Close bounds the writes
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.l.nc.Read(p)
	if n > 0 {
		s.l.heard.Store(true)
	}
	return n, err
}

func (s *socket) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		s.limitWrite()
		k, err = s.l.nc.Write(p[n:min(n+writePiece, len(p))])
		n += k
	}
	return n, err
}

// limitWrite bounds the next write: by the pong timeout, and once the
// connection is closing by what Close may take. The contexts are asked after
// the deadline is set: one that ends later moves it itself; see run.
func (s *socket) limitWrite() {
	l := s.l
	if d := l.c.cfg.PongTimeout; d > 0 && s.quit.Err() == nil {
		_ = l.nc.SetWriteDeadline(time.Now().Add(d))
	}
	if s.quit.Err() != nil && !s.hurried {
		s.hurried = true
		l.limitClose()
	}
	if s.ctx.Err() != nil {
		_ = l.nc.SetWriteDeadline(longAgo)
	}
}

// limitClose leaves the writer half of what Close may take.
func (l *link) limitClose() {
	_ = l.nc.SetWriteDeadline(time.Now().Add(l.c.cfg.CloseTimeout / 2))
}

// longAgo is a deadline that unblocks whatever waits.
var longAgo = time.Unix(1, 0)
