package local

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// The tables of the store, by the first byte of their keys.
const (
	tableAlarm  = 'a' // id: when, in Unix milliseconds
	tableData   = 'd' // id, the actor's own key: its value
	tableFormat = 'f'
	tableGone   = 'g' // when it was destroyed, id: nothing
	tableInput  = 'i' // id: what its creator gave
	tableKey    = 'k' // name, serialized key: id
	tableList   = 'l' // name, when it was created, id: nothing
	tableRecord = 'r' // id: record
)

// Limits of what creators say, in bytes. That of keys is the engine's.
const (
	maxName   = 1024
	maxKey    = 1024
	maxDetail = 1024 // pool, region, crash policy
)

// maxGone is how many destroyed actors are remembered. It is of no use to their
// creators, but tells them from those that never were.
const maxGone = 1000

// takenError says that the key of an actor to create has one already.
type takenError struct {
	Existing string // the actor's id
}

func (e *takenError) Error() string { return "local: the key is taken by actor " + e.Existing }

// errCursor is what list returns for a cursor that no list has returned.
var errCursor = errors.New("local: bad cursor")

// directory is the part of the store that knows which actors there are.
type directory struct {
	store *store
	gone  int // how many are remembered; the store's changes alone use it
	// recount says that gone may be wrong, as a change was not made after all.
	recount atomic.Bool
}

func openDirectory(s *store) (*directory, error) {
	d := &directory{store: s}
	err := s.view(func(tx txn) error { d.count(tx); return nil })
	return d, err
}

func (d *directory) count(tx txn) {
	d.gone = 0
	tx.scan(table(tableGone), tableEnd(tableGone), false, func(_, _ []byte) bool { d.gone++; return true })
}

// getOrCreate returns the actor with that name and key, which it creates when
// there is none. That is durable when it returns.
func (d *directory) getOrCreate(ctx context.Context, s spec) (rec record, created bool, err error) {
	if err := s.check(); err != nil {
		return record{}, false, err
	}
	if rec, ok, err := d.find(ctx, s.Name, s.Key); ok || err != nil {
		return rec, false, err
	}
	id := newID()
	var kept record
	err = d.store.update(ctx, func(tx txn) error {
		var err error
		kept, err = s.insert(tx, id)
		if taken := (*takenError)(nil); errors.As(err, &taken) {
			kept, err = readRecord(tx, []byte(taken.Existing))
		}
		return err
	})
	if err != nil {
		return record{}, false, err // kept may be in use
	}
	return kept, kept.ID == id, nil
}

// create returns a new actor, or a *takenError.
func (d *directory) create(ctx context.Context, s spec) (record, error) {
	if err := s.check(); err != nil {
		return record{}, err
	}
	var kept record
	err := d.store.update(ctx, func(tx txn) (err error) {
		kept, err = s.insert(tx, newID())
		return err
	})
	if err != nil {
		return record{}, err
	}
	return kept, nil
}

func (s *spec) check() error {
	switch {
	case s.Name == "":
		return refusal("api", "bad_request", "The actor's name is empty.")
	case len(s.Name) > maxName, len(s.Region) > maxDetail, len(s.Pool) > maxDetail, len(s.CrashPolicy) > maxDetail:
		return refusal("api", "bad_request", "The actor's name, region, pool or crash policy is too long.")
	case !utf8.ValidString(s.Name), slices.ContainsFunc(s.Key, func(part string) bool { return !utf8.ValidString(part) }):
		return refusal("api", "bad_request", "The actor's name or key is not valid UTF-8.")
	case len(s.Key.String()) > maxKey:
		return refusal("actor", "key_too_large", fmt.Sprintf("The actor's key is longer than %d bytes.", maxKey))
	}
	return nil
}

