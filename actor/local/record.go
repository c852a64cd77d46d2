package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rivet-go/rivet"
)

// record is what is known of an actor, but for its input, which only a start
// reads. Zero times mean that it has not
// happened.
type record struct {
	ID          string
	Name        string
	Key         rivet.Key
	Keyless     bool   // nobody finds it by a key
	Region      string // always "default"
	Pool        string
	CrashPolicy string
	Generation  uint64 // how many times it was started

	CreatedAt   time.Time
	StartedAt   time.Time // of the last generation
	SleptAt     time.Time // zero while it runs
	DestroyedAt time.Time
	Failure     string // why the last start or generation failed
}

// spec is what the creator of an actor says about it. Empty members have the
// defaults of the engine.
type spec struct {
	Name        string
	Key         rivet.Key
	Keyless     bool   // it is to have none
	Input       []byte // CBOR with compat forms; empty for none
	Region      string
	Pool        string
	CrashPolicy string
}

// stored is a record in the file, with times in Unix milliseconds.
type stored struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Key         string `json:"key"` // serialized
	Keyless     bool   `json:"keyless,omitempty"`
	Region      string `json:"region"`
	Pool        string `json:"pool"`
	CrashPolicy string `json:"crash_policy"`
	Generation  uint64 `json:"generation"`
	Created     int64  `json:"created"`
	Started     int64  `json:"started,omitempty"`
	Slept       int64  `json:"slept,omitempty"`
	Destroyed   int64  `json:"destroyed,omitempty"`
	Failure     string `json:"failure,omitempty"`
}

// encode returns the record as it is in the file.
func (r *record) encode() ([]byte, error) {
	return json.Marshal(stored{
		ID: r.ID, Name: r.Name, Key: r.Key.String(), Keyless: r.Keyless,
		Region: r.Region, Pool: r.Pool, CrashPolicy: r.CrashPolicy, Generation: r.Generation,
		Created: millis(r.CreatedAt), Started: millis(r.StartedAt),
		Slept: millis(r.SleptAt), Destroyed: millis(r.DestroyedAt), Failure: r.Failure,
	})
}

// decodeRecord reverses encode, for the actor that id says.
func decodeRecord(id string, data []byte) (record, error) {
	var s stored
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows it")
		}
	}
	switch {
	case err != nil:
	case s.ID != id:
		err = fmt.Errorf("it is of another actor, %.40q", s.ID)
	case s.Name == "" || len(s.Name) > maxName:
		err = errors.New("its name cannot be one")
	case s.Created <= 0:
		err = errors.New("it has no time of creation")
	}
	if err != nil {
		return record{}, fmt.Errorf("%w: the record of actor %.40q: %w", ErrDamaged, id, err)
	}
	r := record{
		ID: s.ID, Name: s.Name, Key: rivet.ParseKey(s.Key), Keyless: s.Keyless,
		Region: s.Region, Pool: s.Pool, CrashPolicy: s.CrashPolicy, Generation: s.Generation,
		CreatedAt: fromMillis(s.Created), StartedAt: fromMillis(s.Started),
		SleptAt: fromMillis(s.Slept), DestroyedAt: fromMillis(s.Destroyed), Failure: s.Failure,
	}
	return r, nil
}

// millis is t in Unix milliseconds, rounded up so that nothing comes early; 0
// for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Millisecond - time.Nanosecond).UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
