package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/internal/gateway"
)

// TestEscapes: what is kept as it is, of all bytes, by each of the rules.
func TestEscapes(t *testing.T) {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for c := range 256 {
		s := string([]byte{byte(c)})
		kept := func(more string) bool { return strings.Contains(alphanumeric+more, s) }
		escaped := fmt.Sprintf("%%%02X", c)
		for _, tt := range []struct {
			rule       string
			got        string
			kept, plus bool
		}{
			{"EscapeComponent", gateway.EscapeComponent(s), kept("-_.!~*'()"), false},
			{"EscapeForm", gateway.EscapeForm(s), kept("*-._"), c == ' '},
		} {
			want := escaped
			switch {
			case tt.kept:
				want = s
			case tt.plus:
				want = "+"
			}
			if tt.got != want {
				t.Errorf("%s(%q) = %q, want %q", tt.rule, s, tt.got, want)
			}
		}
		if fits := gateway.TokenFits("a" + s); fits != kept("!#$%&'*+-.^_`|~") {
			t.Errorf("TokenFits(%q) is %v", "a"+s, fits)
		}
	}
	if gateway.TokenFits("") {
		t.Error("nothing is a token")
	}
}

func TestSegment(t *testing.T) {
	for s, want := range map[string]string{"": "", ".": "", "..": "", "...": "...", "a/b": "a%2Fb", "%2e": "%252e"} {
		if got, ok := gateway.Segment(s); got != want || ok != (want != "") {
			t.Errorf("Segment(%q) = %q, %v; want %q", s, got, ok, want)
		}
	}
}