// insert makes the actor under an id that is new.
func (s *spec) insert(tx txn, id string) (record, error) {
	name := keyEntry(s.Name, s.Key)
	if old := tx.get(name); old != nil && !s.Keyless {
		return record{}, &takenError{Existing: string(old)}
	}
	rec := record{
		ID: id, Name: s.Name, Key: slices.Clone(s.Key), Keyless: s.Keyless,
		Region: s.Region, Pool: s.Pool, CrashPolicy: s.CrashPolicy,
		CreatedAt: fromMillis(millis(time.Now())),
	}
	for member, fallback := range map[*string]string{&rec.Region: "default", &rec.Pool: "default", &rec.CrashPolicy: "sleep"} {
		if *member == "" {
			*member = fallback
		}
	}
	if len(s.Input) > 0 {
		if err := tx.put(table(tableInput, id), s.Input); err != nil {
			return record{}, err
		}
	}
	if !s.Keyless {
		if err := tx.put(name, []byte(id)); err != nil {
			return record{}, err
		}
	}
	return rec, errors.Join(rec.save(tx), tx.put(listEntry(&rec), nil))
}

// find returns the actor with that name and key.
func (d *directory) find(ctx context.Context, name string, key rivet.Key) (rec record, ok bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return record{}, false, err
	}
	if len(name) > maxName {
		return record{}, false, nil
	}
	entry := keyEntry(name, key)
	if len(entry) > 3+maxName+maxKey {
		return record{}, false, nil
	}
	err = d.store.view(func(tx txn) (err error) {
		if id := tx.get(entry); id != nil {
			ok = true
			rec, err = readRecord(tx, id)
		}
		return err
	})
	return rec, ok && err == nil, err
}

// byID returns the actor with that id, which may have been destroyed: of those
// the last maxGone are known.
func (d *directory) byID(ctx context.Context, id string) (rec record, ok bool, err error) {
	if err := context.Cause(ctx); err != nil || !isID(id) {
		return record{}, false, err
	}
	err = d.store.view(func(tx txn) (err error) {
		if data := tx.get(table(tableRecord, id)); data != nil {
			ok = true
			rec, err = decodeRecord(id, data)
		}
		return err
	})
	return rec, ok && err == nil, err
}

func readRecord(tx txn, id []byte) (record, error) {
	data := tx.get(table(tableRecord, string(id)))
	if data == nil {
		return record{}, fmt.Errorf("%w: the record of actor %.40q is missing", ErrDamaged, id)
	}
	return decodeRecord(string(id), data)
}

// maxList is how many actors list reads at once.
const maxList = 1000

