// Package browser has pages in Chromium use the actors of a Go program through
// the official JavaScript client, from an origin that is not the program's. It
// holds nothing but tests.
//
// It is a module of its own, because nothing else needs what drives a browser.
package browser
