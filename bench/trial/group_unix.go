//go:build unix

package trial

import (
	"os"
	"os/exec"
	"syscall"
)

// lead has a command lead a process group of its own, with all that it starts.
func lead(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends what is left of the group that a process leads or led.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// abort ends a Go program such that it prints its stacks.
func abort(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }
