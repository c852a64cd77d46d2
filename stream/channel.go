package stream

// C returns a channel of the events, for use in a select. The first call
// starts the one goroutine that feeds it; later calls return the same channel.
// It is closed when the subscription ends, and [Subscription.Err] then says
// why. Close ends the goroutine, and must be called unless the channel has been
// read to its end.
//
// A channel cannot carry notices: they are counted in [Stats], and the
// producer's hook is told. A loop over [Subscription.All] receives them, and
// costs a quarter. C returns a closed channel, and Err says [ErrInUse], while
// another consumer has the subscription.
//
// Up to 64 events, and no more than the buffer's limit, wait in the channel,
// beside those in the buffer. Under [Latest] none does, and an event that has
// not been received is replaced when a newer one comes.
func (s *Subscription[T]) C() <-chan T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		return s.ch
	}
	if s.looping || s.users > 0 || s.l.closed.Load() {
		s.refused = true
		ch := make(chan T)
		close(ch)
		return ch
	}
	size := min(batchEvents, s.l.limit)
	if s.l.policy == Latest {
		size = 0
	}
	ch := make(chan T, size)
	s.ch, s.quit, s.gone = ch, make(chan struct{}), make(chan struct{})
	s.looping, s.refused = true, false
	s.l.hand(func() int { return len(ch) })
	go s.pump(ch)
	return ch
}

// pump feeds ch until the queue has ended or s is closed.
func (s *Subscription[T]) pump(ch chan T) {
	defer close(s.gone)
	defer s.stop(ch)
	b := &s.batch
	for {
		for b.left() > 0 {
			if s.l.closed.Load() {
				return
			}
			if b.pos == b.errAt {
				_, notice := b.take()
				if !s.visit(func() { s.src.unheard(notice) }) {
					return
				}
				continue
			}
			switch sent, ok := s.send(ch, b.vals[b.pos]); {
			case !ok:
				return
			case sent:
				b.pos++
				b.publish()
			default: // the one event of the batch is out of date
				b.reset()
				s.l.drop(1)
			}
		}
		b.reset()
		found := ended
		if !s.visit(func() { found = s.src.fill(b) }) {
			return
		}
		switch found {
		case ended:
			return
		case empty:
			<-s.l.bell.token // Close leaves a token too
		}
	}
}

// visit runs f, which may call code of others, unless s is closed. Close does
// not wait for the pump in the meantime, as it may be f that calls it.
func (s *Subscription[T]) visit(f func()) bool {
	s.mu.Lock()
	if s.l.closed.Load() {
		s.mu.Unlock()
		return false
	}
	s.inside = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inside = false
		s.mu.Unlock()
	}()
	f()
	return true
}

// send puts v into ch. It is not sent, under Latest, if a newer event came
// before anyone received it, and not ok if s was closed first.
func (s *Subscription[T]) send(ch chan T, v T) (sent, ok bool) {
	select {
	case ch <- v:
		return true, true
	default:
	}
	if s.l.policy != Latest {
		select {
		case ch <- v:
			return true, true
		case <-s.quit:
			return false, false
		}
	}
	for s.l.park() {
		select {
		case ch <- v:
			return true, true
		case <-s.quit:
			return false, false
		case <-s.l.bell.token:
		}
	}
	return false, true
}

// stop ends the channel. What is in it stays to be received, unless s was
// closed.
func (s *Subscription[T]) stop(ch chan T) {
	s.mu.Lock()
	n := s.batch.abandon()
	s.looping = false
	s.mu.Unlock()
	s.l.drop(n)
	close(ch)
	if s.l.closed.Load() {
		s.discard(ch)
	}
}

// discard counts what is left in ch, which is closed, as dropped.
func (s *Subscription[T]) discard(ch chan T) {
	n := 0
	for range ch {
		n++
	}
	if n > 0 {
		s.l.undeliver(n)
	}
}
