package receive

import (
	"fmt"
	"maps"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

func TestMain(m *testing.M) {
	roles := map[string]trial.Role{wire.Role: wire.Broadcast}
	maps.Copy(roles, Roles)
	if played, err := trial.Play(roles); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
