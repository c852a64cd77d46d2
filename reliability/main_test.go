package reliability_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/internal/testlock"
)

func TestMain(m *testing.M) {
	defer testlock.Acquire()()
	goleak.VerifyTestMain(m)
}
