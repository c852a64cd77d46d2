package actor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A saver knows what of an actor is not stored yet, and when to store it. But
// for the timer, it is for turns.
type saver struct {
	in *Instance

	stored  uint64 // fingerprint of the state on its way to the store
	known   uint64 // the one that OnStateChange was last told of
	created bool   // OnCreate has run
	epoch   uint8  // of the stored chunks
	buf     []byte
	last    *commit

	failing bool // the state could not be encoded, which was logged

	mu      sync.Mutex
	touched bool // since settled was called
	dropped bool // nothing is to be stored any more
	armed   bool
	timer   *time.Timer
	ended   bool
}

// touch says that the state may have changed. It is looked at no more often than
// in every interval: encoding it at the end of each turn would cost more than
// most turns.
func (s *saver) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.touched = !s.dropped; s.armed || s.ended {
		return
	}
	s.armed = true
	if s.timer == nil {
		s.timer = time.AfterFunc(s.in.b.set.saveInterval, s.due)
	} else {
		s.timer.Reset(s.in.b.set.saveInterval)
	}
}

// due asks for the turn to save in.
func (s *saver) due() {
	_ = s.in.turns.push(item{urgent: true, refuse: func(error) {}, run: func(*turn) {
		s.mu.Lock()
		s.armed = false
		s.mu.Unlock()
		if s.last != nil && !s.last.over() {
			s.touch() // the store is slow: let it, the next save has it all
			return
		}
		_, err := s.save()
		if err != nil && !s.failing {
			s.in.report("save", "", err)
		}
		s.failing = err != nil
	}})
}

// end stops the timer for good.
func (s *saver) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// drop says that what is not on its way to the store by now is not to get there.
func (s *saver) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped, s.touched = true, false
}

// settled says that what was touched is being stored, and returns whether
// anything was since the last time, and whether nothing is to be stored at all.
func (s *saver) settled() (touched, dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched = s.touched
	s.touched = false
	return touched, s.dropped
}

// differs reports, in a turn, whether the state is another one than when it was
// last asked.
func (s *saver) differs() bool {
	data, err := s.in.state.encode(s.buf[:0])
	if err != nil {
		return false // told when it is saved
	}
	s.keep(data)
	known := s.known
	s.known = fingerprint(data)
	return s.known != known
}

// keep keeps the memory of data for the next encoding, unless it is much.
func (s *saver) keep(data []byte) {
	if s.buf = data; cap(data) > keepBuffer {
		s.buf = nil
	}
}

// save hands to the journal, in a turn, what has changed since it last did. The
// commit is that of all there was to store, also when nothing has changed now.
// More changes are stored together with the state, or not at all.
func (s *saver) save(more ...Change) (*commit, error) {
	data, err := s.in.state.encode(s.buf[:0])
	if err == nil {
		if fp := fingerprint(data); fp != s.stored || s.last == nil {
			all := s.batches(data)
			all[len(all)-1] = append(all[len(all)-1], more...)
			for _, b := range all {
				s.last = s.in.journal.add(b)
			}
			s.stored = fp
		} else if len(more) > 0 {
			s.last = s.in.journal.add(more)
		}
		s.keep(data)
	}
	for _, b := range s.in.conns.unsaved() {
		s.last = s.in.journal.add(b)
	}
	if err != nil {
		return nil, err
	}
	return s.last, nil
}

// keepBuffer is how many bytes an actor keeps for the next encoding.
const keepBuffer = 16 << 10

// saveNow saves the state and waits for the disk.
func (in *Instance) saveNow(ctx context.Context, sc *scope) error {
	var c *commit
	var err error
	if waited := in.inTurn(sc, func(*turn) { c, err = in.saver.save() }, false); waited != nil {
		err = waited
	}
	if err == nil {
		err = c.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("actor: save the state: %w", err)
	}
	return nil
}

// What an actor has in its store, by the first byte of the key.
const (
	keyHead     = 1
	keyConn     = 2
	keyUser     = 4
	keyQueue    = 5
	keySchedule = 6
	keyChunk    = 7
)

