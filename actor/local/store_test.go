package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/actor"
)

// cleaner is a testing.TB or a *rapid.T.
type cleaner interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// eachDisk runs a test on both kinds of disks.
func eachDisk(t *testing.T, f func(t *testing.T, open func(t cleaner) disk)) {
	t.Run("memory", func(t *testing.T) {
		f(t, func(cleaner) disk { return new(memory) })
	})
	t.Run("file", func(t *testing.T) {
		dir, n := t.TempDir(), 0
		f(t, func(t cleaner) disk {
			t.Helper()
			n++
			d, err := openBolt(filepath.Join(dir, fmt.Sprint(n)))
			if err != nil {
				t.Fatal(err)
			}
			return d
		})
	})
}

// testStore is an open store.
func testStore(t cleaner, d disk) *store {
	s := openStore(d)
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

func testLease(s *store, id string) *lease {
	return &lease{place: &place{p: &places{directory: &directory{store: s}}, id: id}, prefix: table(tableData, id)}
}

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// A lease does what a map does, whatever its neighbour does.
func TestStoreIsAMap(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		rapid.Check(t, func(t *rapid.T) {
			d := open(t)
			if file, ok := d.(*bolt); ok {
				file.db.NoSync = true
			}
			s := openStore(d)
			defer s.close()
			leases := []*lease{testLease(s, idA), testLease(s, idB)}
			models := []map[string]string{{}, {}}
			key := rapid.OneOf(
				rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 0, 4),
				rapid.Map(rapid.IntRange(0, 2000), func(n int) []byte { return fmt.Appendf(nil, "n%04d", n) }))
			value := rapid.SliceOfN(rapid.Byte(), 0, 20)
			ctx := context.Background()
			t.Repeat(map[string]func(*rapid.T){
				"apply": func(t *rapid.T) {
					i := rapid.IntRange(0, 1).Draw(t, "actor")
					var b actor.Batch
					for range rapid.IntRange(0, 100).Draw(t, "changes") {
						k := key.Draw(t, "key")
						switch rapid.IntRange(0, 9).Draw(t, "kind") {
						case 0:
							b = append(b, actor.Change{Key: k})
							delete(models[i], string(k))
						case 1:
							to := append(key.Draw(t, "to"), 0) // an empty one is none
							b = append(b, actor.Change{Key: k, To: to})
							maps.DeleteFunc(models[i], func(have, _ string) bool { return have >= string(k) && have < string(to) })
						default:
							v := append([]byte{}, value.Draw(t, "value")...)
							b = append(b, actor.Change{Key: k, Value: v})
							models[i][string(k)] = string(v)
						}
					}
					if err := leases[i].Apply(ctx, b); err != nil {
						t.Fatal(err)
					}
					for _, c := range b { // it keeps none of its memory
						scribble(c.Key, c.Value, c.To)
					}
				},
				"get": func(t *rapid.T) {
					i := rapid.IntRange(0, 1).Draw(t, "actor")
					keys := rapid.SliceOfN(key, 0, 5).Draw(t, "keys")
					got, err := leases[i].Get(ctx, keys...)
					if err != nil || len(got) != len(keys) {
						t.Fatal(got, err)
					}
					for n, k := range keys {
						want, ok := models[i][string(k)]
						if (got[n] != nil) != ok || string(got[n]) != want {
							t.Fatalf("%q is %q, want %q %v", k, got[n], want, ok)
						}
						scribble(got[n])
					}
				},
				"list": func(t *rapid.T) {
					i := rapid.IntRange(0, 1).Draw(t, "actor")
					from, to := key.Draw(t, "from"), key.Draw(t, "to")
					limit := rapid.SampledFrom([]int{0, 0, 1, 2, 300, 5000}).Draw(t, "limit")
					reverse := rapid.Bool().Draw(t, "reverse")
					var want []string
					for k := range models[i] {
						if k >= string(from) && (len(to) == 0 || k < string(to)) {
							want = append(want, k)
						}
					}
					slices.Sort(want)
					if reverse {
						slices.Reverse(want)
					}
					if limit > 0 {
						want = want[:min(limit, len(want))]
					}
					n := 0
					for e, err := range leases[i].List(ctx, from, to, limit, reverse) {
						if err != nil {
							t.Fatal(err)
						}
						if n >= len(want) || string(e.Key) != want[n] || string(e.Value) != models[i][want[n]] {
							t.Fatalf("entry %d of %d is %q", n, len(want), e.Key)
						}
						scribble(e.Key, e.Value)
						n++
					}
					if n != len(want) {
						t.Fatalf("%d entries of %d", n, len(want))
					}
				},
			})
		})
	})
}

