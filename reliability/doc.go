// Package reliability holds the tests of what docs/reliability.md promises.
package reliability
