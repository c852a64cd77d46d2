// Package docs_test holds the documents against the code: what they show compiles
// and does what they say, and packages import each other as CONTRIBUTING.md has it.
package docs_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

const module = "github.com/rivet-go/rivet"

// repository is its files, by the names that reports have: docs/keys.md, conn/doc.go.
var repository = os.DirFS("..")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
