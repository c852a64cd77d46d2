package backoff

import (
	"fmt"
	"time"

	cenkalti "github.com/cenkalti/backoff/v4"
)

// leastWait is the least that an exponential policy waits, whatever the
// jitter: some drops are seen by everyone at once, and a wait of nothing is
// no backoff.
const leastWait = 50 * time.Millisecond

// Exponential waits longer after each failure, at random. The first wait is
// spread evenly between a floor and min; with every failure the upper bound
// doubles, until waits are spread evenly between the floor and max. That is
// "full jitter", which brings the clients of a restarted server back evenly.
// The floor is 50 ms, or half of min if that is less. No wait is ever longer
// than max, and no single length is likelier than the others.
//
// It never gives up. min has to be positive and max at least min; [Validate]
// reports what is not, and a policy that is not valid waits between DefaultMin
// and DefaultMax.
func Exponential(min, max time.Duration) Policy { return exponential{min, max} }

type exponential struct{ min, max time.Duration }

func (e exponential) validate() error {
	switch {
	case e.min <= 0:
		return fmt.Errorf("backoff: minimum %v is not positive", e.min)
	case e.max < e.min:
		return fmt.Errorf("backoff: maximum %v is less than the minimum %v", e.max, e.min)
	}
	return nil
}

func (e exponential) New() Sequence {
	if e.validate() != nil {
		e = exponential{DefaultMin, DefaultMax}
	}
	// cenkalti's jitter goes to both sides of an interval, after the cap. With
	// half the width and a factor of one that is 0 to the whole width, and the
	// cap is exact. Adding the floor, rather than raising short waits to it,
	// keeps clients from meeting on the floor.
	floor := min(leastWait, e.min/2)
	return &jittered{
		b: cenkalti.NewExponentialBackOff(
			cenkalti.WithInitialInterval(max((e.min-floor)/2, 1)),
			cenkalti.WithMaxInterval(max((e.max-floor)/2, 1)),
			cenkalti.WithMultiplier(2),
			cenkalti.WithRandomizationFactor(1),
			cenkalti.WithMaxElapsedTime(0), // its default gives up after 15 minutes
		),
		floor: floor,
		width: e.max - floor,
	}
}

type jittered struct {
	b            *cenkalti.ExponentialBackOff
	floor, width time.Duration
}

func (j *jittered) Next() time.Duration {
	// cenkalti computes in floating point, which may end just over the cap.
	return j.floor + min(j.b.NextBackOff(), j.width)
}

func (j *jittered) Reset() { j.b.Reset() }
