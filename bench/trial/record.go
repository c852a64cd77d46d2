package trial

import "strings"

// Record is what a run came to.
type Record struct {
	Samples []Sample `json:"samples"`
	// LeftOut are cases for which this machine lacks something, and Failed those
	// that failed, in some round.
	LeftOut []Note `json:"leftOut,omitempty"`
	Failed  []Note `json:"failed,omitempty"`
}

// Sample is what one run of one case came to.
type Sample struct {
	Suite   string             `json:"suite"`
	Group   string             `json:"group"`
	Name    string             `json:"name"`
	X       float64            `json:"x,omitempty"`
	Base    bool               `json:"base,omitempty"`
	Round   int                `json:"round"`
	Metrics map[string]float64 `json:"metrics"`
}

// Note says why a case has no figures, or not those of all rounds.
type Note struct {
	Case string `json:"case"` // its ID
	Why  string `json:"why"`
}

// firstLine is what there is to say of an error; what follows are stacks and logs.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
