package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

const module = "github.com/rivet-go/rivet"

// checked runs f and then makes sure that it left no goroutine behind.
func checked(f func() error) error {
	before := runtime.NumGoroutine()
	err := f()
	// Close has waited for the library's own goroutines; those of net/http
	// that served it need a moment to see that their connections are closed.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	after, left := runtime.NumGoroutine(), ofLibrary()
	say("goroutines: %d before the client was made, %d after it was closed, %d in the library's code", before, after, len(left))
	if len(left) > 0 || after > before {
		err = errors.Join(err, fmt.Errorf("%d goroutines are left:\n%s", after-before, strings.Join(stacks(), "\n\n")))
	}
	return err
}

// ofLibrary returns the stacks that are in the library's code, or were started
// by it.
func ofLibrary() (found []string) {
	for _, stack := range stacks() {
		for line := range strings.Lines(stack) {
			line = strings.TrimPrefix(line, "created by ")
			if strings.HasPrefix(line, module) && !strings.HasPrefix(line, module+"/interop/") {
				found = append(found, stack)
				break
			}
		}
	}
	return found
}

func stacks() []string {
	buf := make([]byte, 4<<20)
	return strings.Split(strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])), "\n\n")
}
