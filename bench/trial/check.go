package trial

import (
	"errors"
	"fmt"
	"slices"
)

// Check finds mistakes in suites: cases that have the same ID, groups with two
// bases, and tables, plots, bars and goals of what does not exist.
func Check(suites []Suite) (err error) {
	ids := make(map[string]bool)
	for i := range suites {
		s := &suites[i]
		bad := func(format string, args ...any) {
			err = errors.Join(err, fmt.Errorf("suite %q: %w", s.Name, fmt.Errorf(format, args...)))
		}
		bases := make(map[Place]bool)
		for j := range s.Cases {
			c := &s.Cases[j]
			if id := c.ID(s.Name); ids[id] {
				bad("two cases are %q", id)
			} else {
				ids[id] = true
			}
			if at := (Place{Group: c.Group, X: c.X}); c.Base && bases[at] {
				bad("%q is a second base", c.ID(s.Name))
			} else if c.Base {
				bases[at] = true
			}
		}
		known := Groups(s.Cases)
		for what, groups := range s.shown() {
			for _, g := range groups {
				if !slices.Contains(known, g) {
					bad("%s: there is no group %q", what, g)
				}
			}
		}
		for j := range s.Goals {
			if err := s.Goals[j].check(s); err != nil {
				bad("%w", err)
			}
		}
	}
	return err
}

// shown lists the groups that tables, plots and bars ask for.
func (s *Suite) shown() map[string][]string {
	groups := make(map[string][]string)
	for _, t := range s.Tables {
		groups["table "+t.Title] = t.Groups
	}
	for _, p := range s.Plots {
		groups["plot "+p.Name] = p.Groups
	}
	for _, b := range s.Bars {
		groups["bars "+b.Name] = b.Groups
	}
	return groups
}
