package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A journal brings an actor's changes to its store, in the order in which they
// were made. What comes while a batch is being written goes into the next one,
// so that a busy actor writes in few large batches. It has a goroutine only
// while there is something to write.
//
// What fails is tried again, with pauses that grow, until the journal's context
// ends: what was accepted is on disk in the end, unless the host gives up.
type journal struct {
	ctx    context.Context
	cancel context.CancelCauseFunc // gives up what is not written
	store  Store
	log    *slog.Logger
	owner  sync.WaitGroup

	mu      sync.Mutex
	queue   []*commit
	writing bool
}

// commit is a batch on its way. err is set before done is closed.
type commit struct {
	batch Batch
	done  chan struct{}
	err   error
}

// wait returns when the commit is durable or has failed for good, or when ctx
// has ended; it is on its way then all the same.
func (c *commit) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// over reports whether the commit is durable or has failed for good.
func (c *commit) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// finished is a commit of nothing.
var finished = func() *commit {
	c := &commit{done: make(chan struct{})}
	close(c.done)
	return c
}()

// Pauses between attempts to write.
const (
	minWritePause = 50 * time.Millisecond
	maxWritePause = 5 * time.Second
)

// add puts a batch, which is kept, behind those that came before. It does not
// block.
func (j *journal) add(b Batch) *commit {
	c := &commit{batch: b, done: make(chan struct{})}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, c)
	if !j.writing {
		j.writing = true
		j.owner.Go(j.write)
	}
	return c
}

func (j *journal) write() {
	for {
		group, batch := j.next()
		if len(group) == 0 {
			return
		}
		err := j.apply(batch)
		for _, c := range group {
			c.err = err
			close(c.done)
		}
	}
}

// next takes as many commits as go into one batch; none when nothing is left.
func (j *journal) next() (group []*commit, batch Batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	size := 0
	for n, c := range j.queue {
		s := c.batch.size()
		if n > 0 && (size+s > MaxBatchBytes || len(batch)+len(c.batch) > MaxBatch) {
			break
		}
		size += s
		group, batch = append(group, c), append(batch, c.batch...)
	}
	j.queue = j.queue[len(group):]
	if len(group) == 0 {
		j.queue, j.writing = nil, false
	}
	return group, batch
}

func (j *journal) apply(b Batch) error {
	if len(b) == 0 {
		return nil
	}
	if j.ctx.Err() != nil {
		return j.over() // what is given up must not follow what was
	}
	for pause := minWritePause; ; pause = min(2*pause, maxWritePause) {
		err := j.store.Apply(j.ctx, b)
		if err == nil || j.ctx.Err() != nil || errors.Is(err, ErrLeaseEnded) {
			return err
		}
		j.log.Error("cannot save; trying again", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-j.ctx.Done():
			return errors.Join(err, j.over())
		}
	}
}

// over is the error of what was given up: the generation has ended, and why.
func (j *journal) over() error {
	cause := context.Cause(j.ctx)
	if errors.Is(cause, ErrLeaseEnded) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrLeaseEnded, cause)
}

func (b Batch) size() (n int) {
	for _, c := range b {
		n += len(c.Key) + len(c.Value) + len(c.To)
	}
	return n
}
