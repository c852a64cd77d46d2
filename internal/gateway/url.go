package gateway

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Query addresses an actor by name and key in a gateway URL; the gateway
// resolves it on each request.
type Query struct {
	Name      string
	Namespace string
	// Create asks for getOrCreate; what follows down to CrashPolicy applies to
	// it only.
	Create      bool
	Pool        string
	Input       []byte // CBOR; nil is no input
	Region      string
	CrashPolicy string
	// Key is the form of QueryKey.
	Key           string
	Token         string // empty when it travels elsewhere
	SkipReadyWait bool
}

// QueryPath returns the path and query of a gateway URL that addresses an
// actor by name and key. path is what follows the actor: empty, or beginning
// with a slash, and it may have a query of its own.
func QueryPath(q Query, path string) string {
	var b strings.Builder
	b.Grow(256)
	add := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(EscapeForm(value))
	}
	add("rvt-namespace", q.Namespace)
	if q.Create {
		add("rvt-method", "getOrCreate")
		add("rvt-runner", q.Pool)
	} else {
		add("rvt-method", "get")
	}
	if q.Key != "" {
		add("rvt-key", q.Key)
	}
	if q.Create {
		if q.Input != nil {
			add("rvt-input", base64.RawURLEncoding.EncodeToString(q.Input))
		}
		if q.Region != "" {
			add("rvt-region", q.Region)
		}
		add("rvt-crash-policy", q.CrashPolicy)
	}
	if q.Token != "" {
		add("rvt-token", q.Token)
	}
	if q.SkipReadyWait {
		add("rvt-skip-ready-wait", "true")
	}
	return JoinQuery("/gateway/"+EscapeComponent(q.Name)+path, b.String())
}

// DirectPath returns the path and query of a gateway URL that addresses an
// actor by its id. An empty token is left out.
func DirectPath(id, token, path string) string {
	s := "/gateway/" + EscapeComponent(id)
	if token != "" {
		s += "@" + EscapeComponent(token)
	}
	return s + path
}

// Segment escapes s to stand as one path segment. ok is false for what cannot:
// the empty text, and "." and "..", which URL parsers on the way resolve even
// when escaped.
func Segment(s string) (segment string, ok bool) {
	if s == "" || s == "." || s == ".." {
		return "", false
	}
	return EscapeComponent(s), true
}

// What CheckPath refuses.
var (
	errEmptySegment = errors.New("has an empty segment (//), which the gateway does not route")
	errReserved     = errors.New("has a query parameter whose name begins with rvt-, which the gateway reserves")
)

// CheckPath returns a path with its query as the gateway routes it to an
// actor: dot segments are resolved, as any URL parser on the way would, so that
// no path leaves the actor's; what the gateway would read for itself is
// refused. path begins with a slash; both are percent-encoded already.
func CheckPath(path, query string) (string, error) {
	if strings.Contains(path, "//") {
		return "", errEmptySegment
	}
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=")
		if strings.HasPrefix(unescape(name), "rvt-") {
			return "", errReserved
		}
	}
	path = resolveDots(path)
	if query != "" {
		path += "?" + query
	}
	return path, nil
}

// resolveDots removes the segments "." and "..", escaped or not, from an
// absolute path.
func resolveDots(path string) string {
	if !strings.Contains(path, "/.") && !strings.Contains(strings.ToLower(path), "/%2e") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	for i, segment := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// unescape decodes the valid percent escapes of s and keeps the rest.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
