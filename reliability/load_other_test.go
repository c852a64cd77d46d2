//go:build !unix

package reliability_test

import "testing"

// maxFiles is how many files and sockets may be open.
func maxFiles(*testing.T) int { return 1 << 20 }
