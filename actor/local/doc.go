// Package local hosts actors in one process, with their data in one file or in
// memory.
package local
