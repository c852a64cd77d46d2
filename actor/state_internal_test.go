package actor

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// onlyJSON is a type that keeps what it has to itself, but for JSON.
type onlyJSON struct{ n int }

func (o onlyJSON) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"n": o.n}) }
func (o *onlyJSON) UnmarshalJSON(b []byte) error {
	m := map[string]int{}
	err := json.Unmarshal(b, &m)
	o.n = m["n"]
	return err
}

type everything struct {
	Time     time.Time
	Zoned    time.Time
	Never    time.Time
	Wait     time.Duration
	Ints     map[int]string
	Nested   map[string]map[string]int
	NilMap   map[string]int
	Empty    map[string]int
	NilSlice []int
	Slice    []int
	Pointer  *int
	NilPtr   *int
	Big      *big.Int
	Small    *big.Int
	Rat      *big.Rat
	Float    *big.Float
	Addr     netip.Addr
	URL      *url.URL
	JSON     onlyJSON
	JSONPtr  *onlyJSON
	Raw      json.RawMessage
	Text     string
	Bytes    []byte
	Array    [3]byte
	Any      any
	Max      uint64
	Min      int64
	Inf      float64
	Tagged   int `json:"other,omitempty"`
	Skipped  int `json:"-"`
	embedded
}
type embedded struct{ Inner string }

// What was stored comes back, whatever the type makes of it.
func TestStateComesBack(t *testing.T) {
	n := 7
	u, _ := url.Parse("https://a.example/b?c=d")
	hugeInt, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	v := everything{
		Time:  time.Date(2024, 2, 29, 1, 2, 3, 123456789, time.UTC),
		Zoned: time.Date(2024, 2, 29, 1, 2, 3, 1, time.FixedZone("", 2*3600)),
		Wait:  90 * time.Minute, Ints: map[int]string{-1: "a", 1 << 30: "b"},
		Nested: map[string]map[string]int{"x": {"y": 1}}, Empty: map[string]int{}, Slice: []int{},
		Pointer: &n, Big: hugeInt, Small: big.NewInt(-5), Rat: big.NewRat(1, 3), Float: big.NewFloat(1.5),
		Addr: netip.MustParseAddr("::1"), URL: u, JSON: onlyJSON{3}, JSONPtr: &onlyJSON{4}, Raw: json.RawMessage(`{"a":[1]}`),
		Text: "caf\xe9 \x00", Bytes: []byte{0, 255}, Array: [3]byte{1, 2, 3},
		Any: map[string]any{"list": []any{int64(1), "two", nil, 2.5}, "in": map[string]any{}},
		Max: math.MaxUint64, Min: math.MinInt64, Inf: math.Inf(-1), Tagged: 1, embedded: embedded{"e"},
	}
	data, err := (&cell[everything]{v}).encode([]byte("x"))
	if err != nil || data[0] != 'x' {
		t.Fatalf("%q: %v", data[:1], err)
	}
	var c cell[everything]
	if err := c.decode(data[1:]); err != nil {
		t.Fatal(err)
	}
	got, want := reflect.ValueOf(c.value), reflect.ValueOf(v)
	for i := range got.NumField() {
		name, g, w := got.Type().Field(i).Name, got.Field(i), want.Field(i)
		if name == "embedded" {
			if c.value.Inner != "e" {
				t.Errorf("embedded: %v", c.value.Inner)
			}
			continue
		}
		g2, w2 := g.Interface(), w.Interface()
		same := reflect.DeepEqual(g2, w2)
		switch w2 := w2.(type) {
		case time.Time:
			same = g2.(time.Time).Equal(w2)
		case *big.Float:
			same = g2.(*big.Float).Cmp(w2) == 0
		case *big.Int:
			same = w2 == nil || g2.(*big.Int).Cmp(w2) == 0
		case netip.Addr:
			same = g2 == w2
		}
		if !same {
			t.Errorf("%s: %#v, want %#v", name, g2, w2)
		}
	}
	again, _ := c.encode(nil)
	if string(again) != string(data[1:]) {
		t.Error("the same state has other bytes when it was read")
	}
}

// In an any there is after a sleep what a client would have sent.
func TestAnyInState(t *testing.T) {
	type s struct{ V any }
	data, _ := (&cell[s]{s{map[string]any{"a": 1, "b": []any{map[string]any{}}}}}).encode(nil)
	var c cell[s]
	if err := c.decode(data); err != nil {
		t.Fatal(err)
	}
	if want := any(map[string]any{"a": int64(1), "b": []any{map[string]any{}}}); !reflect.DeepEqual(c.value.V, want) {
		t.Errorf("got %#v", c.value.V)
	}
	odd := any(map[any]any{int64(1): "one"}) // no client sends this
	if data, _ = (&cell[s]{s{odd}}).encode(nil); c.decode(data) != nil || !reflect.DeepEqual(c.value.V, odd) {
		t.Errorf("got %#v", c.value.V)
	}
}

type node struct{ Next *node }

func TestDeepState(t *testing.T) {
	var n *node
	for range 10_000 {
		n = &node{n}
	}
	data, err := (&cell[*node]{n}).encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	var c cell[*node]
	if err := c.decode(data); err != nil {
		t.Error(err)
	}
}

type grumpy struct{ N int }

func (grumpy) MarshalText() ([]byte, error) { panic("no text") }
func (*grumpy) UnmarshalText([]byte) error  { panic("no value") }

// A method of the state that panics is an error: there is nobody else to catch it.
func TestStateMethodPanics(t *testing.T) {
	data, err := (&cell[grumpy]{}).encode([]byte("kept"))
	if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != "no text" || string(data) != "kept" {
		t.Errorf("encode returned %q, %v", data, err)
	}
	var c cell[grumpy]
	if _, ok := errors.AsType[*PanicError](c.decode([]byte{0x61, 'x'})); !ok {
		t.Errorf("decode returned %v", err)
	}
}

func TestStateDoesNotDecode(t *testing.T) {
	c := cell[struct{ N int }]{}
	c.value.N = 5
	for _, data := range []string{"", "\xa1aN", "\xa1aNax", "\xff"} {
		if err := c.decode([]byte(data)); err == nil || !strings.Contains(err.Error(), "is left as it is") {
			t.Errorf("%x: %v", data, err)
		}
	}
	if c.value.N != 5 {
		t.Error("a failed decode changed the value")
	}
}
