package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/ws"
)

func TestDialRefused(t *testing.T) {
	long := strings.Repeat("0123456789", 2000)
	tests := []struct {
		name, answer string
		want         ws.RefusedError
	}{
		{"401", "HTTP/1.1 401 Unauthorized\r\nX-Rivet-Ray-Id: ray\r\nContent-Length: 2\r\n\r\n{}more",
			ws.RefusedError{Status: 401, Header: http.Header{"X-Rivet-Ray-Id": {"ray"}, "Content-Length": {"2"}}, Body: []byte("{}")}},
		{"403 without body", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
			ws.RefusedError{Status: 403, Header: http.Header{"Content-Length": {"0"}}, Body: []byte{}}},
		{"503 until the end", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\nlater",
			ws.RefusedError{Status: 503, Header: http.Header{"Retry-After": {"3"}}, Body: []byte("later")}},
		{"chunked", "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
			ws.RefusedError{Status: 502, Header: http.Header{}, Body: []byte("abcde")}},
		{"redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n",
			ws.RefusedError{Status: 307, Header: http.Header{"Location": {"https://elsewhere/"}, "Content-Length": {"0"}}, Body: []byte{}}},
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
			ws.RefusedError{Status: 200, Header: http.Header{"Content-Length": {"1"}}, Body: []byte("x")}},
		{"old proxy", "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/html\r\n\r\n<html>",
			ws.RefusedError{Status: 503, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>")}},
		{"body cut at 8 KiB", "HTTP/1.1 500 No\r\nContent-Length: 20000\r\n\r\n" + long,
			ws.RefusedError{Status: 500, Header: http.Header{"Content-Length": {"20000"}}, Body: []byte(long[:8192])}},
		{"body that ends early", "HTTP/1.1 500 No\r\nContent-Length: 20000\r\n\r\nabc",
			ws.RefusedError{Status: 500, Header: http.Header{"Content-Length": {"20000"}}, Body: []byte("abc")}},
		{"header that is not one", "HTTP/1.1 500 No\r\n\x00\r\n\r\n", ws.RefusedError{Status: 500}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := secretConfig(t, "http", "h")
			wait := dialPipe(&cfg, say(tt.answer))
			h, err := ws.Dial(t.Context(), cfg)
			wait()
			var refused *ws.RefusedError
			if h != nil || !errors.As(err, &refused) {
				t.Fatalf("got %v, %v", h, err)
			}
			if !reflect.DeepEqual(*refused, tt.want) {
				t.Errorf("got %.300v\nwant %.300v", *refused, tt.want)
			}
			checkSecrets(t, err)
			if !strings.Contains(err.Error(), fmt.Sprint(tt.want.Status)) {
				t.Errorf("%v does not name the status", err)
			}
		})
	}
}

func TestDialRefusedBodyThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := secretConfig(t, "http", "h")
		wait := dialPipe(&cfg, func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\npart")
			_, _ = io.Copy(io.Discard, c)
		})
		begin := time.Now()
		_, err := ws.Dial(t.Context(), cfg)
		wait()
		var refused *ws.RefusedError
		if !errors.As(err, &refused) || refused.Status != 503 || string(refused.Body) != "part" {
			t.Fatalf("got %v", err)
		}
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestDialBadAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer script
		want   string // in the error
	}{
		{"nothing", say(""), "EOF"},
		{"cut", say("HTTP/1.1 101 Switching Proto"), "unexpected EOF"},
		{"not HTTP", say("SSH-2.0-OpenSSH\r\n"), "malformed"},
		{"TLS alert", say("\x15\x03\x01\x00\x02\x02\x46\r\n"), "use https"},
		{"101 in HTTP/1.0", say("HTTP/1.0 101 Switching Protocols\r\n\r\n"), "version"},
		{"101 without fields", say("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "Upgrade"},
		{"wrong accept", say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"), "Accept"},
		{"protocol that was not offered", func(c net.Conn, r string) {
			_, _ = io.WriteString(c, answer101(r, "chat"))
		}, "Protocol"},
		{"extension that was not offered", func(c net.Conn, r string) {
			a := strings.TrimSuffix(answer101(r, ""), "\r\n") + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
			_, _ = io.WriteString(c, a)
		}, "extensions"},
		{"endless line", func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nX: ")
			for {
				if _, err := c.Write(bytes.Repeat([]byte("x"), 10_000)); err != nil {
					return
				}
			}
		}, "65536 bytes"},
		{"endless refusal", func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 No\r\n")
			for {
				if _, err := io.WriteString(c, "X: y\r\n"); err != nil {
					return
				}
			}
		}, "503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := secretConfig(t, "http", "h")
			wait := dialPipe(&cfg, tt.answer)
			h, err := ws.Dial(t.Context(), cfg)
			wait() // returns only when the connection was closed
			if h != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v", h, err)
			}
			checkSecrets(t, err)
		})
	}
}
