package actor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// A message of a queue lies under two keys, so that an actor that starts reads
// what it has waiting without the bodies: [5, 1, id] says what it is, [5, 2, id]
// is the body, in the encoding in which it came. Ids are eight bytes, the first
// one the most significant, so that the order of the keys is that of sending.
const (
	queueHeads  = 1
	queueBodies = 2
)

func queueKey(part byte, id MessageID) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyQueue, part}, uint64(id))
}

// queued is a message that a queue holds.
type queued struct {
	id       MessageID
	queue    string
	enc      codec.Encoding
	at       time.Time // when it was sent
	attempts uint32    // how often it was delivered

	// The rest is in memory only, guarded by queues.mu.
	body   []byte // where hasBody says so; otherwise it is on disk
	inRAM  bool
	answer chan codec.Value // takes the completion for a sender that waits
	held   bool             // it is delivered
	aside  bool             // it is set aside
}

// queueRecord is the version of the records, their first byte.
const queueRecord = 1

const queueHeadSize = 1 + 1 + 4 + 8 // what comes before the name

// appendHead appends the record of a message, without its body:
// version, encoding, attempts, time in microseconds, name.
func (m *queued) appendHead(dst []byte) []byte {
	dst = append(dst, queueRecord, byte(m.enc))
	dst = binary.BigEndian.AppendUint32(dst, m.attempts)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.at.UnixMicro()))
	return append(dst, m.queue...)
}

// decodeQueued is appendHead's other way.
func decodeQueued(key, head []byte) (*queued, error) {
	err := func() error {
		switch {
		case len(key) != 2+8:
			return fmt.Errorf("its key has %d bytes", len(key))
		case len(head) == 0:
			return errors.New("it is empty")
		case head[0] != queueRecord:
			return fmt.Errorf("it has the unknown version %d", head[0])
		case len(head) < queueHeadSize:
			return fmt.Errorf("it has %d bytes", len(head))
		case codec.Encoding(head[1]) > codec.JSON:
			return fmt.Errorf("it has the unknown encoding %d", head[1])
		}
		return nil
	}()
	if err != nil {
		return nil, fmt.Errorf("actor: the stored queue message %x is damaged: %w", key, err)
	}
	return &queued{
		id:       MessageID(binary.BigEndian.Uint64(key[2:])),
		enc:      codec.Encoding(head[1]),
		attempts: binary.BigEndian.Uint32(head[2:]),
		at:       time.UnixMicro(int64(binary.BigEndian.Uint64(head[6:]))),
		queue:    string(head[queueHeadSize:]),
	}, nil
}

// MessageID names a message of an actor's queues. Later messages have greater
// ones. It fits into a JavaScript number.
type MessageID uint64
