// Package testlock keeps the test packages that load a whole machine from
// running side by side, as go test runs packages: each would see the other as
// a slow server. Only tests import it.
package testlock

import (
	"os"
	"path/filepath"
)

// held is set for the processes that the holder of the lock starts.
const held = "RIVET_TESTLOCK_HELD"

// Acquire waits until no other process of this user holds the lock and takes
// it until release is called or the process ends. It returns at once in a
// process that the holder has started, where the system has no such locks, and
// when the file cannot be made.
func Acquire() (release func()) {
	if os.Getenv(held) != "" {
		return func() {}
	}
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "rivet-go-heavy-tests.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}
	}
	lock(file)
	_ = os.Setenv(held, "1")
	return func() { _ = file.Close() }
}
