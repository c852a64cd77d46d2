package local

import "net/http"

// The headers by which browsers let pages of other origins read an answer. The
// engine lets all of them, and so do we: what protects an actor is a token or
// its params, which no browser sends on its own, and OnBeforeConnect, which
// sees the Origin header.

// allowOrigin is for answers of the gateway and of actors. An actor's handler
// that has set Access-Control-Allow-Origin keeps its own headers.
func allowOrigin(h http.Header, r *http.Request) {
	if _, own := h["Access-Control-Allow-Origin"]; own {
		return
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		origin = "*"
	} else {
		h.Add("Vary", "Origin")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "*")
}

// preflight answers OPTIONS for an actor, which never sees it. No actor is
// looked for, so none is created.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	allowOrigin(h, r)
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS, PATCH")
	wanted := r.Header.Get("Access-Control-Request-Headers")
	if wanted == "" {
		wanted = "*"
	}
	h.Set("Access-Control-Allow-Headers", wanted)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

const apiVary = "origin, access-control-request-method, access-control-request-headers"

// allowAPI is allowOrigin for the API.
func allowAPI(h http.Header, r *http.Request) {
	h.Set("Vary", apiVary)
	h.Set("Access-Control-Allow-Credentials", "true")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method != http.MethodOptions {
		return
	}
	if method := r.Header.Get("Access-Control-Request-Method"); method != "" {
		h.Set("Access-Control-Allow-Methods", method)
	}
	if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
}

// allowAnybody is for paths that do not exist.
func allowAnybody(h http.Header, r *http.Request) {
	h.Set("Vary", apiVary)
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "*")
		h.Set("Access-Control-Allow-Headers", "*")
		return
	}
	h.Set("Access-Control-Expose-Headers", "*")
}
