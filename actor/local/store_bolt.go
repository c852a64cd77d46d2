package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// fileName is the file that an actor folder holds.
const fileName = "actors.db"

// lockWait is how long opening waits for another process to let the file go.
const lockWait = time.Second

// format is what the first entry of the file says.
const format = "rivet actors 1"

// ErrInUse is what Dir fails with when another host has the folder, in this
// process or in another one.
var ErrInUse = errors.New("local: the folder is in use by another host")

// ErrDamaged is in the tree of errors that tell of a file that has not what it
// should have. They name the file.
var ErrDamaged = errors.New("damaged")

// bolt is a disk in a file.
type bolt struct{ db *bbolt.DB }

var (
	bucket    = []byte("rivet")
	formatKey = []byte{tableFormat}
)

// openBolt opens the file in a folder, and makes both if need be.
func openBolt(dir string) (d *bolt, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	path := filepath.Join(dir, fileName)
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	db, err := openFile(path)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	case err != nil:
		return nil, fmt.Errorf("local: %s: %w", path, err)
	}
	d = &bolt{db}
	err = d.update(checkFormat)
	if err == nil && fresh {
		err = syncFolder(dir)
	}
	if err != nil && !errors.Is(err, errNothing) {
		_ = d.close()
		return nil, err
	}
	return d, nil
}

func openFile(path string) (db *bbolt.DB, err error) {
	var file *os.File
	defer func() {
		if db == nil && file != nil {
			_ = file.Close() // and with it the lock, after a panic
		}
	}()
	defer damaged(&err)()
	return bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockWait,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			file = f
			return f, err
		},
	})
}

// checkFormat refuses what another version has written.
func checkFormat(tx txn) error {
	switch found := tx.get(formatKey); {
	case found == nil:
		return tx.put(formatKey, []byte(format))
	case string(found) != format:
		return fmt.Errorf("is of format %.40q, and this version reads %q", found, format)
	}
	return errNothing
}

// syncFolder makes the name of a new file durable, where that can be told to
// the system.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// damaged makes an error of a panic of bbolt, which trusts what is in the file,
// and of a fault, as the file may be shorter than it says:
//
//	defer damaged(&err)()
func damaged(err *error) func() {
	faults := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(faults)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}
}

func (d *bolt) name() string { return d.db.Path() }

func (d *bolt) close() error { return d.db.Close() }

func (d *bolt) view(f func(tx txn) error) error {
	return d.named(func() (err error) {
		defer damaged(&err)()
		return d.db.View(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucket)
			if b == nil {
				return fmt.Errorf("%w: there are no actors", ErrDamaged)
			}
			return f(boltTxn{b})
		})
	})
}

func (d *bolt) update(f func(tx txn) error) error {
	return d.named(func() (err error) {
		defer damaged(&err)()
		return d.db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			return f(boltTxn{b})
		})
	})
}

func (d *bolt) named(f func() error) error {
	err := f()
	if err != nil && !errors.Is(err, errNothing) {
		err = fmt.Errorf("local: %s: %w", d.name(), err)
	}
	return err
}

type boltTxn struct{ b *bbolt.Bucket }

func (t boltTxn) get(key []byte) []byte       { return t.b.Get(key) }
func (t boltTxn) put(key, value []byte) error { return t.b.Put(key, value) }
func (t boltTxn) remove(key []byte) error     { return t.b.Delete(key) }

func (t boltTxn) removeRange(from, to []byte) error {
	c := t.b.Cursor()
	// After a removal the cursor's place is not certain.
	for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, _ = c.Seek(from) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func (t boltTxn) scan(from, to []byte, reverse bool, f func(key, value []byte) bool) {
	c := t.b.Cursor()
	if reverse {
		before := c.Prev
		if k, _ := c.Seek(to); k == nil {
			before = c.Last
		}
		for k, v := before(); k != nil && bytes.Compare(k, from) >= 0 && f(k, v); k, v = c.Prev() {
		}
		return
	}
	for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0 && f(k, v); k, v = c.Next() {
	}
}
