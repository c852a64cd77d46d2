package local

import (
	"context"
	"net/http"
	"strings"

	"github.com/rivet-go/rivet/internal/gateway"
	"github.com/rivet-go/rivet/internal/ws"
)

// subprotocol is what every handshake is answered with, whatever was offered.
const subprotocol = "rivet"

func upgradeWanted(h http.Header) bool {
	for _, line := range h["Upgrade"] {
		for v := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(v), "websocket") {
				return true
			}
		}
	}
	return false
}

// offered returns the subprotocols of a handshake.
func offered(h http.Header) (protocols []string) {
	for _, line := range h["Sec-Websocket-Protocol"] {
		for v := range strings.SplitSeq(line, ",") {
			if v = strings.TrimSpace(v); v != "" {
				protocols = append(protocols, v)
			}
		}
	}
	return protocols
}

// serveSocket answers a handshake and opens the socket in the actor. The
// handshake succeeds in any case: what is wrong is told in a close frame, as
// browsers show their pages nothing else.
func (f *front) serveSocket(w http.ResponseWriter, r *http.Request, ray string) {
	protocols := offered(r.Header)
	rt := routeOf(r, true, protocols)
	header := http.Header{gateway.HeaderRayID: {ray}}
	if rt.actor != nil {
		allowOrigin(header, r)
	}
	if !f.enter(&f.sockets) {
		f.refuse(w, r, errGoingAway)
		return
	}
	if !hijackable(w) {
		f.sockets.Done()
		f.blind.Do(func() {
			f.log.Warn("cannot answer WebSockets: what is between net/http and the host, such as http.TimeoutHandler, hides http.Hijacker, or the request is of HTTP/2")
		})
		f.refuse(w, r, errNoHijacker)
		return
	}
	hs, err := ws.Accept(w, r, ws.AcceptConfig{Protocol: func([]string) string { return subprotocol }, Header: header})
	if err != nil {
		f.sockets.Done()
		f.log.Debug("refused a WebSocket handshake", "error", err)
		return
	}
	l := newLink(f, hs, handshake(r, rt.actor, ray), ray)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	l.giveUp = cancel
	f.register(l)
	go l.read(hs.Early)
	if err := f.openLink(ctx, l, rt, protocols); err != nil && ctx.Err() == nil {
		e := f.errorOf(ctx, err)
		l.shut(int(ws.CloseInternalError), e.Group+"."+e.Code+"#"+ray)
	}
}

// hijackable reports whether http.ResponseController can take the connection over.
func hijackable(w http.ResponseWriter) bool {
	for {
		switch v := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return false
		}
	}
}

// handshake is the request as a link keeps it, without what hangs on the
// request of a server.
func handshake(r *http.Request, t *target, ray string) *http.Request {
	kept := &http.Request{
		Method: r.Method, URL: r.URL, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: r.Header, Host: r.Host, RemoteAddr: r.RemoteAddr, RequestURI: r.RequestURI, TLS: r.TLS,
		Body: http.NoBody,
	}
	if t == nil {
		return kept
	}
	return t.request(kept, ray)
}

// register puts a socket on the list for shutdown.
func (f *front) register(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed { // since it was let in
		l.shut(int(ws.CloseGoingAway), goingAway)
	}
	f.links[l] = struct{}{}
}

// openLink brings a socket to its actor, which it wakes. It waits for that,
// and not longer than ctx.
func (f *front) openLink(ctx context.Context, l *link, rt route, protocols []string) error {
	switch {
	case rt.refuse != nil:
		return rt.refuse
	case rt.actor == nil:
		return errNoWebSocket
	case len(protocols) == 0:
		return missingHeader("sec-websocket-protocol")
	case !isSocketPath(rt.actor.path):
		return errNoWebSocket
	}
	id, err := f.resolve(ctx, rt.actor)
	if err != nil {
		return err
	}
	in, release, err := f.places.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer release()
	if !l.in.found(id) {
		return nil // it has ended already
	}
	f.places.open(id, in, l)
	switch ended, kept := l.in.setOpened(); {
	case ended:
		l.left(id)
	case kept:
		f.places.wake(id)
	}
	return nil
}

func isSocketPath(path string) bool {
	return path == "/connect" || path == "/websocket" || strings.HasPrefix(path, "/websocket/")
}

// found says whose link it is; false when it has ended.
func (in *inbox) found(actorID string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.actorID = actorID
	return !in.ended
}

// setOpened notes that the actor knows the link, and reports what the caller has
// to tell: that the link has ended meanwhile, or keeps messages for the next
// generation, as this one began to stop.
func (in *inbox) setOpened() (ended, kept bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.opened = true
	return in.ended, in.waits()
}
