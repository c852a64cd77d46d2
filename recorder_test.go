package rivet_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
)

// recorder stands for the network: it notes requests and answers them.
type recorder struct {
	mu     sync.Mutex
	seen   []seenRequest
	answer func(seenRequest) (status int, contentType, body string)
}

type seenRequest struct {
	method, url, body string
	header            http.Header
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	s := seenRequest{method: req.Method, url: req.URL.String(), header: req.Header.Clone()}
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		s.body = string(data)
	}
	r.mu.Lock()
	r.seen = append(r.seen, s)
	r.mu.Unlock()
	status, contentType, body := 200, "application/json", `{"actor":{"actor_id":"id1"},"actors":[{"actor_id":"id1"}]}`
	if r.answer != nil {
		status, contentType, body = r.answer(s)
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

func (r *recorder) requests() []seenRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]seenRequest(nil), r.seen...)
}

// newClient returns a client whose network is r.
func newClient(t testing.TB, r *recorder, opts ...rivet.Option) *rivet.Client {
	t.Helper()
	c, err := rivet.NewClient(append([]rivet.Option{
		rivet.WithEndpoint("http://engine.test"), rivet.WithHTTPClient(&http.Client{Transport: r}), rivet.WithoutMetadataLookup(),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// noEnv clears the variables that a client reads.
func noEnv(t *testing.T) {
	for _, name := range []string{"RIVET_ENGINE", "RIVET_ENDPOINT", "RIVET_NAMESPACE", "RIVET_TOKEN", "RIVET_POOL", "RIVET_RUNNER"} {
		t.Setenv(name, "")
	}
}

func decodeJSON(t testing.TB, text string, dst any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), dst); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func readRequest(c net.Conn) (*http.Request, error) { return http.ReadRequest(bufio.NewReader(c)) }
