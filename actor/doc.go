// Package actor hosts Rivet Actors.
package actor
