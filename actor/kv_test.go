package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func kvOn(t *testing.T, s *shelf) *KV {
	j, _ := journalOn(t, s)
	return &KV{store: s, journal: j}
}

func TestKVReadsWhatItWrote(t *testing.T) {
	s := newShelf()
	kv, ctx := kvOn(t, s), t.Context()
	value := []byte("one")
	if err := kv.Put(ctx, "a", value); err != nil {
		t.Fatal(err)
	}
	copy(value, "xxx")
	if v, ok, err := kv.Get(ctx, "a"); err != nil || !ok || string(v) != "one" {
		t.Errorf("Get: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := kv.Get(ctx, "b"); err != nil || ok || v != nil {
		t.Errorf("Get of what is not there: %q, %v, %v", v, ok, err)
	}
	// Empty and nil values, and the empty key, are as good as others.
	if err := errors.Join(kv.Put(ctx, "", nil), kv.Put(ctx, "\xff\xff", []byte{})); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "\xff\xff"} {
		if v, ok, err := kv.Get(ctx, key); err != nil || !ok || len(v) != 0 {
			t.Errorf("Get(%q): %q, %v, %v", key, v, ok, err)
		}
	}
	many, err := kv.GetMany(ctx, "a", "", "b")
	if err != nil || len(many) != 2 || string(many["a"]) != "one" || many[""] == nil {
		t.Errorf("GetMany: %q, %v", many, err)
	}
	if err := kv.Delete(ctx, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := kv.Get(ctx, "a"); ok {
		t.Error("a is there after Delete")
	}
}

// What lies in the store beside the KV is out of its reach.
func TestKVKeepsToItsSpace(t *testing.T) {
	s := newShelf()
	kv, ctx := kvOn(t, s), t.Context()
	s.set("\x03z", "before")
	s.set("\x05", "after")
	if err := kv.Put(ctx, "\xff", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	for _, r := range []KVRange{{}, {Prefix: "\xff"}, {From: "\x00"}} {
		n := 0
		for e, err := range kv.List(ctx, r) {
			if n++; err != nil || e.Key != "\xff" {
				t.Errorf("%+v: %q, %v", r, e, err)
			}
		}
		if n != 1 {
			t.Errorf("%+v: %d entries", r, n)
		}
	}
	if err := kv.DeleteRange(ctx, KVRange{}); err != nil {
		t.Fatal(err)
	}
	if s.keys() != 2 || s.keys(keyUser) != 0 {
		t.Errorf("%d keys are left, %d of them in the KV", s.keys(), s.keys(keyUser))
	}
}

func TestKVLimits(t *testing.T) {
	s := newShelf()
	kv, ctx := kvOn(t, s), t.Context()
	long := strings.Repeat("k", MaxKVKey)
	if err := kv.Put(ctx, long, make([]byte, MaxValue)); err != nil {
		t.Errorf("the longest key and value: %v", err)
	}
	many := make([]string, MaxBatch+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	var large KVBatch
	for i := range 8 {
		large.Put(fmt.Sprint(i), make([]byte, MaxValue))
	}
	listing := func(r KVRange) (err error) {
		for _, e := range kv.List(ctx, r) {
			err = e
		}
		return err
	}
	_, _, getErr := kv.Get(ctx, long+"k")
	_, manyErr := kv.GetMany(ctx, "a", long+"k")
	for name, err := range map[string]error{
		"Put, key":           kv.Put(ctx, long+"k", nil),
		"Put, value":         kv.Put(ctx, "a", make([]byte, MaxValue+1)),
		"Get":                getErr,
		"GetMany":            manyErr,
		"Delete, key":        kv.Delete(ctx, "a", long+"k"),
		"Delete, too many":   kv.Delete(ctx, many...),
		"Apply, too large":   kv.Apply(ctx, &large),
		"List, prefix":       listing(KVRange{Prefix: long + "k"}),
		"DeleteRange, bound": kv.DeleteRange(ctx, KVRange{To: long + "k"}),
	} {
		var limit *LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		} else if limit.Size <= limit.Limit {
			t.Errorf("%s: %+v", name, limit)
		}
		// What a client is told of it.
		want := "kv." + limit.What + "_too_large"
		if limit.What == "batch" {
			want = "rivetkit.internal_error"
		}
		if e, _ := describe(err); e.Group+"."+e.Code != want || limit.What != "batch" && e.Metadata.IsUndefined() {
			t.Errorf("%s: a client gets %v, want %s", name, e, want)
		}
	}
	if err := kv.DeleteRange(ctx, KVRange{Limit: 1}); err == nil {
		t.Error("DeleteRange took a limit and would have ignored it")
	}
	if _, err := kv.GetMany(ctx, many...); err != nil {
		t.Errorf("GetMany of %d keys: %v", len(many), err)
	}
	if s.keys() != 1 {
		t.Errorf("%d keys are there, want that of the one Put that could be", s.keys())
	}
}

// A Put whose ctx ends returns, and goes to disk in the end.
func TestKVGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.slow = time.Minute
		kv := kvOn(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := kv.Put(ctx, "a", []byte("1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: %v", err)
		}
		<-time.After(2 * time.Minute)
		if _, ok, _ := kv.Get(t.Context(), "a"); !ok {
			t.Error("the value did not come")
		}
	})
}

