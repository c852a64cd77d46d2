package rivet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

const (
	// resendBudget is how long a call without a deadline of its own may be
	// sent again, from its beginning.
	resendBudget = 10 * time.Second
	resendMin    = 100 * time.Millisecond
	resendMax    = 2 * time.Second
)

// verdict says what a failed attempt means for its call.
type verdict struct {
	executed bool // the actor may have run it
	resend   bool // sending it again is allowed, and may help
}

// judge asks the one table what err means for a call that was sent.
func judge(err error, addressing conn.Addressing, idempotent bool) verdict {
	var early *notSentError
	if errors.As(err, &early) {
		return verdict{resend: transient(err) || conn.Classify(early.err, addressing).Resend}
	}
	var redirect *RedirectError
	if errors.As(err, &redirect) {
		// 307 and 308 repeat the request elsewhere; the others may be the
		// answer to one that was served.
		return verdict{executed: redirect.Status < 307}
	}
	var own *callbackError
	var config *ConfigError
	if errors.As(err, &own) || errors.As(err, &config) {
		return verdict{}
	}
	var answer *answerError
	if errors.As(err, &answer) {
		return verdict{executed: true}
	}
	v := conn.Classify(err, addressing)
	return verdict{
		executed: v.Reached != conn.ReachedNo,
		resend:   v.Resend || idempotent && v.Reached == conn.ReachedMaybe && !v.Permanent,
	}
}

// unsent judges the failure of a step before the call itself was sent. Such
// steps may be repeated whatever became of them.
func unsent(err error, addressing conn.Addressing) verdict {
	if err == nil {
		return verdict{}
	}
	v := judge(err, addressing, true)
	v.executed = false
	return v
}

// retry calls attempt until it succeeds, its verdict forbids another try, or
// the time is up: ctx, or resendBudget when ctx has no deadline of the user's.
func (c *Client) retry(ctx context.Context, attempt func() (verdict, error)) error {
	var spacing backoff.Sequence
	var limit time.Time
	var last error
	if _, ok := ctx.Deadline(); !ok || ownDeadline(ctx) {
		limit = time.Now().Add(resendBudget)
	}
	for {
		v, err := attempt()
		if last != nil && err != nil && errors.Is(err, ctx.Err()) {
			return fmt.Errorf("%w (last failure: %w)", err, last) // time was up as the attempt began
		}
		if err == nil || !v.resend || ctx.Err() != nil {
			return err
		}
		last = err
		if spacing == nil {
			spacing = backoff.Exponential(resendMin, resendMax).New()
		}
		wait := spacing.Next()
		if !limit.IsZero() && time.Now().Add(wait).After(limit) {
			return err
		}
		if ended := pause(ctx, wait); ended != nil {
			return fmt.Errorf("%w (last failure: %w)", ended, err)
		}
	}
}

// ownDeadlineKey marks a context whose deadline is the default call timeout.
type ownDeadlineKey struct{}

func ownDeadline(ctx context.Context) bool { return ctx.Value(ownDeadlineKey{}) != nil }

// withCallTimeout bounds ctx by the default call timeout if it has no deadline.
func (c *Client) withCallTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || c.cfg.link.CallTimeout <= 0 {
		return ctx, func() {}
	}
	ctx = context.WithValue(ctx, ownDeadlineKey{}, true)
	return context.WithTimeoutCause(ctx, c.cfg.link.CallTimeout, errCallTimeout)
}

// denied reports whether err says that the token was refused.
func denied(err error) bool {
	var e *codec.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Actor == nil && (e.HTTPStatus == 401 || e.Group == "api" && (e.Code == "unauthorized" || e.Code == "forbidden"))
}
