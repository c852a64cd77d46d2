package interop_test

import (
	"regexp"
	"strings"
)

// difference is one on purpose: with what official matches replaced by ours, the
// official host's answer is the Go host's. It has to occur in each of its steps,
// in each of its encodings, else the test fails.
type difference struct {
	why            string
	in             string   // the encodings, all when empty
	steps          []string // scenario/label
	official, ours string   // as for regexp.ReplaceAllString
	byChance       bool     // the official host has several answers
}

func (d *difference) applies(to step, encoding string) bool {
	if d.in != "" && !strings.Contains(d.in, encoding) {
		return false
	}
	for _, s := range d.steps {
		if s == to.String() {
			return true
		}
	}
	return false
}

// rewrite is what the Go host answers where the official one answers official.
func (d *difference) rewrite(official string) string {
	return regexp.MustCompile(d.official).ReplaceAllString(official, d.ours)
}

// steps are those of one scenario.
func steps(scenario string, labels ...string) []string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = scenario + "/" + l
	}
	return all
}

// Parts of answers.
const (
	whole    = `^.*$`
	internal = `"code":"internal_error","group":"rivetkit","message":"An internal error occurred"},"error":"undefined","status":500`
	badBody  = `"code":"internal_error","group":"core","message":"An internal error occurred"},"error":"undefined","status":400`
	position = ` at line \d+ column \d+`
	badJSON  = `Failed to parse the request body as JSON: `
	notThat  = `Failed to deserialize the JSON body into the target type: `
)

// clientSees is an error as the official client shows it.
func clientSees(scenario, rest string) string {
	return `{"actor":{"actorId":"<id 1>","generation":1,"key":"` + scenario + `/<run>"},` + rest + `}`
}

// badArguments are what the Go host says of arguments that cannot be decoded, in
// the body of a 400.
func badArguments(problem string) string {
	return `"code":"invalid_request","group":"actor","message":"Arguments of ` + "`describe`: " + problem + `"},"error":"undefined","status":400`
}

const masked = `"code":"internal_error","error":"RivetError","group":"rivetkit","message":"An internal error occurred"`

