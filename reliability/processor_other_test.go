//go:build !unix

package reliability_test

import (
	"testing"
	"time"
)

// processorTime has no way to ask on this system.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	t.Skip("processor time is measured on Unix systems only")
	return 0
}
