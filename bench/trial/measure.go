package trial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// Profiles are folders for what the runtime can tell of the measured part of a
// case; "" is none.
type Profiles struct{ CPU, Memory, Trace string }

// Measured is the measured part of a trial; see Trial.Begin.
type Measured struct {
	t     *Trial
	began time.Time
	cpu   time.Duration
	mem   runtime.MemStats
	stop  []func() error
}

// Begin begins the measured part: all is set up, and warm. The collector has run.
func (t *Trial) Begin() (*Measured, error) {
	m := &Measured{t: t}
	if err := m.profile(); err != nil {
		return nil, errors.Join(err, m.halt())
	}
	runtime.GC()
	runtime.ReadMemStats(&m.mem)
	m.cpu, m.began = CPU(), time.Now()
	return m, nil
}

// End ends the measured part, in which ops operations were done, and reports
// what one of them took: time, processor time of this process, and allocations,
// which are those of all goroutines of the process.
func (m *Measured) End(ops int) error {
	wall, cpu := time.Since(m.began), CPU()-m.cpu
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	if ops <= 0 {
		return errors.Join(fmt.Errorf("nothing was done in %v", wall), m.halt())
	}
	per := 1 / float64(ops)
	m.t.Report(WallPerOp, float64(wall)*per)
	m.t.Report(CPUPerOp, float64(cpu)*per)
	m.t.Report(OpsPerSec, float64(ops)/wall.Seconds())
	m.t.Report(AllocsPerOp, float64(mem.Mallocs-m.mem.Mallocs)*per)
	m.t.Report(BytesPerOp, float64(mem.TotalAlloc-m.mem.TotalAlloc)*per)
	return m.halt()
}

// profile starts what was asked for.
func (m *Measured) profile() error {
	p := m.t.profiles
	if p.CPU != "" {
		f, err := m.file(p.CPU, "cpu.pprof")
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			return fmt.Errorf("profile of the processor: %w", err)
		}
		m.stop = append(m.stop, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	if p.Trace != "" {
		f, err := m.file(p.Trace, "trace")
		if err == nil {
			err = trace.Start(f)
		}
		if err != nil {
			return fmt.Errorf("trace: %w", err)
		}
		m.stop = append(m.stop, func() error { trace.Stop(); return f.Close() })
	}
	if p.Memory != "" {
		f, err := m.file(p.Memory, "mem.pprof")
		if err != nil {
			return fmt.Errorf("profile of the memory: %w", err)
		}
		m.stop = append(m.stop, func() error { return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close()) })
	}
	return nil
}

// halt ends the profiles.
func (m *Measured) halt() (err error) {
	for _, stop := range m.stop {
		err = errors.Join(err, stop())
	}
	m.stop = nil
	return err
}

func (m *Measured) file(dir, kind string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.Create(filepath.Join(dir, m.t.name+"."+kind))
}

// Memory is what the heap and the stacks of this process have in use after a
// collection.
func Memory() uint64 {
	// Twice: what finalizers and pools hold is gone after the second.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
