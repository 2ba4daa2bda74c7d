// Package process has the names of the profiler that Alloy's runtime needs to be compiled.
package process

import "io"

// ReadAtCloser is an open executable.
type ReadAtCloser interface {
	io.ReaderAt
	io.Closer
}
