package broadcast

import (
	"bytes"
	"fmt"
	"strconv"
)

const (
	// event is the name of the event, and of the channel or subject where there is
	// one.
	event = "tick"
	// mark is the first byte of what an event brings, and occurs nowhere else in
	// what servers send, so that events can be counted and found in any encoding
	// without decoding it.
	mark   = '~'
	digits = 19

	// Numbers from here on are no part of what is measured: the first of them goes
	// round until everybody listens, the other one shows that nothing of that is
	// still on its way.
	roundNumber = uint64(1e15)
	lastNumber  = uint64(2e15)
)

// text is what an event brings: a text of 20 bytes, the same for all contestants.
func text(number uint64) string { return fmt.Sprintf("%c%0*d", mark, digits, number) }

// count is how many events are in what a server has sent.
func count(sent []byte) int { return bytes.Count(sent, []byte{mark}) }

// first is the number of the first event in what a server has sent, and what
// follows that event.
func first(sent []byte) (number uint64, rest []byte, err error) {
	at := bytes.IndexByte(sent, mark) + 1
	if at == 0 || len(sent) < at+digits {
		return 0, nil, fmt.Errorf("no event in %.100q", sent)
	}
	number, err = strconv.ParseUint(string(sent[at:at+digits]), 10, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("no number in %.100q", sent)
	}
	return number, sent[at+digits:], nil
}