var differences = []difference{
	{why: "The one region has a name.",
		steps:    []string{"state/whoami", "wire: actions/object"},
		official: `"region":""`, ours: `"region":"default"`},

	// Values.
	{why: "A struct has no members that are undefined: they are left out.",
		steps:    steps("values", "http undefinedField", "connection undefinedField", "event undefinedField"),
		official: `"a":"undefined",`},
	{why: "The same.",
		steps:    steps("wire: actions", "value undefinedField"),
		official: `"a":\["\$Undefined","#0"\],`},
	{why: "A negative zero stays one; JavaScript's encoder makes it an integer.", in: "bare cbor",
		steps:    steps("values", "http negZero", "connection negZero", "event negZero"),
		official: `\b0\b`, ours: `"number -0"`},
	{why: "The same.", in: "bare cbor",
		steps:    steps("wire: actions", "value negZero"),
		official: `"#0"`, ours: `"#0.0"`},
	{why: "CBOR has these numbers, and connections give them; so do HTTP answers.", in: "cbor",
		steps:    steps("values", "http nan"),
		official: `null`, ours: `"number NaN"`},
	{why: "The same.", in: "cbor",
		steps:    steps("values", "http infinity"),
		official: `null`, ours: `"number Infinity"`},
	{why: "JSON has no such numbers. A Go program that returns one is told so in its log, where JavaScript makes null of it.", in: "json",
		steps:    steps("values", "http nan", "http infinity", "connection nan", "connection infinity"),
		official: `^null$`, ours: clientSees("values", masked)},
	{why: "The same.", in: "json",
		steps:    steps("values", "event nan", "event infinity"),
		official: `^\[\[null\]\]$`, ours: clientSees("values", masked)},
	{why: "Whole numbers beyond 32 bits are numbers that every encoding shows alike; RivetKit makes a BigInt of those that come in JSON.", in: "json",
		steps:    steps("values", "http sees large", "http sees safe", "connection sees large", "connection sees safe"),
		official: `bigint:`, ours: `number:`},
	{why: "The same.", in: "json",
		steps:    steps("values", "http echoes large", "http echoes safe"),
		official: `"bigint (\d+)"`, ours: `$1`},
	{why: "The same number, written in another way.", in: "json",
		steps:    steps("wire: actions", "value uint32plus1", "value maxSafe", "value minSafe"),
		official: `\.0"`, ours: `e0"`},
	{why: "In BARE, values have CBOR's own forms, which RivetKit 2.0's clients know, too; 2.3 sends JSON's.", in: "bare",
		steps:    steps("wire: actions", "value bigU64", "value bigNeg"),
		official: `\["\$BigInt","(-?\d+)"\]`, ours: `"#$1"`},
	{why: "The same.", in: "bare",
		steps:    steps("wire: actions", "value bigSmall"),
		official: `\["\$BigInt","1"\]`, ours: `"#1 wide"`},
	{why: "The same.", in: "bare",
		steps:    steps("wire: actions", "value bytes"),
		official: `\["\$Uint8Array","AAEC/f7/"\]`, ours: `{"tag 64":"bytes 000102fdfeff"}`},
	{why: "The same.", in: "bare",
		steps:    steps("wire: actions", "value arrayHole"),
		official: `\["\$Undefined","#0"\]`, ours: `"undefined"`},

	// Arguments and bodies that cannot be decoded.
	{why: "Who sends arguments that cannot be decoded is told so.", in: "cbor",
		steps:    steps("values", "http sees dollar", "connection sees dollar"),
		official: masked,
		ours:     `"code":"invalid_request","error":"RivetError","group":"actor","message":"Arguments of ` + "`describe`" + `: argument 0: codec: malformed value at byte 0: an unknown compat form"`},
	{why: "The same.", in: "cbor",
		steps:    steps("values", "http echoes dollar"),
		official: masked,
		ours:     `"code":"invalid_request","error":"RivetError","group":"actor","message":"Arguments of ` + "`echo`" + `: argument 0: codec: malformed value at byte 0: an unknown compat form"`},
	{why: "The same.", in: "json",
		steps:    steps("wire: bad frames", "bad value"),
		official: `"code":"internal_error","group":"rivetkit","message":"An internal error occurred"`,
		ours:     `"code":"invalid_request","group":"actor","message":"Arguments of ` + "`describe`" + `: codec: malformed value at byte 11: an unknown compat form"`},
	{why: "The same.", in: "json",
		steps:    steps("wire: json bodies", `body {"args":[["$BigInt","x"]]}`),
		official: internal, ours: badArguments("codec: malformed value at byte 16: a BigInt that is not decimal")},
	{why: "The same.", in: "json",
		steps:    steps("wire: json bodies", `body {"args":[["$Foo",1]]}`),
		official: internal, ours: badArguments("codec: malformed value at byte 11: an unknown compat form")},
	{why: "The same, where RivetKit's parser refuses the whole body.", in: "json",
		steps:    steps("wire: json bodies", `body {"args":[1e400]}`),
		official: badBody, ours: badArguments("codec: malformed value at byte 6: a number out of range")},
	{why: "The same.", in: "json",
		steps:    steps("wire: json bodies", `body {"args":["\ud800"]}`),
		official: badBody, ours: badArguments("codec: malformed value at byte 2: a bad escape in a string")},
	{why: "The same.", in: "bare",
		steps:    steps("wire: binary bodies", "behind the value"),
		official: internal, ours: badArguments("codec: malformed value at byte 2: data after the value")},
	{why: "Of a member that is there twice the last counts, as in most parsers.", in: "json",
		steps:    steps("wire: json bodies", `body {"args":[1],"args":[2]}`),
		official: whole, ours: `{"body":{"output":["number:2"]},"error":"undefined","status":200,"type":"application/json"}`},
	{why: "Values may be nested deeper than RivetKit's parser allows.", in: "json",
		steps:    steps("wire: json bodies", `body of 269 bytes`),
		official: whole, ours: `{"body":{"output":["` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `"]},"error":"undefined","status":200,"type":"application/json"}`},
	{why: "An empty array is no body; RivetKit's parser takes it for an object without members.", in: "json",
		steps:    steps("wire: json bodies", `body []`),
		official: whole, ours: `{"body":{"actor":{"actorId":"<id 1>","generation":"#1","key":"wire: json bodies/<run>"},` + badBody + `,"type":"application/json"}`},
	{why: "The same.", in: "json",
		steps:    steps("wire: json queues", `body []`),
		official: whole, ours: `{"body":{"actor":{"actorId":"<id 1>","generation":"#1","key":"wire: json queues/<run>"},` + badBody + `,"type":"application/json"}`},
	{why: "The same: so it is not in the queue.", in: "json",
		steps:    steps("wire: json queues", "what came"),
		official: `\[null,null,null,`, ours: `[null,null,`},
	{why: "Bytes are of one type.", in: "bare",
		steps:    steps("wire: binary bodies", "bytes"),
		official: `Buffer:`, ours: `Uint8Array:`},
	{why: "Bytes are allowed in CBOR, whose form of them RivetKit reads in BARE only.", in: "cbor",
		steps:    steps("wire: binary bodies", "bytes"),
		official: whole, ours: `{"body":{"output":["Uint8Array:0102"]},"error":"undefined","status":200,"type":"application/octet-stream"}`},
	{why: "A member that nobody knows may have any name.", in: "cbor",
		steps:    steps("wire: binary bodies", "int key"),
		official: whole, ours: `{"body":{"output":[]},"error":"undefined","status":200,"type":"application/octet-stream"}`},

	// Hooks.
	{why: "Errors that are none of a client's business are masked; here RivetKit shows them.",
		steps:    steps("wire: refused", "createConnState connection"),
		official: `internal detail that must not leak`, ours: `An internal error occurred`},
	{why: "The same.",
		steps: steps("guards", "onBeforeConnect plain connection", "onBeforeConnect plain connection saw", "createConnState plain connection",
			"createConnState plain connection saw", "onConnect plain connection", "onConnect plain connection saw"),
		official: `internal detail that must not leak`, ours: `An internal error occurred`},
	{why: "RivetKit has two time limits of the same length, and two messages.", byChance: true,
		steps:    steps("wire: refused", "slow connection"),
		official: `"message":"callback [^"]*","metadata":\{[^}]*\}`, ours: `"message":"actor websocket connection setup timed out after 5000 ms"`},
	{why: "A raw WebSocket that nobody serves is closed; RivetKit leaves it open for ever.",
		steps:    steps("wire: raw sockets", "no handler"),
		official: `null`, ours: `"1011 actor.not_found"`},

	// Schedule, KV and queues.
	{why: "A scheduled action gets the arguments that it was scheduled with; RivetKit adds one, of its times.",
		steps:    steps("schedule", "events", "woken"),
		official: `,\{"firedAt":[^}]*\}`},
	{why: "An action that the actor does not have cannot be scheduled.",
		steps:    steps("schedule", "unknown"),
		official: `^"string"$`, ours: clientSees("schedule", masked)},
	{why: "The limit is that of the engine's storage, less what the runtime needs.",
		steps:    steps("store", "large key"),
		official: `\(3001 bytes\)\. Limit is 2048 bytes\.","metadata":\{"limit":2048,"size":3001\}`,
		ours:     `(3000 bytes). Limit is 1999 bytes.","metadata":{"limit":1999,"size":3000}`},
	{why: "What is sent to a queue that was not declared is stored. RivetKit drops it, and says that it is completed.",
		steps:    append(steps("queues", "undeclared, wait"), steps("wire: queues", "undeclared", "on an actor without")...),
		official: `"completed"`, ours: `"timedOut"`},
	{why: "The same: so it counts.",
		steps:    steps("queues", "fill"),
		official: `^20$`, ours: clientSees("queues", `"code":"full","error":"RivetError","group":"queue","message":"Queue is full. Limit is 20 messages.","metadata":{"limit":20}`)},

	// Limits and ends.
	{why: "An event that is too long is an error of Broadcast; the connections that would have got it stay.",
		steps:    steps("wire: limits", "event too long"),
		official: `"1011 message.outgoing_too_long",0`, ours: `null,1`},
	{why: "Handlers in flight are cancelled when their actor is destroyed, and their answers still go out.",
		steps:    steps("wire: destroy", "in flight"),
		official: `"aborted":false`, ours: `"aborted":true`},
	{why: "The same.",
		steps:    steps("wire: destroy", "the one that waited"),
		official: `\[\]`, ours: `[{"aborted":true}]`},

	{why: "The engine cuts a streamed answer off, now and then.", byChance: true,
		steps:    steps("requests", "stream?n=3&ms=10"),
		official: `^\{"error":"TypeError","message":"terminated"\}$`,
		ours:     `{"body":"chunk 0\nchunk 1\nchunk 2\n","fixture":null,"status":200,"type":"text/plain"}`},

	// The gateway and the management API.
	{why: "One host is every pool.", in: "json",
		steps:    steps("wire: gateway", "rvt-runner=nope"),
		official: whole, ours: `{"body":{"output":"#0"},"error":"undefined","status":200,"type":"application/json"}`},
	{why: "The same.", in: "json",
		steps:    steps("wire: management", "put, pool"),
		official: whole,
		ours: `{"body":{"actor":{"actor_id":"<id 6>","connectable_ts":null,"crash_policy":"sleep","create_ts":"<time>","datacenter":"default","destroy_ts":null,` +
			`"key":"wire: management/<run>/pool","name":"counter","namespace_id":"<id 2>","pending_allocation_ts":null,"reschedule_ts":null,` +
			`"runner_name_selector":"nope","sleep_ts":null,"start_ts":null},"created":true},"error":"undefined","status":200,"type":"application/json"}`},
	{why: "The engine is sometimes behind with what it knows of the actor that has the key.", in: "json", byChance: true,
		steps:    steps("wire: management", "post, taken"),
		official: `"code":"destroyed_during_creation","group":"actor","message":"Actor was destroyed during creation."`,
		ours: `"code":"duplicate_key","group":"actor","message":"Actor key 'wire: management/<run>/id' already in use for actor '<id 1>'",` +
			`"metadata":{"existing_actor_id":"<id 1>","key":"wire: management/<run>/id"}`},
	{why: "There is a cursor where there is more.", in: "json",
		steps:    steps("wire: management", "by name and key", "by id", "destroyed"),
		official: `"<cursor>"`, ours: `null`},
	{why: "Where in a body something is wrong is not told.", in: "json",
		steps:    steps("wire: management", "put, empty", "put, no name", "put, no key", "put, no pool", "put, no crash policy", "put, crash policy", "put, unknown member"),
		official: position},
	{why: "The same, and another parser.", in: "json",
		steps:    steps("wire: management", "put, bad"),
		official: badJSON + `EOF while parsing an object` + position, ours: badJSON + `EOF while parsing a value`},
	{why: "The same.", in: "json",
		steps:    steps("wire: management", "put, array"),
		official: notThat + `invalid length 0, expected struct GetOrCreateRequest with 6 elements` + position, ours: notThat + `invalid type, expected an object`},
	{why: "The same.", in: "json",
		steps:    steps("wire: management", "put, wrong type"),
		official: "name: invalid type: integer `5`, expected a string" + position, ours: "name: invalid type, expected a string"},
	{why: "Errors quote no more than the beginning of what was sent.", in: "json",
		steps:    steps("wire: management", "put, long key"),
		official: `(x{100})x+`, ours: `$1…`},
	{why: "The same, and another parser.", in: "json",
		steps:    steps("wire: management", "delete, no id"),
		official: `invalid input length: expected at least 4 characters`, ours: `\"abc\" is not the id of an actor`},
	{why: "The host's own address, which the engine has from its configuration.", in: "json",
		steps:    steps("wire: management", "datacenters"),
		official: `127\.0\.0\.1:6420`, ours: `<host>`},
	{why: "The host is no engine, and says so.", in: "json",
		steps:    steps("wire: management", "health"),
		official: `"engine"`, ours: `"rivetkit"`},
	{why: "The same, with the names of its actors.", in: "json",
		steps:    steps("wire: management", "metadata"),
		official: whole,
		ours: `{"body":{"actorNames":{` + actorNames() + `},"envoy":{"kind":{"normal":{}}},"runner":{"kind":{"normal":{}}},"runtime":"rivetkit","version":"2.3.19"},` +
			`"error":"undefined","status":200,"type":"application/json"}`},
}

// actorNames are those of the fixture, as /metadata has them.
func actorNames() string {
	names := strings.Fields("auth bare burst chat counter echo errors failstart hooked http lifecycle market order plan queues rawws slow store talk watched work")
	return `"` + strings.Join(names, `":{"metadata":{}},"`) + `":{"metadata":{}}`
}
