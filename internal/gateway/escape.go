package gateway

import "strings"

const upperHex = "0123456789ABCDEF"

// EscapeComponent percent-encodes s as JavaScript's encodeURIComponent does:
// all but letters, digits and -_.!~*'().
func EscapeComponent(s string) string { return escape(s, "-_.!~*'()", false) }

// EscapeForm encodes s as application/x-www-form-urlencoded does: all but
// letters, digits and *-._, a blank being a plus sign.
func EscapeForm(s string) string { return escape(s, "*-._", true) }

// escapeToken is EscapeComponent for text that must be an HTTP token, in which
// parentheses are not allowed.
func escapeToken(s string) string { return escape(s, "-_.!~*'", false) }

func escape(s, keep string, form bool) string {
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(keep, c) >= 0
	}
	n := 0
	for n < len(s) && plain(s[n]) {
		n++
	}
	if n == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:n])
	for ; n < len(s); n++ {
		switch c := s[n]; {
		case plain(c):
			b.WriteByte(c)
		case c == ' ' && form:
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}

// isToken reports whether s is an HTTP token, which a subprotocol must be.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
