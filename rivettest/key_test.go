package rivettest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	for _, tc := range []struct {
		key  []string
		text string
	}{
		{nil, "/"},
		{[]string{"test"}, "test"},
		{[]string{"a", "b", "c"}, "a/b/c"},
		{[]string{"a/b"}, `a\/b`},
		{[]string{"a/b", "c"}, `a\/b/c`},
		{[]string{"/"}, `\/`},
		{[]string{""}, `\0`},
		{[]string{"", ""}, `\0/\0`},
		{[]string{"a", ""}, `a/\0`},
		{[]string{"", "a"}, `\0/a`},
		{[]string{`a\b`}, `a\\b`},
		{[]string{`\0`}, `\\0`},
		{[]string{`a\/b`}, `a\\\/b`},
		{[]string{"a,b"}, "a,b"},
	} {
		if got := serializeKey(tc.key); got != tc.text {
			t.Errorf("serialize %q: %s, want %s", tc.key, got, tc.text)
		}
		if got := parseKey(tc.text); !slices.Equal(got, tc.key) {
			t.Errorf("parse %s: %q, want %q", tc.text, got, tc.key)
		}
	}
	for text, want := range map[string][]string{
		"":     nil,
		`a\`:   {`a\`},
		"a//b": {"a", "", "b"},
		"a/":   {"a", ""},
		`\x`:   {"x"},
	} {
		if got := parseKey(text); !slices.Equal(got, want) {
			t.Errorf("parse %s: %q, want %q", text, got, want)
		}
	}
}

func TestKeysRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOf(rapid.StringMatching(`[ab0/\\,]{0,4}`)).Draw(t, "key")
		if got := parseKey(serializeKey(key)); !slices.Equal(got, key) {
			t.Fatalf("%q became %q", key, got)
		}
	})
}
