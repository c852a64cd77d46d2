//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package testlock

import (
	"os"
	"syscall"
)

// lock waits for the file's lock, which ends with the file descriptor.
func lock(file *os.File) {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return
		}
	}
}
