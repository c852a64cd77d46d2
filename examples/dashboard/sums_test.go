package main

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
)

func TestBrief(t *testing.T) {
	one := func(kind, who string) entry { return entry{Kind: kind, Who: who, What: "it happened", Detail: "here"} }
	got := brief([]entry{one("a", "1"), one("b", "2"), one("a", "3"), one("a", "4"), one("b", "5"), one("a", "6"), one("c", "7")})
	want := []entry{{Kind: "a", Who: "4 machines", What: "it happened"}, one("b", "2"), one("b", "5"), one("c", "7")}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	// What is not the same is not told as if it were.
	var different []entry
	for n := range 8 {
		different = append(different, entry{Kind: "setup", Who: strconv.Itoa(n), What: "now " + strconv.Itoa(n%4)})
	}
	if got := brief(different); !slices.Equal(got, different) {
		t.Errorf("\n got %+v\nwant %+v", got, different)
	}
}

func TestPicture(t *testing.T) {
	lines := []*line{{hall: "A", name: "one"}, {hall: "A", name: "two"}}
	for _, l := range lines {
		l.conn = conn.NewClosed(conn.Config{}, io.EOF)
	}
	reading := func(name string, n uint64, micros int64) rivet.Sourced[Reading] {
		at := time.UnixMicro(1_000_000)
		return rivet.Sourced[Reading]{
			Info: conn.Info{Key: []string{"A", name}}, At: at,
			Value: Reading{N: n, At: at.UnixMicro() - micros, Celsius: float64(n)},
		}
	}
	tally := newTally(lines)
	var pictures []picture
	var want []string
	for _, step := range []struct {
		window []rivet.Sourced[Reading]
		want   string
	}{
		{nil, `{"machines":[{"count":0,"celsius":0,"micros":0,"missed":0,"up":false},{"count":0,"celsius":0,"micros":0,"missed":0,"up":false}],"events":0,"p50":0,"p99":0}`},
		{[]rivet.Sourced[Reading]{reading("two", 7, 10), reading("two", 8, 30), reading("one", 1, -5)},
			`{"machines":[{"count":1,"celsius":1,"micros":0,"missed":0,"up":false},{"count":2,"celsius":8,"micros":20,"missed":0,"up":false}],"events":3,"p50":10,"p99":30}`},
		{[]rivet.Sourced[Reading]{reading("two", 12, 8), reading("one", 2, 4)},
			`{"machines":[{"count":1,"celsius":2,"micros":4,"missed":0,"up":false},{"count":1,"celsius":12,"micros":8,"missed":3,"up":false}],"events":2,"p50":8,"p99":8}`},
		// It has started anew, and forgotten its latest numbers.
		{[]rivet.Sourced[Reading]{reading("two", 10, 8)},
			`{"machines":[{"count":0,"celsius":2,"micros":0,"missed":0,"up":false},{"count":1,"celsius":10,"micros":8,"missed":3,"up":false}],"events":1,"p50":8,"p99":8}`},
	} {
		pictures, want = append(pictures, tally.picture(step.window)), append(want, step.want)
	}
	for i, p := range pictures { // which stay as they are when the next is made
		got, err := json.Marshal(p)
		if err != nil || string(got) != want[i] {
			t.Errorf("step %d:\n got %s\nwant %s", i, got, want[i])
		}
	}
}

func TestPace(t *testing.T) {
	begin := time.Now()
	p := pace{last: begin}
	for _, step := range []struct {
		after time.Duration
		rate  int
		want  uint64
	}{
		{50 * time.Millisecond, 10, 0},
		{100 * time.Millisecond, 10, 1},
		{150 * time.Millisecond, 100, 5},
		{130 * time.Millisecond, 100, 0}, // this beat came before the one before
		{201 * time.Millisecond, 100, 5},
		{time.Hour, 1000, 1000}, // the lid was shut
		{time.Hour + 50*time.Millisecond, 1000, 50},
	} {
		if got := p.count(begin.Add(step.after), step.rate); got != step.want {
			t.Errorf("after %v at %d a second: %d readings are due, want %d", step.after, step.rate, got, step.want)
		}
	}
}
