package codec_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivet-go/rivet/codec"
)

// Texts are read eight bytes at once: whatever is special in one is so at every
// place.
func TestJSONTextAtEveryPlace(t *testing.T) {
	for length := range 20 {
		for at := range length + 1 {
			for _, special := range []string{"", "\x1f", "\x00", `"`, `\`, `\n`, `\u00e9`, "é", "\x80", "\xff", "\x7f", " ", "!"} {
				text := `"` + strings.Repeat("x", at) + special + strings.Repeat("y", length-at) + `"`
				var got, want string
				err := codec.Unmarshal(codec.JSON, []byte(text), &got)
				wantErr := json.Unmarshal([]byte(text), &want)
				if bad := wantErr != nil || !utf8.ValidString(text); bad != (err != nil) || !bad && got != want {
					t.Errorf("%q: %q, %v; want %q, %v", text, got, err, want, wantErr)
				}
				if valid := codec.Valid(codec.JSON, []byte(text)); (valid != nil) != (err != nil) {
					t.Errorf("%q: valid is %v, the error of decoding %v", text, valid, err)
				}
				cut := []byte(text[:len(text)-1])
				if err := codec.Unmarshal(codec.JSON, cut, &got); err == nil && !json.Valid(cut) {
					t.Errorf("%q is a text without its end", cut)
				}
			}
		}
	}
}