// list returns up to limit actors of that name that are not destroyed, the
// newest first, and the cursor for the rest, empty at the end. The cursor for
// the beginning is empty. It returns maxList at most, and one at least if there
// is one.
func (d *directory) list(ctx context.Context, name, cursor string, limit int) (recs []record, next string, err error) {
	if err := context.Cause(ctx); err != nil || len(name) > maxName {
		return nil, "", err
	}
	limit = max(1, min(limit, maxList))
	from := nameEntry(tableList, name)
	to := successor(from)
	if cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || len(last) != 8+idLen {
			return nil, "", errCursor
		}
		to = append(slices.Clone(from), last...)
	}
	err = d.store.view(func(tx txn) (err error) {
		var last []byte
		tx.scan(from, to, true, func(k, _ []byte) bool {
			if len(recs) == limit {
				next = base64.RawURLEncoding.EncodeToString(last)
				return false
			}
			last = k[len(from):]
			var rec record
			if rec, err = readRecord(tx, last[min(8, len(last)):]); err != nil {
				return false
			}
			recs = append(recs, rec)
			return true
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return recs, next, nil
}

// names returns the names under which there are actors, sorted.
func (d *directory) names(ctx context.Context) ([]string, error) {
	var names []string
	from, end := table(tableList), tableEnd(tableList)
	for more := true; more; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		more = false
		err := d.store.view(func(tx txn) error {
			var err error
			tx.scan(from, end, false, func(k, _ []byte) bool {
				n := 0
				if len(k) >= 3 {
					n = int(binary.BigEndian.Uint16(k[1:]))
				}
				if n == 0 || len(k) < 3+n {
					err = fmt.Errorf("%w: the table of names", ErrDamaged)
					return false
				}
				names, from, more = append(names, string(k[3:3+n])), successor(k[:3+n]), true
				return false
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

// save stores what has changed of a record. It belongs into a change.
func (r *record) save(tx txn) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	return tx.put(table(tableRecord, r.ID), data)
}

// remove takes away what an actor had, and remembers that it was. It is durable
// when remove returns.
func (d *directory) remove(ctx context.Context, id string) error {
	err := d.store.update(ctx, func(tx txn) error { return d.bury(tx, id) })
	if err != nil {
		d.recount.Store(true)
	}
	return err
}

func (d *directory) bury(tx txn, id string) error {
	if d.recount.Swap(false) {
		d.count(tx)
	}
	rec, err := readRecord(tx, []byte(id))
	if err != nil || !rec.DestroyedAt.IsZero() {
		return err
	}
	rec.DestroyedAt = time.Now()
	if !rec.Keyless {
		if err := tx.remove(keyEntry(rec.Name, rec.Key)); err != nil {
			return err
		}
	}
	data := table(tableData, rec.ID)
	err = errors.Join(
		tx.removeRange(data, successor(data)),
		tx.remove(table(tableAlarm, rec.ID)),
		tx.remove(table(tableInput, rec.ID)),
		tx.remove(listEntry(&rec)),
		rec.save(tx),
		tx.put(goneEntry(&rec), nil))
	if err != nil {
		return err
	}
	if d.gone++; d.gone <= maxGone {
		return nil
	}
	var oldest []byte
	tx.scan(table(tableGone), tableEnd(tableGone), false, func(k, _ []byte) bool {
		oldest = slices.Clone(k)
		return false
	})
	if len(oldest) != 1+8+idLen {
		return fmt.Errorf("%w: the table of destroyed actors", ErrDamaged)
	}
	d.gone--
	return errors.Join(tx.remove(oldest), tx.remove(table(tableRecord, string(oldest[9:]))))
}

func table(t byte, id ...string) []byte {
	k := []byte{t}
	for _, s := range id {
		k = append(k, s...)
	}
	return k
}

func tableEnd(t byte) []byte { return []byte{t + 1} }

// successor is the first key behind all that begin with prefix, which does not
// consist of 0xff alone.
func successor(prefix []byte) []byte {
	k := slices.Clone(prefix)
	for k[len(k)-1] == 0xff {
		k = k[:len(k)-1]
	}
	k[len(k)-1]++
	return k
}

func nameEntry(t byte, name string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{t}, uint16(len(name))), name...)
}

func keyEntry(name string, key rivet.Key) []byte {
	return append(nameEntry(tableKey, name), key.String()...)
}

func listEntry(r *record) []byte {
	k := binary.BigEndian.AppendUint64(nameEntry(tableList, r.Name), uint64(millis(r.CreatedAt)))
	return append(k, r.ID...)
}

func goneEntry(r *record) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{tableGone}, uint64(millis(r.DestroyedAt))), r.ID...)
}

// idLen is the length of an actor's id, which is that of the engine's.
const idLen = 30

const idDigits = "0123456789abcdefghijklmnopqrstuvwxyz"

// newID returns an id that nobody can guess.
func newID() string {
	id := make([]byte, 0, idLen)
	for len(id) < idLen {
		var random [2 * idLen]byte
		_, _ = rand.Read(random[:]) // it never fails
		for _, b := range random {
			// The last digits would be rarer than the others.
			if b < 256/36*36 && len(id) < idLen {
				id = append(id, idDigits[b%36])
			}
		}
	}
	return string(id)
}

func isID(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(s) == idLen
}

func refusal(group, code, message string) *codec.Error {
	return &codec.Error{Group: group, Code: code, Message: message, HTTPStatus: 400}
}
