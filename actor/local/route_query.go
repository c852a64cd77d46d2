package local

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// paramPrefix begins the names of the gateway's own parameters in a query.
// They are not decoded: %72vt-key is a parameter like any other.
const paramPrefix = "rvt-"

// params are the gateway's parameters, by their names without prefix.
type params map[string]string

const paramNames = "`namespace`, `method`, `runner`, `pool`, `key`, `input`, `region`, `crash-policy`, `token`, `skip-ready-wait`"

func hasGatewayParams(rawQuery string) bool {
	return strings.HasPrefix(rawQuery, paramPrefix) || strings.Contains(rawQuery, "&"+paramPrefix)
}

// takeParams takes the gateway's parameters out of a query. What is left stays
// byte for byte, but for empty parts.
func takeParams(rawQuery string) (params, string, *codec.Error) {
	found := make(params)
	var rest strings.Builder
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, ours := strings.CutPrefix(pair, paramPrefix)
		if !ours {
			if pair != "" {
				if rest.Len() > 0 {
					rest.WriteByte('&')
				}
				rest.WriteString(pair)
			}
			continue
		}
		name, value, _ := strings.Cut(name, "=")
		full := paramPrefix + name
		if _, twice := found[name]; twice {
			return nil, "", gatewayError("guard", "query_duplicate_param", "duplicate query gateway param: "+clip(full),
				map[string]any{"name": clip(full)})
		}
		text, ok := unescapeText(value, true)
		if !ok {
			return nil, "", badEscape(full)
		}
		found[name] = text
	}
	return found, rest.String(), nil
}

func badEscape(name string) *codec.Error {
	return gatewayError("guard", "query_invalid_percent_encoding",
		"invalid percent-encoding for query gateway param '"+clip(name)+"'", map[string]any{"name": clip(name)})
}

func invalidParams(format string, args ...any) *codec.Error {
	detail := fmt.Sprintf(format, args...)
	return gatewayError("guard", "query_invalid_params", "invalid query gateway params: "+detail, map[string]any{"detail": detail})
}

// readQuery reads a target that is addressed by name and key. It returns the
// error alone, as answers to such URLs are without CORS headers otherwise.
func (t *target) readQuery(segment, rawQuery string) (*target, *codec.Error) {
	if strings.Contains(segment, "@") {
		return nil, gatewayError("guard", "query_path_token_syntax", "query gateway paths must not use @token syntax", nil)
	}
	name, ok := unescapeText(segment, false)
	switch {
	case !ok:
		return nil, badEscape("name")
	case name == "":
		return nil, gatewayError("guard", "query_empty_actor_name", "query gateway actor name must not be empty", nil)
	}
	p, rest, err := takeParams(rawQuery)
	if err != nil {
		return nil, err
	}
	t.Name, t.query = name, rest
	if err := t.readParams(p); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *target) readParams(p params) *codec.Error {
	for name, value := range p {
		switch name {
		case "namespace", "method", "runner", "pool", "key", "input", "region", "token":
		case "crash-policy":
			if !isCrashPolicy(value) {
				return invalidParams("unknown crash policy: %s, expected restart, sleep, or destroy", clip(value))
			}
		case "skip-ready-wait":
			if _, ok := readBool(value); !ok {
				return invalidParams("invalid type: string %q, expected a boolean", clip(value))
			}
		default:
			return invalidParams("unknown field `%s`, expected one of %s", clip(name), paramNames)
		}
	}
	var ok bool
	if t.namespace, ok = p["namespace"]; !ok {
		return invalidParams("missing field `namespace`")
	}
	method, ok := p["method"]
	if !ok {
		return invalidParams("missing field `method`")
	}
	if text := p["key"]; text != "" {
		t.Key = strings.Split(text, ",")
	}
	switch method {
	case "get":
		for _, name := range []string{"input", "region", "crash-policy", "runner"} {
			if _, ok := p[name]; ok {
				return gatewayError("guard", "query_get_disallowed_params",
					"query gateway method=get does not allow rvt-input, rvt-region, rvt-crash-policy, or rvt-pool params", nil)
			}
		}
		return nil
	case "getOrCreate":
		t.create = true
	default:
		return invalidParams("unknown method: %s, expected get or getOrCreate", clip(method))
	}
	t.Region, t.CrashPolicy = p["region"], p["crash-policy"]
	if t.Pool, ok = p["pool"]; !ok {
		if t.Pool, ok = p["runner"]; !ok {
			return gatewayError("guard", "query_missing_pool", "query gateway method=getOrCreate requires rvt-pool param", nil)
		}
	}
	if text, ok := p["input"]; ok {
		data, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil {
			return gatewayError("guard", "query_invalid_base64_input", "invalid base64url in query gateway input", nil)
		}
		if len(data) == 0 || codec.Unmarshal(codec.CBOR, data, new(any)) != nil {
			return gatewayError("guard", "query_invalid_cbor_input", "invalid query gateway input cbor: invalid cbor",
				map[string]any{"detail": "invalid cbor"})
		}
		t.Input = data
	}
	return nil
}

func isCrashPolicy(s string) bool { return s == "sleep" || s == "restart" || s == "destroy" }

// readBool reads the truth values of the gateway.
func readBool(s string) (value, ok bool) {
	switch s {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// checkSpec refuses what no actor can be created with. It is for all ways to
// name one.
func checkSpec(s *spec) *codec.Error {
	if s.Region != "" && s.Region != region {
		return errUnknownRegion
	}
	if key := gateway.SerializeKey(s.Key); len(key) > gateway.MaxKeyBytes {
		return gatewayError("actor", "key_too_large", fmt.Sprintf("Key label too large (max %d bytes): %s", gateway.MaxKeyBytes, clip(key)),
			map[string]any{"key_preview": clip(key), "max_size": gateway.MaxKeyBytes})
	}
	return nil
}

// clip bounds what an error quotes of a request.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
