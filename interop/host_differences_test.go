package interop_test

// differences are those between the hosts that are meant, by scenario|label, as
// patterns of path.Match, with the reason. (A slash in a label is written |.)
var differences = map[string]string{
	"state|whoami": "x",
}
