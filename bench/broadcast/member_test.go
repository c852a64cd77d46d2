package broadcast

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// play has two members read what a server sends, and returns how often both had
// all that they expected, and what the first one ended with.
func play(t *testing.T, k kind, every int, sent ...string) (reports int, err error) {
	t.Helper()
	c := &crowd{}
	c.begin(k, every)
	for range 2 {
		queue := slices.Clone(sent)
		c.members = append(c.members, &member{crowd: c, next: func() ([]byte, error) {
			if len(queue) == 0 {
				return nil, io.EOF
			}
			head := queue[0]
			queue = queue[1:]
			return []byte(head), nil
		}})
	}
	for _, m := range c.members {
		if e := m.read(); err == nil {
			err = e
		}
	}
	return len(c.phase.Load().all), err
}

// texts is events as a server may gather them.
func texts(numbers ...uint64) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString("\x02" + text(n) + "\r\n")
	}
	return b.String()
}

func TestMember(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    kind
		every   int
		sent    []string
		reports int
		fault   string
	}{
		{"bursts", ordered, 2, []string{texts(0), "ping", texts(1, 2), texts(3)}, 2, ""},
		{"an unfinished burst", ordered, 2, []string{texts(0, 1, 2)}, 1, ""},
		{"a lost event", ordered, 2, []string{texts(0), texts(2)}, 0, "event 2 comes in place of 1"},
		{"a lost event in a gathered frame", ordered, 2, []string{texts(0, 2), texts(3)}, 1, "event 3 comes in place of 2"},
		{"an event twice", ordered, 2, []string{texts(0), texts(0)}, 0, "event 0 comes in place of 1"},
		{"a number that is none", ordered, 2, []string{strings.Replace(texts(0), "0", "x", 1)}, 0, "no number"},
		{"a torn event", ordered, 2, []string{texts(0)[:9]}, 0, "no event"},
		{"any order", anyhow, 3, []string{texts(2), texts(0, 1)}, 1, ""},
		{"the first of all", listen, 1, []string{texts(roundNumber, roundNumber), texts(roundNumber)}, 1, ""},
		{"the last of a round", settle, 1, []string{texts(roundNumber), texts(roundNumber, lastNumber)}, 1, ""},
		{"no last of a round", settle, 1, []string{texts(roundNumber)}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reports, err := play(t, tt.kind, tt.every, tt.sent...)
			if reports != tt.reports {
				t.Errorf("%d reports, want %d", reports, tt.reports)
			}
			if tt.fault == "" && !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("it ended with %q, want %q", err, tt.fault)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    kind
		numbers []uint64
		fault   string
	}{
		{"all", ordered, []uint64{0, 1, 2, 3}, ""},
		{"all in any order", anyhow, []uint64{1, 0, 3, 2}, ""},
		{"one is missing", ordered, []uint64{0, 1, 2}, "has got 3 events"},
		{"one in place of another", anyhow, []uint64{0, 1, 2, 2}, "with the sum 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &crowd{}
			c.begin(tt.kind, 1)
			sent := texts(tt.numbers...)
			m := &member{crowd: c}
			m.next = func() ([]byte, error) {
				defer func() { sent = "" }()
				if sent == "" {
					return nil, io.EOF
				}
				return []byte(sent), nil
			}
			c.members = []*member{m}
			if err := m.read(); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			err := c.check(4)
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("check says %v, want %q", err, tt.fault)
			}
		})
	}
}

// TestLines holds lines to what it promises: nothing but whole lines, whatever a
// read returns.
func TestLines(t *testing.T) {
	var want strings.Builder
	for i := range uint64(5000) {
		want.WriteString("MSG tick 1 20\r\n" + text(i) + "\r\n")
	}
	for name, r := range map[string]io.Reader{
		"a lot at a time": strings.NewReader(want.String()),
		"half of it":      iotest.HalfReader(strings.NewReader(want.String())),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(want.String())),
		"with its end":    iotest.DataErrReader(strings.NewReader(want.String())),
	} {
		t.Run(name, func(t *testing.T) {
			next := lines(r)
			var got strings.Builder
			for {
				sent, err := next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if sent[len(sent)-1] != '\n' {
					t.Fatalf("%q is not whole", sent)
				}
				got.Write(sent)
			}
			if got.String() != want.String() {
				t.Errorf("%d bytes came of %d", got.Len(), want.Len())
			}
		})
	}
	if _, err := lines(strings.NewReader(strings.Repeat("x", 1<<20)))(); err == nil || err == io.EOF {
		t.Errorf("a line without an end gave %v", err)
	}
}