func scribble(parts ...[]byte) {
	for _, p := range parts {
		for i := range p {
			p[i] = '?'
		}
	}
}

func TestStoreLimits(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		l := testLease(testStore(t, open(t)), idA)
		put := func(key, value int) actor.Change {
			return actor.Change{Key: bytes.Repeat([]byte("k"), key), Value: make([]byte, value)}
		}
		full := actor.Batch{put(actor.MaxKey, actor.MaxValue)}
		for len(full) < actor.MaxBatch {
			full = append(full, put(1, 1))
		}
		for _, test := range []struct {
			name  string
			batch actor.Batch
			want  string
		}{
			{"at the limits", full, ""},
			{"nothing", nil, ""},
			{"key", actor.Batch{put(actor.MaxKey+1, 1)}, "key bytes of 2001, the limit is 2000"},
			{"end of a range", actor.Batch{{Key: nil, To: make([]byte, actor.MaxKey+1)}}, "key bytes of 2001"},
			{"value", actor.Batch{put(1, actor.MaxValue+1)}, "value bytes of 131073, the limit is 131072"},
			{"changes", append(slices.Clone(full), put(1, 1)), "changes in a batch of 129, the limit is 128"},
			{"bytes", slices.Repeat(actor.Batch{put(1, actor.MaxValue)}, 8), "bytes in a batch of 1048584, the limit is 999424"},
			{"value and range", actor.Batch{{Key: []byte("a"), Value: []byte("b"), To: []byte("c")}}, "both"},
		} {
			err := l.Apply(t.Context(), test.batch)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s: %v", test.name, err)
			}
			if _, ok := errors.AsType[*LimitError](err); ok != strings.Contains(test.want, "limit") && !strings.Contains(test.want, "2001") {
				t.Errorf("%s: a LimitError: %v", test.name, ok)
			}
		}
		if _, err := l.Get(t.Context(), make([]byte, actor.MaxKey+1)); err == nil {
			t.Error("a long key can be asked for")
		}
		for _, err := range l.List(t.Context(), nil, nil, -1, false) {
			if err == nil {
				t.Error("a negative limit is taken")
			}
		}
	})
}

