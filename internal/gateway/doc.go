// Package gateway holds the HTTP side of the protocol as pure functions:
// endpoints, actor keys, gateway URLs, connection parameters, WebSocket
// subprotocols, and the JSON of the engine's API. It does no I/O.
package gateway
