// Package report turns what a run came to into a Markdown page with tables, plots
// beside it, and the samples, of which the page can be made again.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// Files of a report, beside its plots.
const (
	pageFile    = "README.md"
	samplesFile = "samples.json"
)

// Report is a run and the circumstances of it.
type Report struct {
	// Date is the day, and Command what was typed.
	Date    string `json:"date"`
	Command string `json:"command"`
	// Rounds is how often each case was run, and Time how long at a time.
	Rounds  int           `json:"rounds"`
	Time    time.Duration `json:"timeNanoseconds"`
	Machine Machine       `json:"machine"`
	Record  trial.Record  `json:"record"`
}

// Write writes the report into a folder: the page, a plot for each group that
// suites want drawn, and the samples. What it writes depends on its arguments alone.
func (r *Report) Write(dir string, suites []trial.Suite) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	files, err := r.files(suites)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// file is one of a report.
type file struct {
	name    string
	content []byte
}

func (r *Report) files(suites []trial.Suite) ([]file, error) {
	drawings, err := paint(suites, r.Record.Samples)
	if err != nil {
		return nil, err
	}
	samples, err := r.encode()
	if err != nil {
		return nil, err
	}
	files := []file{{samplesFile, samples}}
	for _, d := range drawings {
		files = append(files, file{d.file, d.svg})
	}
	var page bytes.Buffer
	r.page(&page, suites, drawings)
	return append(files, file{pageFile, page.Bytes()}), nil
}

// Print writes the page to w, without plots.
func (r *Report) Print(w io.Writer, suites []trial.Suite) error {
	var page bytes.Buffer
	r.page(&page, suites, nil)
	_, err := page.WriteTo(w)
	return err
}

// Read reads the report that is in a folder. Without one the error wraps
// fs.ErrNotExist.
func Read(dir string) (*Report, error) {
	text, err := os.ReadFile(filepath.Join(dir, samplesFile))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("report: %s: %w", samplesFile, err)
	}
	return r, nil
}

// encode is the report as JSON, with a line for each sample, so that two can be
// compared.
func (r *Report) encode() ([]byte, error) {
	head := *r
	head.Record.Samples = []trial.Sample{}
	text, err := json.MarshalIndent(head, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var lines bytes.Buffer
	lines.WriteString(`"samples": [`)
	for i, s := range r.Record.Samples {
		line, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("report: %w", err)
		}
		if i > 0 {
			lines.WriteByte(',')
		}
		lines.WriteString("\n\t\t\t")
		lines.Write(line)
	}
	lines.WriteString("]")
	before, after, ok := bytes.Cut(text, []byte(`"samples": []`))
	if !ok {
		return nil, errors.New("report: there is no place for the samples")
	}
	return append(bytes.Join([][]byte{before, after}, lines.Bytes()), '\n'), nil
}
