package rivettest

import "strings"

// serializeKey writes a key as the engine's API does: parts joined by "/",
// with "\" and "/" escaped, an empty part as "\0" and the empty key as "/".
func serializeKey(key []string) string {
	if len(key) == 0 {
		return "/"
	}
	var b strings.Builder
	for i, part := range key {
		if i > 0 {
			b.WriteByte('/')
		}
		if part == "" {
			b.WriteString(`\0`)
			continue
		}
		for j := range len(part) {
			if part[j] == '\\' || part[j] == '/' {
				b.WriteByte('\\')
			}
			b.WriteByte(part[j])
		}
	}
	return b.String()
}

// parseKey is the reverse of serializeKey, with the engine's leniency: a lone
// backslash at the end is literal, an unmarked empty part is an empty string.
func parseKey(s string) []string {
	if s == "" || s == "/" {
		return nil
	}
	var key []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '/':
			key = append(key, part.String())
			part.Reset()
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] != '0' {
				part.WriteByte(s[i])
			}
		default:
			part.WriteByte(s[i])
		}
	}
	return append(key, part.String())
}

// splitQueryKey reads rvt-key: the gateway splits at every comma, for there is
// no escape, so keys with a comma or a single empty part cannot be expressed.
func splitQueryKey(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
