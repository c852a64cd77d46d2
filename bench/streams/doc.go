// Package streams compares package stream with the libraries one would take
// instead, on the same work: RxGo, samber/ro, and channels with loops written by
// hand. It is a module of its own, so that nobody else depends on these. See
// README.md for how to run it and how to read it.
package streams
