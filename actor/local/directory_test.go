package local

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
)

func testDirectory(t *testing.T, d disk) *directory {
	t.Helper()
	dir, err := openDirectory(testStore(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGetOrCreate(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		d := testDirectory(t, open(t))
		var mu sync.Mutex
		ids, made := make(map[string]int), 0
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				rec, created, err := d.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"x/y", ""}, Pool: "p"})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || rec.Pool != "p" || rec.Region != "default" || rec.CrashPolicy != "sleep" {
					t.Error(rec, err)
				}
				ids[rec.ID]++
				if created {
					made++
				}
			})
		}
		group.Wait()
		if len(ids) != 1 || made != 1 {
			t.Error(ids, made)
		}
		_, err := d.create(t.Context(), spec{Name: "a", Key: rivet.Key{"x/y", ""}})
		if taken, ok := errors.AsType[*takenError](err); !ok || ids[taken.Existing] == 0 {
			t.Error(err)
		}
		// Others with names and keys that look alike.
		others := []spec{
			{Name: "a", Key: rivet.Key{"x", "y", ""}}, {Name: "a", Key: rivet.Key{"x/y"}}, {Name: "a"},
			{Name: "ax", Key: rivet.Key{"/y", ""}}, {Name: "b", Key: rivet.Key{"x/y", ""}}, {Name: "a\x00"},
		}
		for _, s := range others {
			if _, err := d.create(t.Context(), s); err != nil {
				t.Error(s, err)
			}
		}
		for _, s := range others {
			if rec, ok, err := d.find(t.Context(), s.Name, s.Key); !ok || err != nil || rec.Name != s.Name || !slices.Equal(rec.Key, s.Key) {
				t.Error(s, rec, ok, err)
			} else if byID, ok, err := d.byID(t.Context(), rec.ID); !ok || err != nil || fmt.Sprint(byID) != fmt.Sprint(rec) {
				t.Error(byID, rec)
			}
		}
		if names, err := d.names(t.Context()); err != nil || fmt.Sprintf("%q", names) != `["a" "a\x00" "ax" "b"]` {
			t.Errorf("%q %v", names, err)
		}
		for s, want := range map[*spec]string{
			{}:                                "api.bad_request",
			{Name: strings.Repeat("a", 2000)}: "api.bad_request",
			{Name: "a\xff"}:                   "api.bad_request",
			{Name: "a", Key: rivet.Key{strings.Repeat("k", 1025)}}: "actor.key_too_large",
		} {
			_, err := d.create(t.Context(), *s)
			wantCode(t, err, want)
		}
		if _, ok, err := d.find(t.Context(), strings.Repeat("a", 70000), nil); ok || err != nil {
			t.Error(ok, err)
		}
		if _, ok, err := d.find(t.Context(), "a", rivet.Key{strings.Repeat("k", 70000)}); ok || err != nil {
			t.Error(ok, err)
		}
	})
}

