// Package dashboard has a browser use examples/dashboard, as people do. It holds
// nothing but a test, which also takes the screenshots of the README:
//
//	go test ./dashboard -screenshots "$PWD/../../docs/images"
package dashboard
