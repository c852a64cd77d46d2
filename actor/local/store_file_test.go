package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if _, err := openBolt(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Error("a second host:", err)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if d, err = openBolt(dir); err != nil {
		t.Fatal("again:", err)
	}
	if err := d.update(func(tx txn) error { return tx.put(formatKey, []byte("rivet actors 2")) }); err != nil {
		t.Error(err)
	}
	_ = d.close()
	if _, err = openBolt(dir); err == nil || !strings.Contains(err.Error(), `is of format "rivet actors 2"`) || !strings.Contains(err.Error(), dir) {
		t.Error("another format:", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openBolt(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Error("a file where the folder should be:", err)
	}
}

// Whatever has become of the file, opening and reading it is no panic.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	d, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		err := d.update(func(tx txn) error {
			return tx.put(fmt.Appendf(nil, "d%d", i), make([]byte, 10000))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = d.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	try := func(name string, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openBolt(dir)
		if err == nil {
			err = d.view(func(tx txn) error {
				tx.scan(nil, []byte{0xff}, false, func(k, v []byte) bool { return len(v) >= 0 })
				tx.scan(nil, []byte{0xff}, true, func(k, v []byte) bool { return len(v) >= 0 })
				return nil
			})
			_ = d.close()
		}
		if err != nil {
			failed++
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, n := range []int{1, 100, 4096, 3 * 4096, 5 * 4096, len(whole) / 2, len(whole) - 4096} {
		try(fmt.Sprintf("cut at %d", n), whole[:n])
	}
	if failed == 0 {
		t.Error("a file that is cut is no error")
	}
	failed = 0
	for at := 0; at < len(whole); at += 9 * 4096 {
		data := slices.Clone(whole)
		for i := range 64 {
			data[at+i] = 0xa5
		}
		try(fmt.Sprintf("page %d", at/4096), data)
	}
	if failed == 0 {
		t.Error("a file that was written over is no error")
	}
}
