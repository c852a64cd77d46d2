//go:build race

package reliability_test

// The race detector makes stacks larger and handshakes several times dearer.
const (
	loadConnections     = 1500
	memoryPerConnection = 40 << 10
)
