package main

import (
	"fmt"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// journal is what happened, for people. What observers write into it is a source
// of streams like any other.
type journal struct{ queue *stream.Queue[entry] }

// entry is one thing that happened.
type entry struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Who    string    `json:"who"`
	What   string    `json:"what"`
	Detail string    `json:"detail"`
}

func newJournal() *journal {
	return &journal{queue: stream.NewQueue(stream.Config{}, stream.Hooks[entry]{})}
}

// write adds an entry. It does not wait.
func (j *journal) write(kind, who, what, detail string) {
	j.queue.Push([]entry{{At: time.Now(), Kind: kind, Who: who, What: what, Detail: detail}})
}

// entries is what is written, once.
func (j *journal) entries() stream.Stream[entry] {
	return stream.FromSubscription(func() *stream.Subscription[entry] { return stream.Direct(j.queue) })
}

// few is how many entries of the same are told one by one.
const few = 3

// brief makes one entry of many that tell the same.
func brief(entries []entry) (told []entry) {
	type same struct{ kind, what string }
	count := make(map[same]int)
	for _, e := range entries {
		count[same{e.Kind, e.What}]++
	}
	for _, e := range entries {
		key := same{e.Kind, e.What}
		switch n := count[key]; {
		case n == 0:
			continue // told
		case n > few:
			e.Who, e.Detail = fmt.Sprintf("%d machines", n), ""
			count[key] = 0
		}
		told = append(told, e)
	}
	return told
}
