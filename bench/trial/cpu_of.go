package trial

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor times in /proc, which is the same on all Linux
// systems that Go runs on.
const tick = 10 * time.Millisecond

// CPUOf is the processor time that other processes have used so far, with all
// their threads but not their children, to a hundredth of a second. It is known
// on Linux only; elsewhere it is an error.
func CPUOf(pids ...int) (total time.Duration, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("processor time of a process: %w", err)
		}
		// The name, in parentheses, may have spaces; the third field is behind it.
		rest := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(rest) < 13 {
			return 0, fmt.Errorf("processor time of a process: /proc/%d/stat is %q", pid, text)
		}
		for _, field := range rest[11:13] { // utime, stime
			n, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("processor time of a process: /proc/%d/stat: %w", pid, err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total, nil
}

// ResidentOf is the memory that other processes have in use, in bytes. It is known
// on Linux only; elsewhere it is an error.
func ResidentOf(pids ...int) (total int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, fmt.Errorf("memory of a process: %w", err)
		}
		fields := bytes.Fields(text)
		if len(fields) < 2 {
			return 0, fmt.Errorf("memory of a process: /proc/%d/statm is %q", pid, text)
		}
		pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memory of a process: /proc/%d/statm: %w", pid, err)
		}
		total += pages * int64(os.Getpagesize())
	}
	return total, nil
}
