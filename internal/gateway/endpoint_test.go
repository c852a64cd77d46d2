package gateway_test

import (
	"testing"

	"github.com/rivet-go/rivet/internal/gateway"
)

func TestParseEndpoint(t *testing.T) {
	for s, want := range map[string]gateway.Endpoint{
		"http://host:80":             {Base: "http://host", Host: "host"},
		"http://host:443":            {Base: "http://host:443", Host: "host"},
		"wss://host:443/":            {Base: "https://host", Host: "host", Secure: true},
		"https://host:80":            {Base: "https://host:80", Host: "host", Secure: true},
		"http://host:65535":          {Base: "http://host:65535", Host: "host"},
		"http://[::1]":               {Base: "http://[::1]", Host: "::1"},
		"http://[::1]:80":            {Base: "http://[::1]", Host: "::1"},
		"http://[::1]:6420":          {Base: "http://[::1]:6420", Host: "::1"},
		"http://host/a%2Fb/%C3%BC//": {Base: "http://host/a%2Fb/%C3%BC", Host: "host"},
		"http://n%2F:t%40%C3%BC@host": {
			Base: "http://host", Host: "host", Namespace: "n/", Token: "t@ü",
		},
	} {
		if got, err := gateway.ParseEndpoint(s); err != nil || got != want {
			t.Errorf("ParseEndpoint(%q) = %+v, %v; want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"http://%ff@host", "http://%ff:token@host", "http://ns:%ff@host", "http:host", "http:///path"} {
		if got, err := gateway.ParseEndpoint(s); err == nil {
			t.Errorf("ParseEndpoint(%q) = %#v", s, got)
		}
	}
}
