package report

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Machine is what the figures depend on, as far as it is known.
type Machine struct {
	System string `json:"system"`
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	Memory uint64 `json:"memoryBytes,omitempty"`
	Go     string `json:"go"`
	Node   string `json:"node,omitempty"`
	// Versions are those of the others in the contest.
	Versions map[string]string `json:"versions"`
	// Load is the load average of the last minute, before the run and after it.
	Load [2]string `json:"load"`
}

// contest are the modules that others take part in the contest with, or that they
// are made of.
var contest = []string{
	"github.com/centrifugal/centrifuge",
	"github.com/centrifugal/centrifuge-go",
	"github.com/coder/websocket",
	"github.com/fxamacker/cbor/v2",
	"github.com/gobwas/ws",
	"github.com/lxzan/gws",
	"github.com/nats-io/nats-server/v2",
	"github.com/nats-io/nats.go",
}

// Describe describes this machine. It is called before the run; what Load is
// afterwards is for the caller to add.
func Describe() Machine {
	m := Machine{
		System: runtime.GOOS + "/" + runtime.GOARCH, Kernel: release(read("/proc/sys/kernel/osrelease")),
		CPU: field(read("/proc/cpuinfo"), "model name"), Cores: runtime.NumCPU(),
		Go: runtime.Version(), Versions: make(map[string]string), Load: [2]string{Load()},
	}
	kib, _, _ := strings.Cut(field(read("/proc/meminfo"), "MemTotal"), " ")
	if n, err := strconv.ParseUint(kib, 10, 53); err == nil {
		m.Memory = n << 10
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if slices.Contains(contest, dep.Path) {
				m.Versions[dep.Path] = dep.Version
			}
		}
	}
	return m
}

// Load is the load average of the last minute; "" where it is not known.
func Load() string {
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	return load
}

// read reads a file of Linux; elsewhere there is none.
func read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// field is the value of the first line "name : value".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// write writes a table.
func (m *Machine) write(w io.Writer) {
	table := [][]string{{"", ""}}
	add := func(what, value string) {
		if value != "" {
			table = append(table, []string{what, value})
		}
	}
	add("processor", strings.TrimPrefix(fmt.Sprintf("%s, %s", m.CPU, counted(m.Cores, "core")), ", "))
	if m.Memory > 0 {
		add("memory", format("B", float64(m.Memory)))
	}
	add("system", strings.TrimSpace(m.System+" "+m.Kernel))
	add("Go", m.Go)
	add("Node", m.Node)
	for _, module := range slices.Sorted(maps.Keys(m.Versions)) {
		add(module, m.Versions[module])
	}
	if m.Load[0] != "" {
		add("load average, before and after", m.Load[0]+", "+m.Load[1])
	}
	writeTable(w, table, false)
}

// release is the version of a kernel without what its builder has put behind.
func release(s string) string {
	version, _, _ := strings.Cut(strings.TrimSpace(s), "-")
	return version
}
