package actor

import (
	"context"
	"fmt"
	"iter"
)

// MaxKVKey is how long a key of a KV may be, in bytes.
const MaxKVKey = MaxKey - 1

// KV keeps values under keys, for this actor alone, on disk. Keys are any
// bytes, and in the order of their bytes.
//
// What a method has written is on disk when it returns without an error, and
// every read that begins then sees it. When its ctx ends before, it returns
// the context's cause, and the write may be done all the same. Too large keys,
// values and batches are a *LimitError, and nothing is written.
//
// KV knows nothing of turns: it is safe for concurrent use, in every handler
// and outside of them, until the actor stops; then writes fail with
// ErrLeaseEnded. It is not saved together with the state.
type KV struct {
	store   Store
	journal *journal
}

// LimitError is what does not fit into the store. Nothing of it was stored. A
// client whose action fails with that of a KV's key or value is told so, as
// RivetKit does, with kv.key_too_large and kv.value_too_large.
type LimitError struct {
	What  string // such as "key" or "value"
	Size  int    // in bytes, or changes for a batch with too many
	Limit int
	Unit  string // "bytes" or "changes"

	reply *reply // what a client is told, nil for what is none of its business
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("actor: a %s of %d %s is over the limit of %d", e.What, e.Size, e.Unit, e.Limit)
}

// Unwrap returns what a client is told, a *rivet.Error inside.
func (e *LimitError) Unwrap() error {
	if e.reply == nil {
		return nil
	}
	return e.reply
}

func tooLong(what string, size, limit int) error {
	if size <= limit {
		return nil
	}
	return &LimitError{What: what, Size: size, Limit: limit, Unit: "bytes"}
}

// tooLongForKV is tooLong for a key or value of a KV.
func tooLongForKV(what string, size, limit int) error {
	if size <= limit {
		return nil
	}
	told := fault("kv", what+"_too_large", fmt.Sprintf("KV %s too large (%d bytes). Limit is %d bytes.", what, size, limit),
		map[string]int{"size": size, "limit": limit})
	return &LimitError{What: what, Size: size, Limit: limit, Unit: "bytes", reply: told}
}

func kvKey(key string) ([]byte, error) {
	if err := tooLongForKV("key", len(key), MaxKVKey); err != nil {
		return nil, err
	}
	return append(append(make([]byte, 0, 1+len(key)), keyUser), key...), nil
}

// Get returns the value of key, which belongs to the caller, and whether there
// is one; an empty value is one.
func (kv *KV) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	k, err := kvKey(key)
	if err != nil {
		return nil, false, err
	}
	values, err := kv.store.Get(ctx, k)
	if err != nil {
		return nil, false, fmt.Errorf("actor: kv: %w", err)
	}
	return values[0], values[0] != nil, nil
}

// GetMany returns the values of those keys that there are. More than MaxBatch
// keys are read in several steps, between which values may change.
func (kv *KV) GetMany(ctx context.Context, keys ...string) (map[string][]byte, error) {
	found := make(map[string][]byte, len(keys))
	for len(keys) > 0 {
		some := keys[:min(len(keys), MaxBatch)]
		keys = keys[len(some):]
		raw := make([][]byte, len(some))
		for i, key := range some {
			var err error
			if raw[i], err = kvKey(key); err != nil {
				return nil, err
			}
		}
		values, err := kv.store.Get(ctx, raw...)
		if err != nil {
			return nil, fmt.Errorf("actor: kv: %w", err)
		}
		for i, v := range values {
			if v != nil {
				found[some[i]] = v
			}
		}
	}
	return found, nil
}

// Put sets the value of key. It does not keep value.
func (kv *KV) Put(ctx context.Context, key string, value []byte) error {
	var b KVBatch
	b.Put(key, value)
	return kv.Apply(ctx, &b)
}

// Delete takes keys away, all at once. Those that are not there are no error.
func (kv *KV) Delete(ctx context.Context, keys ...string) error {
	var b KVBatch
	for _, key := range keys {
		b.Delete(key)
	}
	return kv.Apply(ctx, &b)
}

// DeleteRange takes all keys of a range away at once; Limit and Reverse have no
// meaning here and are an error.
func (kv *KV) DeleteRange(ctx context.Context, r KVRange) error {
	var b KVBatch
	b.DeleteRange(r)
	return kv.Apply(ctx, &b)
}

