package rivettest

import (
	"testing"

	"github.com/rivet-go/rivet"
)

// Client returns a client of this gateway, over TCP or in memory as the
// gateway is, which the end of tb's test closes. It fails the test when the
// options do not fit. The process's RIVET_ variables count as they do for any
// client, but for the endpoint.
func (g *Gateway) Client(tb testing.TB, opts ...rivet.Option) *rivet.Client {
	tb.Helper()
	all := append([]rivet.Option{
		rivet.WithEndpoint(g.Endpoint()),
		rivet.WithDialer(g.Dial),
		rivet.WithHTTPClient(g.HTTPClient()),
	}, opts...)
	client, err := rivet.NewClient(all...)
	if err != nil {
		tb.Fatalf("rivettest: make a client: %v", err)
	}
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("rivettest: close the client: %v", err)
		}
	})
	return client
}
