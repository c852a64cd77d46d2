package interop_test

// differences are those between the hosts that are known, by scenario|label, as
// patterns of path.Match, with the reason. (A slash in a label is written |.)
// Those that say "mend" are no decision yet.
var differences = map[string]string{
	"state|whoami":         "the Go host tells its one region, RivetKit an empty one",
	"wire: actions|object": "the same",

	"values|*nan":                        "JSON has no such number: a Go program that sends one is told so, JavaScript's becomes null",
	"values|*infinity":                   "the same",
	"values|*undefinedField":             "a member that is undefined is left out",
	"wire: actions|value undefinedField": "the same",
	"values|* large":                     "a whole number beyond 32 bits is a number to Go, in JSON and BARE alike, and a BigInt to RivetKit in JSON",
	"values|* safe":                      "the same",
	"wire: actions|value uint32plus1":    "JSON has 4294967296e0 in place of 4294967296.0, the same number",
	"wire: actions|value m??Safe":        "the same",

	"unknown actor|*": "mend: the message and metadata of guard.actor_wake_retries_exceeded",

	"guards|* plain connection*":               "what an internal error says is masked, RivetKit leaks it",
	"wire: refused|createConnState connection": "the same",
	"wire: refused|slow connection":            "RivetKit has two messages for it, by chance",

	"requests|throw-user": "mend: OnRequest cannot answer with a UserError",
	"schedule|events":     "RivetKit gives a scheduled action one more argument, with its times",
	"schedule|woken":      "the same",
	"schedule|unknown":    "an action that does not exist is refused when it is scheduled",
	"store|large *":       "mend: a LimitError is masked unless the actor says otherwise",

	"queues|undeclared, wait":          "mend: RivetKit drops what is sent to an undeclared queue, and says completed",
	"wire: queues|undeclared":          "the same",
	"wire: queues|on an actor without": "the same",
	"queues|fill":                      "the same: what was sent there counts",
	"wire: json queues|*timeout*:0}":   "mend: a timeout of 0 is one",
	"wire: json queues|body ??":        "an empty array is no object",
	"wire: json queues|what came":      "the same",

	"limits|connection, over 1 MiB":    "the error names its actor",
	"wire: limits|event too long":      "it is an error of Broadcast, and the connection stays",
	"wire: bad frames|bad value":       "arguments that do not decode are actor.invalid_request, with the reason",
	"wire: json bodies|body *":         "the same, also for what RivetKit's JSON parser refuses",
	"wire: json bodies|request with *": "mend: empty parameters are none",
	"wire: binary bodies|*":            "what is no CBOR is refused as such",
	"wire: actor routes|GET*":          "the text at the root",

	"wire: destroy|*":        "handlers in flight are cancelled when the actor is destroyed, and their answers still go out",
	"wire: gateway|*nope":    "any pool is this host",
	"wire: gateway|headers*": "the host of the message has its port",
	"wire: management|*":     "parse errors have no line and column; any pool is this host; the engine knows when it became connectable",
	"wire: cors|*":           "an id that is none, in another place",
}
