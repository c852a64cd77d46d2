package local

import (
	"io"
	"net/http"

	"github.com/rivet-go/rivet/actor"
)

// metadata is the answer of /metadata, as RivetKit's handlers give it.
type metadata struct {
	Runtime    string              `json:"runtime"`
	Version    string              `json:"version"`
	Runner     kinded              `json:"runner"`
	Envoy      kinded              `json:"envoy"`
	ActorNames map[string]nameInfo `json:"actorNames"`

	ClientEndpoint  string `json:"clientEndpoint,omitempty"`
	ClientNamespace string `json:"clientNamespace,omitempty"`
	ClientToken     string `json:"clientToken,omitempty"`
}

// kinded says what kind of server this is: a normal one, not serverless.
type kinded struct {
	Kind struct {
		Normal struct{} `json:"normal"`
	} `json:"kind"`
	Version uint32 `json:"version,omitempty"`
}

type nameInfo struct {
	Metadata struct{} `json:"metadata"`
}

func (f *front) serveMetadata(w http.ResponseWriter, r *http.Request) {
	m := metadata{Runtime: "rivetkit", Version: actor.KitVersion, ActorNames: make(map[string]nameInfo)}
	m.Runner.Version, m.Envoy.Version = f.rt.Version(), f.rt.Version()
	for _, name := range f.rt.Names() {
		m.ActorNames[name] = nameInfo{}
	}
	m.ClientEndpoint, m.ClientNamespace, m.ClientToken = f.rt.Public()
	writeJSON(w, r, m)
}

func (f *front) serveHealth(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, struct {
		Runtime string `json:"runtime"`
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"rivetkit", "ok", actor.KitVersion})
}

func (f *front) serveRoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, "This is a RivetKit server.\n")
	}
}
