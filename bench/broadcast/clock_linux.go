package broadcast

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// clock reads, in ns, the clock that all processes of a machine share, and that
// nobody sets.
func clock() (uint64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0, fmt.Errorf("clock: %w", err)
	}
	return uint64(t.Nano()), nil
}
