package codec

import "strings"

// ParseCloseReason splits the reason of a WebSocket close frame,
// "group.code#ray", as the official client does: the ray id is optional, and
// parts beyond the second dot or hash are dropped. ok is false for free text,
// such as what an actor gives to disconnect.
//
// Servers of RivetKit 2.0 send the code alone, "bad_token", and group is empty
// then. A reason counts as such when it is one word of lower-case letters,
// digits and underscores; a group must look like that too, and a code must not
// begin with a blank, so that "Disposed", "get out" and "bye. see you" are
// free text. A single word may still be free text: trust it with close code
// 1011, not with 1000.
func ParseCloseReason(reason string) (group, code, ray string, ok bool) {
	head, ray, _ := strings.Cut(reason, "#")
	ray, _, _ = strings.Cut(ray, "#")
	first, rest, dotted := strings.Cut(head, ".")
	if !lowerSnake(first) {
		return "", "", "", false
	}
	if !dotted {
		return "", first, ray, true
	}
	code, _, _ = strings.Cut(rest, ".")
	if code == "" || code[0] == ' ' {
		return "", "", "", false
	}
	return first, code, ray, true
}

// lowerSnake reports whether s is a word such as bad_token.
func lowerSnake(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
