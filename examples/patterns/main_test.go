package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/rivettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var printed = map[string]string{
	"entity": `user-Ada is Ada
doc-456 of acme has 5 bytes
doc-456 of globex has 5 bytes
doc-456 of acme has 10 bytes
`,
	"coordinator": `there is a room general already
general has 1 message
random has 1 message
`,
	"shard": `09:30:00 is event 1 of 2024-01-15T09
09:50:00 is event 2 of 2024-01-15T09
10:30:00 is event 1 of 2024-01-15T10
30 requests in 3 shards
`,
	"fan": `task-0 SPREAD
task-1 OUT
task-2 AND
task-3 BROUGHT
task-4 TOGETHER
`,
}

func TestPatterns(t *testing.T) {
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			var out strings.Builder
			if err := p.run(t.Context(), rivettest.Serve(t, Registry).Client(), &out); err != nil {
				t.Fatal(err)
			}
			if want, ok := printed[p.name]; !ok || out.String() != want {
				t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	err := run(t.Context(), []string{"sharding"})
	if err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("error %v", err)
	}
}
