//go:build !race

package reliability_test

// What TestLoad opens, and what an idle connection over plain TCP may cost, in
// bytes of heap and stacks.
const (
	loadConnections     = 5000
	memoryPerConnection = 24 << 10
)