func TestKVAfterTheEnd(t *testing.T) {
	s := newShelf()
	j, crash := journalOn(t, s)
	kv := &KV{store: s, journal: j}
	crash()
	if err := kv.Put(t.Context(), "a", nil); !errors.Is(err, ErrLeaseEnded) {
		t.Errorf("Put: %v", err)
	}
}

// The KV does what a sorted map would.
func TestKVAsAMap(t *testing.T) {
	key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 0, 4)
	rapid.Check(t, func(r *rapid.T) {
		kv, model := kvOn(t, newShelf()), map[string]string{}
		ctx := context.Background()
		draw := func(name string) string { return string(key.Draw(r, name)) }
		spans := func() (KVRange, func(string) bool) {
			rng := KVRange{Prefix: draw("prefix"), From: draw("from"), To: draw("to")}
			return rng, func(k string) bool {
				return strings.HasPrefix(k, rng.Prefix) && k >= rng.From && (rng.To == "" || k < rng.To)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) {
				k, v := draw("key"), draw("value")
				model[k] = v
				if err := kv.Put(ctx, k, []byte(v)); err != nil {
					r.Fatal(err)
				}
			},
			"delete": func(r *rapid.T) {
				k := draw("key")
				delete(model, k)
				if err := kv.Delete(ctx, k); err != nil {
					r.Fatal(err)
				}
			},
			"batch": func(r *rapid.T) {
				var b KVBatch
				gone, k := draw("gone"), draw("key")
				rng, in := spans()
				b.Put(gone, []byte("x"))
				b.Delete(gone)
				b.DeleteRange(rng)
				b.Put(k, []byte("y"))
				delete(model, gone)
				maps.DeleteFunc(model, func(k, _ string) bool { return in(k) })
				model[k] = "y"
				if err := kv.Apply(ctx, &b); err != nil {
					r.Fatal(err)
				}
			},
			"list": func(r *rapid.T) {
				rng, in := spans()
				rng.Limit, rng.Reverse = rapid.IntRange(0, 3).Draw(r, "limit"), rapid.Bool().Draw(r, "reverse")
				var want []string
				for _, k := range slices.Sorted(maps.Keys(model)) {
					if in(k) {
						want = append(want, k+"="+model[k])
					}
				}
				if rng.Reverse {
					slices.Reverse(want)
				}
				if rng.Limit > 0 && len(want) > rng.Limit {
					want = want[:rng.Limit]
				}
				var got []string
				for e, err := range kv.List(ctx, rng) {
					if err != nil {
						r.Fatal(err)
					}
					got = append(got, e.Key+"="+string(e.Value))
				}
				if !slices.Equal(got, want) {
					r.Fatalf("%+v: %q, want %q", rng, got, want)
				}
			},
			"get": func(r *rapid.T) {
				k := draw("key")
				v, ok, err := kv.Get(ctx, k)
				if want, has := model[k]; err != nil || ok != has || !bytes.Equal(v, []byte(want)) {
					r.Fatalf("Get(%q): %q, %v, %v", k, v, ok, err)
				}
			},
		})
	})
}
