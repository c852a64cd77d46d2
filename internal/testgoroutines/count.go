// Package testgoroutines counts goroutines in tests.
package testgoroutines

import (
	"bytes"
	"runtime"
)

// Count returns how many goroutines there are. runtime.NumGoroutine does not
// stop the others to count them, and a goroutine that has just ended, which
// synctest.Wait no longer waits for, may be in its number.
func Count() int {
	for size := 1 << 18; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return bytes.Count(buf[:n], []byte("\n\ngoroutine ")) + 1
		}
	}
}