// The body of a loop over a List may do what it likes, also make the file grow.
func TestListHoldsNothing(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		l := testLease(testStore(t, open(t)), idA)
		for i := range 10 {
			var b actor.Batch
			for j := range 100 {
				b = append(b, actor.Change{Key: fmt.Appendf(nil, "a%d%02d", i, j), Value: []byte("v")})
			}
			if err := l.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for _, err := range l.List(t.Context(), []byte("a"), []byte("b"), 0, false) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%50 == 0 {
				for i := range 7 {
					err := l.Apply(t.Context(), actor.Batch{{Key: fmt.Appendf(nil, "z%d-%d", n, i), Value: make([]byte, actor.MaxValue)}})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if n != 1000 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestLeaseEnded(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		s := testStore(t, open(t))
		l := testLease(s, idA)
		set := actor.Batch{{Key: []byte("k"), Value: []byte("v")}}
		if err := l.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		// What is submitted, but not begun, when the lease ends is not done.
		begun, free := make(chan struct{}), make(chan struct{})
		first := s.submit(0, func(txn) error { close(begun); <-free; return nil })
		<-begun
		late := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { late <- l.Apply(ctx, actor.Batch{{Key: []byte("k"), Value: []byte("late")}}) }()
		for s.waiting() == 0 {
			<-time.After(time.Millisecond)
		}
		l.end()
		cancel()
		if err := <-late; !errors.Is(err, context.Canceled) {
			t.Error("a context that ended:", err)
		}
		close(free)
		if err := first.wait(t.Context()); err != nil {
			t.Error(err)
		}
		next := testLease(s, idA)
		if err := next.Apply(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if got, err := next.Get(t.Context(), []byte("k")); err != nil || string(got[0]) != "v" {
			t.Errorf("%q %v", got, err)
		}
		errs := []error{l.Apply(t.Context(), set), l.Apply(t.Context(), nil), l.SetAlarm(t.Context(), time.Now())}
		_, err := l.Get(t.Context())
		errs = append(errs, err)
		for _, err := range l.List(t.Context(), nil, nil, 0, false) {
			errs = append(errs, err)
		}
		for i, err := range errs {
			if !errors.Is(err, actor.ErrLeaseEnded) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if len(errs) != 5 {
			t.Errorf("%d errors", len(errs))
		}
	})
}

func (s *store) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// countingDisk counts the transactions that changed something.
type countingDisk struct {
	disk
	n    int
	fail error
}

func (d *countingDisk) update(f func(txn) error) error {
	return d.disk.update(func(tx txn) error {
		err := f(tx)
		if err == nil {
			d.n++
			err = d.fail
		}
		return err
	})
}

// What waits while a transaction is being written goes into one, and those that
// change nothing cost none. When it fails everybody hears of it.
func TestGroups(t *testing.T) {
	d := &countingDisk{disk: new(memory)}
	s := testStore(t, d)
	group := func(run func(i int, tx txn) error) []error {
		begun, free := make(chan struct{}), make(chan struct{})
		s.submit(0, func(txn) error { close(begun); <-free; return nil })
		<-begun
		var changes []*change
		for i := range 100 {
			changes = append(changes, s.submit(0, func(tx txn) error { return run(i, tx) }))
		}
		close(free)
		var errs []error
		for _, c := range changes {
			errs = append(errs, c.wait(t.Context()))
		}
		return errs
	}
	own := errors.New("own")
	put := func(i int, tx txn) error {
		if i == 50 {
			return own
		}
		return tx.put(fmt.Append(nil, i), []byte("v"))
	}
	for i, err := range group(put) {
		if (i == 50) != errors.Is(err, own) || i != 50 && err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if d.n != 1 {
		t.Errorf("%d transactions", d.n)
	}
	group(func(int, txn) error { return own })
	if d.n != 1 {
		t.Errorf("%d transactions after some that change nothing", d.n)
	}
	d.fail = errors.New("disk full")
	for i, err := range group(put) {
		if !errors.Is(err, d.fail) {
			t.Errorf("change %d of a transaction that failed: %v", i, err)
		}
	}
	// Bounds.
	d.fail, d.n = nil, 0
	begun, free := make(chan struct{}), make(chan struct{})
	s.submit(0, func(txn) error { close(begun); <-free; return nil })
	<-begun
	var last *change
	for range 4 {
		last = s.submit(maxGroupBytes/2, func(tx txn) error { return tx.put([]byte("k"), nil) })
	}
	close(free)
	if err := last.wait(t.Context()); err != nil || d.n != 2 {
		t.Errorf("%d transactions, %v", d.n, err)
	}
}

func TestStoreClose(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		s := testStore(t, open(t))
		begun, free := make(chan struct{}), make(chan struct{})
		s.submit(0, func(txn) error { close(begun); <-free; return nil })
		<-begun
		c := s.submit(0, func(tx txn) error { return tx.put([]byte("k"), []byte("v")) })
		closed := make(chan error)
		go func() { closed <- s.close() }()
		close(free)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := c.wait(t.Context()); err != nil {
			t.Error("what waited:", err)
		}
		if err := s.update(t.Context(), func(txn) error { return nil }); !errors.Is(err, errShutDown) {
			t.Error(err)
		}
		if err := s.view(func(txn) error { return nil }); !errors.Is(err, errShutDown) {
			t.Error(err)
		}
	})
}