const (
	// maxInline is how large a state may be to be stored in the head itself.
	maxInline = 64 << 10
	// chunkSize is below MaxValue, so that some chunks fit a batch with their keys.
	chunkSize = 120 << 10
)

// head is what is stored under keyHead: the state, or, when it is large, where
// its chunks are. Chunks of a new state are written beside those of the old one,
// and the head decides which count, so that a crash in between harms nothing.
type head struct {
	Version int    `cbor:"1,keyasint"`
	Created bool   `cbor:"2,keyasint"`
	Inline  []byte `cbor:"3,keyasint,omitempty"`
	Epoch   uint8  `cbor:"4,keyasint,omitempty"`
	Chunks  int    `cbor:"5,keyasint,omitempty"`
	Size    int    `cbor:"6,keyasint,omitempty"`
}

const headVersion = 1

func chunkKey(epoch uint8, n int) []byte {
	return []byte{keyChunk, epoch, byte(n >> 16), byte(n >> 8), byte(n)}
}

// batches returns what stores the state data, which they do not keep.
func (s *saver) batches(data []byte) []Batch {
	h := head{Version: headVersion, Created: s.created}
	if len(data) <= maxInline {
		h.Inline = data
		b := Batch{{Key: []byte{keyHead}, Value: must(storeEnc.Marshal(h))}}
		if s.epoch != 0 {
			b = append(b, Change{Key: []byte{keyChunk}, To: []byte{keyChunk + 1}})
			s.epoch = 0
		}
		return []Batch{b}
	}
	old := s.epoch
	s.epoch = 3 - max(old, 1) // 1 and 2 in turns; 2 after 0
	h.Epoch, h.Size = s.epoch, len(data)
	var all []Batch
	var b Batch
	for rest := data; len(rest) > 0; h.Chunks++ {
		n := min(len(rest), chunkSize)
		if len(b) == MaxBatchBytes/(chunkSize+MaxKey) {
			all, b = append(all, b), nil
		}
		b = append(b, Change{Key: chunkKey(s.epoch, h.Chunks), Value: append([]byte(nil), rest[:n]...)})
		rest = rest[n:]
	}
	all = append(all, b)
	b = Batch{{Key: []byte{keyHead}, Value: must(storeEnc.Marshal(h))}}
	if old != 0 {
		b = append(b, Change{Key: []byte{keyChunk, old}, To: []byte{keyChunk, old + 1}})
	}
	// What a crash has left of an attempt with this epoch goes first.
	all[0] = append(Batch{{Key: []byte{keyChunk, s.epoch}, To: []byte{keyChunk, s.epoch + 1}}}, all[0]...)
	return append(all, b)
}

// load reads the stored state; false when there is none yet.
func (s *saver) load(ctx context.Context) (bool, error) {
	store := s.in.start.Lease
	found, err := store.Get(ctx, []byte{keyHead})
	if err != nil {
		return false, fmt.Errorf("read the state: %w", err)
	}
	if len(found) != 1 || found[0] == nil {
		return false, nil
	}
	var h head
	if err := storeDec.Unmarshal(found[0], &h); err != nil {
		return false, fmt.Errorf("the stored head is damaged: %w", err)
	}
	if h.Version != headVersion {
		return false, fmt.Errorf("the state was stored in format %d, which this version of the library does not know", h.Version)
	}
	data := h.Inline
	if h.Chunks > 0 {
		data = nil
		n := 0
		for e, err := range store.List(ctx, []byte{keyChunk, h.Epoch}, []byte{keyChunk, h.Epoch + 1}, 0, false) {
			if err != nil {
				return false, fmt.Errorf("read the state: %w", err)
			}
			if n < h.Chunks && string(e.Key) == string(chunkKey(h.Epoch, n)) {
				data = append(data, e.Value...)
				n++
			}
		}
		if n != h.Chunks || len(data) != h.Size {
			return false, errors.New("the stored state is incomplete")
		}
	}
	if err := s.in.state.decode(data); err != nil {
		return false, err
	}
	s.created, s.epoch = h.Created, h.Epoch
	s.stored, s.known = fingerprint(data), fingerprint(data)
	// A program that has changed since may encode the same state otherwise;
	// what counts is what it would store now.
	s.last = finished
	return true, nil
}
