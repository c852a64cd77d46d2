package gateway

import "strings"

// MaxKeyBytes is the longest serialized key that the engine takes.
const MaxKeyBytes = 1024

// SerializeKey returns the form that the engine's API uses: parts joined by
// slashes, with a backslash before each slash and backslash of a part, and \0
// for an empty part. The empty key is a single slash. No two keys serialize
// alike.
func SerializeKey(key []string) string {
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
			if part[j] == '/' || part[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(part[j])
		}
	}
	return b.String()
}

// ParseKey reverses SerializeKey. It accepts what a server may send besides:
// an empty text is the empty key, an unmarked empty part is an empty part, and
// a backslash at the end stands for itself.
func ParseKey(s string) []string {
	key := []string{}
	if s == "" || s == "/" {
		return key
	}
	var part []byte
	empty := false
	end := func() {
		if empty {
			part = part[:0]
		}
		key = append(key, string(part))
		part, empty = part[:0], false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '/':
			end()
		case c == '\\' && i+1 == len(s):
			part = append(part, c)
		case c == '\\':
			i++
			if s[i] == '0' {
				empty = true
			} else {
				part = append(part, s[i])
			}
		default:
			part = append(part, c)
		}
	}
	end()
	return key
}

// QueryKey returns the form that gateway URLs use: parts joined by commas,
// without any escaping. ok is false for a key that this form cannot express
// (a comma inside a part, an empty part): the gateway would read another key.
func QueryKey(key []string) (s string, ok bool) {
	for _, part := range key {
		if part == "" || strings.Contains(part, ",") {
			return "", false
		}
	}
	return strings.Join(key, ","), true
}