// KVEntry is a key with its value.
type KVEntry struct {
	Key   string
	Value []byte
}

// KVRange is a range of keys; the zero KVRange is all of them. Conditions that
// are set hold together.
type KVRange struct {
	Prefix string // keys that begin with it
	From   string // keys that are not before it
	To     string // keys before it; empty has no bound
	// Limit is how many entries List yields, zero or less for all.
	Limit int
	// Reverse lets List begin with the last key.
	Reverse bool
}

// bounds are the keys in the store that r spans; empty when it spans none.
func (r KVRange) bounds() (from, to []byte, empty bool, err error) {
	for _, key := range []string{r.Prefix, r.From, r.To} {
		if err := tooLongForKV("key", len(key), MaxKVKey); err != nil {
			return nil, nil, false, err
		}
	}
	space := string(byte(keyUser))
	low, high := space+max(r.Prefix, r.From), after(space+r.Prefix)
	if r.To != "" {
		high = min(high, space+r.To)
	}
	return []byte(low), []byte(high), low >= high, nil
}

// after returns the first key behind all keys that begin with prefix, which
// begins with a byte below 255.
func after(prefix string) string {
	last := len(prefix) - 1
	for prefix[last] == 0xff {
		last--
	}
	return prefix[:last] + string([]byte{prefix[last] + 1})
}

// List yields the entries of a range in the order of their keys. Keys that
// change during the loop may be seen either way; the loop body may write. An
// error is the last step.
func (kv *KV) List(ctx context.Context, r KVRange) iter.Seq2[KVEntry, error] {
	return func(yield func(KVEntry, error) bool) {
		from, to, empty, err := r.bounds()
		switch {
		case err != nil:
			yield(KVEntry{}, err)
			return
		case empty:
			return
		}
		for e, err := range kv.store.List(ctx, from, to, max(r.Limit, 0), r.Reverse) {
			if err != nil {
				yield(KVEntry{}, fmt.Errorf("actor: kv: %w", err))
				return
			}
			if !yield(KVEntry{string(e.Key[1:]), e.Value}, nil) {
				return
			}
		}
	}
}

// KVBatch is a list of changes for KV.Apply. The zero KVBatch has none. It is
// not safe for concurrent use.
type KVBatch struct {
	changes Batch
	err     error
}

// Put sets the value of key, which it copies.
func (b *KVBatch) Put(key string, value []byte) {
	k, err := kvKey(key)
	if err == nil {
		err = tooLongForKV("value", len(value), MaxValue)
	}
	// An empty value is one, where Change understands nil as none.
	b.add(Change{Key: k, Value: append([]byte{}, value...)}, err)
}

// Delete takes a key away.
func (b *KVBatch) Delete(key string) {
	k, err := kvKey(key)
	b.add(Change{Key: k}, err)
}

// DeleteRange takes all keys of a range away that are there then. Limit and
// Reverse have no meaning here and are an error of Apply.
func (b *KVBatch) DeleteRange(r KVRange) {
	from, to, empty, err := r.bounds()
	if err == nil && (r.Limit != 0 || r.Reverse) {
		err = fmt.Errorf("actor: kv: a range to delete has no Limit and no Reverse")
	}
	if err != nil || !empty {
		b.add(Change{Key: from, To: to}, err)
	}
}

func (b *KVBatch) add(c Change, err error) {
	if b.err == nil {
		b.err = err
	}
	b.changes = append(b.changes, c)
}

// Len is how many changes there are.
func (b *KVBatch) Len() int { return len(b.changes) }

// Apply makes the changes of a batch one after the other, and all of them or
// none. Batches have limits: MaxBatch changes and MaxBatchBytes.
func (kv *KV) Apply(ctx context.Context, b *KVBatch) error {
	if b.err != nil {
		return b.err
	}
	if err := tooLong("batch", b.changes.size(), MaxBatchBytes); err != nil {
		return err
	}
	switch n := len(b.changes); {
	case n == 0:
		return nil
	case n > MaxBatch:
		return &LimitError{What: "batch", Size: n, Limit: MaxBatch, Unit: "changes"}
	}
	// The journal may look at the batch after this call, if ctx ends.
	if err := kv.journal.add(append(Batch(nil), b.changes...)).wait(ctx); err != nil {
		return fmt.Errorf("actor: kv: %w", err)
	}
	return nil
}
