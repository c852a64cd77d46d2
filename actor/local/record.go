package local

import (
	"time"

	"github.com/rivet-go/rivet"
)

// record is what is known of an actor. Zero times mean that it has not
// happened.
type record struct {
	ID          string
	Name        string
	Key         rivet.Key
	Input       []byte // CBOR with compat forms; nil for none
	Region      string // always "default"
	Pool        string
	CrashPolicy string
	Generation  uint64 // how many times it was started

	CreatedAt     time.Time
	StartedAt     time.Time // of the last generation
	ConnectableAt time.Time // since when that takes requests; zero when it does not
	SleptAt       time.Time // zero while it runs
	DestroyedAt   time.Time
	Failure       string // why the last start or generation failed
}

// spec is what the creator of an actor says about it. Empty members have the
// defaults of the engine.
type spec struct {
	Name        string
	Key         rivet.Key
	Input       []byte
	Region      string
	Pool        string
	CrashPolicy string
}
