package rivettest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

func TestProtocolViolationsAreRecorded(t *testing.T) {
	for name, tc := range map[string]struct {
		frame []byte
		code  uint16
	}{
		"unmasked":               {[]byte{0x82, 1, 0}, 1002},
		"reserved bit":           {[]byte{0xC2, 0x80, 0, 0, 0, 0}, 1002},
		"reserved opcode":        {[]byte{0x83, 0x80, 0, 0, 0, 0}, 1002},
		"fragmented ping":        {[]byte{0x09, 0x80, 0, 0, 0, 0}, 1002},
		"long ping":              {[]byte{0x89, 0xFE, 0, 126, 0, 0, 0, 0}, 1002},
		"long form of a length":  {[]byte{0x82, 0xFE, 0, 5, 0, 0, 0, 0}, 1002},
		"longer form":            {[]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0}, 1002},
		"over 32 MiB":            {[]byte{0x82, 0xFF, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0}, 1009},
		"continuation first":     {[]byte{0x80, 0x80, 0, 0, 0, 0}, 1002},
		"message in a message":   {[]byte{0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0}, 1002},
		"close of one byte":      {[]byte{0x88, 0x81, 0, 0, 0, 0, 3}, 1002},
		"invalid UTF-8 in text":  {[]byte{0x81, 0x81, 0, 0, 0, 0, 0xFF}, 1007},
		"invalid UTF-8 in close": {[]byte{0x88, 0x83, 0, 0, 0, 0, 3, 0xE8, 0xFF}, 1007},
		"undecodable":            {[]byte{0x82, 0x82, 0, 0, 0, 0, 9, 9}, 1011},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
				counter(gw)
				c := connectRaw(t, gw, codec.BARE)
				c.init()
				if _, err := c.hs.Conn.Write(tc.frame); err != nil {
					t.Fatal(err)
				}
				m, err := c.in.Next()
				if err != nil || m.Op != ws.OpClose {
					t.Fatalf("%v %v", m.Op, err)
				}
				if code, reason, _ := ws.ParseClose(m.Payload); code != tc.code {
					t.Errorf("%d %q", code, reason)
				}
				if bad, err := gw.Conn(0).WaitMessage(timeout(t), rivettest.IsKind(rivettest.MalformedMessage)); err != nil || bad.Err == nil {
					t.Errorf("%v %v", bad, err)
				}
			})
		})
	}
}

func TestSizeLimits(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("counter").Handle("size", func(_ context.Context, r *rivettest.Request) (any, error) {
			var s string
			err := r.Decode(&s)
			return len(s), err
		}).Handle("big", func(_ context.Context, r *rivettest.Request) (any, error) {
			return strings.Repeat("x", 1<<20), nil
		})
		big := strings.Repeat("x", 64<<10)
		status, h, body, err := post(t, gw, codec.BARE, "size", big)
		if e := codec.DecodeHTTPError(codec.BARE, status, h.Get("Content-Type"), body); err != nil || status != 400 || e.Code != "incoming_too_long" {
			t.Errorf("%d %v %v", status, e, err)
		}
		status, h, body, err = post(t, gw, codec.BARE, "big")
		if e := codec.DecodeHTTPError(codec.BARE, status, h.Get("Content-Type"), body); err != nil || status != 400 || e.Code != "outgoing_too_long" {
			t.Errorf("%d %v %v", status, e, err)
		}
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		c.call("big")
		if m := c.read(); m.Kind != codec.KindError || !m.HasID || m.Err.Code != "outgoing_too_long" {
			t.Errorf("got %+v", m)
		}
		c.call("size", big)
		if code, reason := c.readClose(); code != 1011 || reason != "message.incoming_too_long" {
			t.Errorf("%d %q", code, reason)
		}
		c = connectRaw(t, gw, codec.BARE)
		c.init()
		c.subscribe("big", true)
		if err := gw.Conn(1).WaitSubscribed(timeout(t), "big"); err != nil {
			t.Fatal(err)
		}
		gw.Emit("big", strings.Repeat("x", 1<<20))
		if code, reason := c.readClose(); code != 1011 || reason != "message.outgoing_too_long" {
			t.Errorf("%d %q", code, reason)
		}
	})
}
