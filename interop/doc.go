// Package interop tests the library against the real Rivet Engine and the
// official JavaScript packages, which package fixture starts. It holds nothing
// but tests.
package interop
