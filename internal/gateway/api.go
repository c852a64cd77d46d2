package gateway

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Header names of the protocol.
const (
	HeaderEncoding        = "X-Rivet-Encoding"
	HeaderParams          = "X-Rivet-Conn-Params"
	HeaderToken           = "X-Rivet-Token"
	HeaderSkipReadyWait   = "X-Rivet-Skip-Ready-Wait"
	HeaderTarget          = "X-Rivet-Target"
	HeaderActor           = "X-Rivet-Actor"
	HeaderActorGeneration = "X-Rivet-Actor-Generation"
	HeaderActorKey        = "X-Rivet-Actor-Key"
	HeaderError           = "X-Rivet-Error"
	HeaderRayID           = "X-Rivet-Ray-Id"
)

// Metadata is the answer of the endpoint's metadata route. Members that are
// not listed are ignored.
type Metadata struct {
	Runtime         string `json:"runtime"`
	Version         string `json:"version"`
	ClientEndpoint  string `json:"clientEndpoint"`
	ClientNamespace string `json:"clientNamespace"`
	ClientToken     string `json:"clientToken"`
}

// ResolvesQueries reports whether the server resolves names and keys in URLs:
// engines do from 2.3 on, and so do hosts of package actor, which answer as
// RivetKit of such a version. Older servers answer such URLs with an internal error.
func (m Metadata) ResolvesQueries() bool {
	if m.Runtime != "engine" && m.Runtime != "rivetkit" {
		return false
	}
	major, rest, ok := strings.Cut(m.Version, ".")
	if !ok {
		return false
	}
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	return errA == nil && errB == nil && (a > 2 || a == 2 && b >= 3)
}

// Actor is an actor in the engine's API. Times are Unix milliseconds, nil
// when the thing has not happened.
type Actor struct {
	ID            string          `json:"actor_id"`
	Name          string          `json:"name"`
	Key           string          `json:"key"`
	NamespaceID   string          `json:"namespace_id"`
	Datacenter    string          `json:"datacenter"`
	Pool          string          `json:"runner_name_selector"`
	CrashPolicy   string          `json:"crash_policy"`
	CreateTS      *int64          `json:"create_ts"`
	StartTS       *int64          `json:"start_ts"`
	ConnectableTS *int64          `json:"connectable_ts"`
	SleepTS       *int64          `json:"sleep_ts"`
	DestroyTS     *int64          `json:"destroy_ts"`
	Error         json.RawMessage `json:"error"`
}

// ActorList is the answer of GET /actors.
type ActorList struct {
	Actors     []Actor `json:"actors"`
	Pagination struct {
		Cursor *string `json:"cursor"`
	} `json:"pagination"`
}

// ActorResult is the answer of PUT and POST /actors.
type ActorResult struct {
	Actor   Actor `json:"actor"`
	Created bool  `json:"created"`
}

// CreateRequest is the body of PUT and POST /actors. The engine refuses
// unknown members, and requires the key.
type CreateRequest struct {
	Datacenter  string `json:"datacenter,omitempty"`
	Name        string `json:"name"`
	Key         string `json:"key"`
	Pool        string `json:"runner_name_selector"`
	Input       []byte `json:"input,omitempty"` // CBOR, in padded base64
	CrashPolicy string `json:"crash_policy"`
}