func TestList(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		d := testDirectory(t, open(t))
		want := make(map[string]bool)
		for i := range 25 {
			rec, err := d.create(t.Context(), spec{Name: "a", Key: rivet.Key{fmt.Sprint(i)}})
			if err != nil {
				t.Fatal(err)
			}
			want[rec.ID] = true
			if _, err := d.create(t.Context(), spec{Name: "b", Key: rivet.Key{fmt.Sprint(i)}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, limit := range []int{0, 1, 7, 25, 1 << 30} {
			left, cursor, last := len(want), "", time.Now().Add(time.Hour)
			for {
				recs, next, err := d.list(t.Context(), "a", cursor, limit)
				if err != nil || len(recs) != max(1, min(limit, left)) {
					t.Fatal(len(recs), limit, err)
				}
				for _, rec := range recs {
					if !want[rec.ID] || rec.CreatedAt.After(last) {
						t.Error(rec)
					}
					last = rec.CreatedAt
				}
				if left -= len(recs); next == "" {
					break
				}
				cursor = next
			}
			if left != 0 {
				t.Errorf("limit %d: %d are missing", limit, left)
			}
		}
		if recs, next, err := d.list(t.Context(), "c", "", 10); len(recs) != 0 || next != "" || err != nil {
			t.Error(recs, next, err)
		}
		for _, bad := range []string{"x", "!", strings.Repeat("A", 100)} {
			if _, _, err := d.list(t.Context(), "a", bad, 10); !errors.Is(err, errCursor) {
				t.Error(bad, err)
			}
		}
	})
}

// The last maxGone destroyed actors are remembered, also by the next process.
// Actors without a key are in lists, and in nobody's way.
func TestKeyless(t *testing.T) {
	eachDisk(t, func(t *testing.T, open func(cleaner) disk) {
		d := testDirectory(t, open(t))
		free := spec{Name: "a", Keyless: true}
		first, err := d.create(t.Context(), free)
		if err != nil {
			t.Fatal(err)
		}
		keyed, created, err := d.getOrCreate(t.Context(), spec{Name: "a"}) // with the empty key
		if err != nil || !created {
			t.Fatal(created, err)
		}
		second, err := d.create(t.Context(), free)
		if err != nil {
			t.Fatal(err)
		}
		for _, gone := range []string{first.ID, second.ID} {
			if err := d.store.update(t.Context(), func(tx txn) error { return d.bury(tx, gone) }); err != nil {
				t.Fatal(err)
			}
			rec, ok, err := d.byID(t.Context(), gone)
			if err != nil || !ok || !rec.Keyless || rec.DestroyedAt.IsZero() {
				t.Error(rec, ok, err)
			}
		}
		if rec, ok, err := d.find(t.Context(), "a", nil); err != nil || !ok || rec.ID != keyed.ID {
			t.Errorf("by the empty key: %+v %v %v", rec, ok, err)
		}
		if _, err := d.create(t.Context(), spec{Name: "b", Keyless: true}); err != nil {
			t.Fatal(err)
		}
		if names, err := d.names(t.Context()); err != nil || !slices.Equal(names, []string{"a", "b"}) {
			t.Error(names, err)
		}
		if recs, _, err := d.list(t.Context(), "b", "", 10); err != nil || len(recs) != 1 {
			t.Error(recs, err)
		}
	})
}

func TestGone(t *testing.T) {
	disk := &reopened{disk: new(memory)}
	d := testDirectory(t, disk)
	var ids []string
	destroy := func(d *directory, n int) {
		t.Helper()
		for range n {
			rec, err := d.create(t.Context(), spec{Name: "a"})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, rec.ID)
			if err := d.remove(t.Context(), rec.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	destroy(d, maxGone/2)
	d = testDirectory(t, disk)
	destroy(d, maxGone/2+10)
	known := 0
	for i, id := range ids {
		rec, ok, err := d.byID(t.Context(), id)
		if err != nil || ok && rec.DestroyedAt.IsZero() || i > 500 && !ok {
			t.Fatal(i, rec, ok, err)
		}
		if ok {
			known++
		}
	}
	if known != maxGone {
		t.Errorf("%d are known", known)
	}
}

// unwilling is a disk that fails to write while it is told so.
type unwilling struct {
	disk
	fail bool
}

func (d *unwilling) update(f func(tx txn) error) error {
	return d.disk.update(func(tx txn) error {
		if err := f(tx); err != nil || !d.fail {
			return err
		}
		return errors.New("disk full")
	})
}

// Actors that could not be destroyed do not count as destroyed.
func TestGoneWithAFullDisk(t *testing.T) {
	file, err := openBolt(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	disk := &unwilling{disk: file}
	d := testDirectory(t, disk)
	rec, err := d.create(t.Context(), spec{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	disk.fail = true
	for range 3 {
		if err := d.remove(t.Context(), rec.ID); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Fatal(err)
		}
	}
	disk.fail = false
	if err := d.remove(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	if d.gone != 1 {
		t.Errorf("%d count as destroyed", d.gone)
	}
	if err := d.store.close(); err != nil {
		t.Error(err)
	}
}

// What is damaged is an error that names the file, and hurts nobody else.
func TestDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	disk, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := testStore(t, disk)
	p := newPlaces(t, s, new(stage))
	rec, err := p.create(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}})
	if err != nil {
		t.Fatal(err)
	}
	good, err := p.create(t.Context(), spec{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.update(t.Context(), func(tx txn) error { return tx.put(table(tableRecord, rec.ID), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(dir, fileName)) || !strings.Contains(err.Error(), rec.ID) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err = p.byID(t.Context(), rec.ID)
	check("byID", err)
	_, _, err = p.find(t.Context(), "a", rivet.Key{"k"})
	check("find", err)
	_, _, err = p.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}})
	check("getOrCreate", err)
	_, _, err = p.list(t.Context(), "a", "", 10)
	check("list", err)
	_, _, err = p.acquire(t.Context(), rec.ID)
	check("acquire", err)
	check("destroy", p.destroy(t.Context(), rec.ID))
	check("bury", s.update(t.Context(), func(tx txn) error { return p.bury(tx, rec.ID) }))
	use(t, p, good.ID)
	if err := p.shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.update(t.Context(), func(tx txn) error { return tx.put(table(tableAlarm, good.ID), []byte("x")) }); err != nil {
		t.Fatal(err)
	}
	if _, err := openPlaces(s, new(stage), nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), good.ID) {
		t.Error("an alarm:", err)
	}
}

func FuzzRecord(f *testing.F) {
	rec := record{ID: idA, Name: "a", Key: rivet.Key{"k", ""}, CreatedAt: time.UnixMilli(1), SleptAt: time.UnixMilli(2), Generation: 3}
	data, err := rec.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte("{}"), []byte(nil))
	f.Add([]byte(`{"id":"`+idA+`","name":"a","created":9223372036854775807}`), []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data, alarm []byte) {
		if at, err := decodeAlarm(idA, alarm); err == nil && at < 0 || err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(at, err)
		}
		rec, err := decodeRecord(idA, data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			return
		}
		again, err := rec.encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeRecord(idA, again); err != nil || fmt.Sprint(same) != fmt.Sprint(rec) {
			t.Errorf("%+v\n%+v %v", rec, same, err)
		}
	})
}

func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	digits := make(map[rune]int)
	for range 1000 {
		id := newID()
		if !isID(id) || seen[id] {
			t.Fatal(id)
		}
		seen[id] = true
		for _, c := range id {
			digits[c]++
		}
	}
	for _, c := range idDigits {
		if n := digits[c]; n < 600 || n > 1100 {
			t.Errorf("%q comes %d times", c, n)
		}
	}
}
