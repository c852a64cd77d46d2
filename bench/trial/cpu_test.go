//go:build linux

package trial_test

import (
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

func TestCPU(t *testing.T) {
	own := func() time.Duration {
		used, err := trial.CPUOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return used
	}
	began, other := trial.CPU(), own()
	for x := 1.0; trial.CPU()-began < 100*time.Millisecond; { // or the test hangs
		x = math.Sqrt(x + 1)
	}
	// The kernel's ticks are of 10 ms, and round.
	if used := own() - other; used < 80*time.Millisecond || used > time.Second {
		t.Errorf("seen from outside, 100 ms are %v", used)
	}
	twice, err := trial.CPUOf(os.Getpid(), os.Getpid())
	if once := own(); err != nil || twice < 2*other || twice > 2*once {
		t.Errorf("two processes have used %v, %v; one has used %v", twice, err, once)
	}
}

func TestMemory(t *testing.T) {
	before := trial.Memory()
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	after := trial.Memory()
	resident, err := trial.ResidentOf(os.Getpid())
	runtime.KeepAlive(block)
	if grown := after - before; after < before || grown < 60<<20 || grown > 70<<20 {
		t.Errorf("64 MiB are %d B", int64(grown))
	}
	if err != nil || resident < int64(len(block)) {
		t.Errorf("%d B are resident, %v, with 64 MiB in use", resident, err)
	}
	if trial.Memory() > after-(60<<20) {
		t.Error("memory that is not used any more is counted")
	}
}

func TestProcessesThatAreNot(t *testing.T) {
	const none = 1 << 30
	if used, err := trial.CPUOf(os.Getpid(), none); err == nil {
		t.Errorf("it has used %v", used)
	}
	if resident, err := trial.ResidentOf(none); err == nil {
		t.Errorf("it has %d B", resident)
	}
}
