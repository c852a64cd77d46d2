package rivet

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

// ViewOption is a part of a View: a Fold, or one of Versioned, Clone and
// Refresh.
type ViewOption interface{ applyView(*viewOptions) }

type viewOption func(*viewOptions)

func (f viewOption) applyView(o *viewOptions) { f(o) }

// viewOptions is what the options add up to, not yet checked against the
// View's type of state.
type viewOptions struct {
	parts    []viewPart
	versions map[reflect.Type]any // by type of event: func(S, T) bool, whether S has T
	clone    any
	refresh  time.Duration
}

// viewPart is a Fold or a Versioned.
type viewPart struct {
	option string
	state  reflect.Type
	event  string
	fold   any  // func(*conn.Frame, *step[S]) error of a Fold
	empty  bool // a function is nil
}

// viewSettings is the same, typed.
type viewSettings[S any] struct {
	events  []string
	folds   map[string]func(f *conn.Frame, dst *step[S]) error
	clone   func(S) S
	refresh time.Duration
}

// Fold makes a View follow an event: f returns the state after the event. f
// may change the state in place and return it, and make what the event holds a
// part of it; it runs under the View's lock and must not call its methods.
func Fold[S, T any](e Event[T], f func(S, T) S) ViewOption {
	return viewOption(func(o *viewOptions) {
		decoder := codec.DecoderFor[T]()
		holds := shares(reflect.TypeFor[T](), nil)
		fold := func(frame *conn.Frame, dst *step[S]) error {
			var event T
			if err := decoder.DecodeArgs(frame.Encoding, frame.Args, &event); err != nil {
				return err
			}
			dst.seq = frame.Seq
			dst.apply = func(s S) S { return f(s, event) }
			if holds {
				// While a snapshot is on its way the event is folded into two
				// states, and what it holds can be part of one only.
				args, enc, used := bytes.Clone(frame.Args), frame.Encoding, false
				dst.apply = func(s S) S {
					e := event
					if used {
						e = *new(T)
						_ = decoder.DecodeArgs(enc, args, &e) // as it did before
					}
					used = true
					return f(s, e)
				}
			}
			if has, ok := o.versions[reflect.TypeFor[T]()].(func(S, T) bool); ok {
				dst.stale = func(s S) bool { return has(s, event) }
			}
			return nil
		}
		o.parts = append(o.parts, viewPart{"Fold", reflect.TypeFor[S](), string(e), fold, f == nil})
	})
}

// Versioned makes a View exact on any host: state tells the version of a
// state, event the version that the state has after an event, and an event
// whose version the state has already is left out. It holds for all events with
// that type of argument.
func Versioned[S, T any](state func(S) uint64, event func(T) uint64) ViewOption {
	return viewOption(func(o *viewOptions) {
		if o.versions == nil {
			o.versions = make(map[reflect.Type]any)
		}
		o.parts = append(o.parts, viewPart{option: "Versioned", state: reflect.TypeFor[S](), empty: state == nil || event == nil})
		o.versions[reflect.TypeFor[T]()] = func(s S, t T) bool { return event(t) <= state(s) }
	})
}

// Clone tells a View how to copy its state, which one that holds maps, slices
// or pointers needs: Value and All hand out copies.
func Clone[S any](f func(S) S) ViewOption {
	return viewOption(func(o *viewOptions) { o.clone = f })
}

// Refresh makes a View take a new snapshot every d even when nothing seems to
// be lost (DefaultRefresh without this option; zero or less never), for losses
// that leave no trace: a host that died behind a socket that the gateway kept.
func Refresh(d time.Duration) ViewOption {
	return viewOption(func(o *viewOptions) { o.refresh = max(d, 0) })
}

func newViewSettings[S any](opts []ViewOption) (viewSettings[S], error) {
	o := viewOptions{refresh: DefaultRefresh}
	for _, opt := range opts {
		if opt != nil {
			opt.applyView(&o)
		}
	}
	set := viewSettings[S]{
		folds:   make(map[string]func(*conn.Frame, *step[S]) error),
		refresh: o.refresh,
	}
	var errs []error
	want := reflect.TypeFor[S]()
	for _, part := range o.parts {
		fold, _ := part.fold.(func(*conn.Frame, *step[S]) error)
		switch {
		case part.state != want:
			errs = append(errs, &ConfigError{Field: part.option, Rule: fmt.Sprintf("is for a state of %v, the view is of %v", part.state, want)})
		case part.empty:
			errs = append(errs, &ConfigError{Field: part.option, Rule: "must not be given nil"})
		case fold == nil: // Versioned
		case slices.Contains(set.events, part.event):
			errs = append(errs, &ConfigError{Field: part.option, Rule: fmt.Sprintf("is given twice for the event %q", part.event)})
		default:
			set.events = append(set.events, part.event)
			set.folds[part.event] = fold
		}
	}
	if len(set.events) == 0 && len(errs) == 0 {
		errs = append(errs, &ConfigError{Field: "Fold", Rule: "is missing: a view follows at least one event"})
	}
	if o.clone != nil {
		var ok bool
		if set.clone, ok = o.clone.(func(S) S); !ok {
			errs = append(errs, &ConfigError{Field: "Clone", Rule: fmt.Sprintf("is %T, the view is of %v", o.clone, want)})
		} else if set.clone == nil {
			errs = append(errs, &ConfigError{Field: "Clone", Rule: "must not be given nil"})
		}
	} else if shares(want, nil) {
		errs = append(errs, &ConfigError{Field: "Clone", Rule: fmt.Sprintf("is missing: %v holds maps, slices or pointers", want)})
	}
	return set, errors.Join(errs...)
}

// shares reports whether a copy of a t shares memory that folds may change.
func shares(t reflect.Type, path []reflect.Type) bool {
	if slices.Contains(path, t) {
		return false
	}
	path = append(path, t)
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return t != reflect.TypeFor[*time.Location]() // of a time.Time, which never changes
	case reflect.Array:
		return shares(t.Elem(), path)
	case reflect.Struct:
		for f := range t.Fields() {
			if shares(f.Type, path) {
				return true
			}
		}
	}
	return false
}
