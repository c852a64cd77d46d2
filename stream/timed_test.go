package stream_test

import (
	"fmt"
	"strings"

	"github.com/rivet-go/rivet/stream"
)

// noBlanks writes batches as words.
func noBlanks(s stream.Stream[[]string]) stream.Stream[string] {
	return stream.Map(s, func(b []string) string { return fmt.Sprintf("[%s]", strings.Join(b, "")) })
}
