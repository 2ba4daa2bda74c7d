// Package libpf has the names of the profiler that Alloy's runtime needs to be compiled. None of it is ever called.
package libpf

// FileID identifies an executable.
type FileID struct{}

// Hash32 is a hash of it.
func (FileID) Hash32() uint32 { return 0 }

// StringNoQuotes is its text.
func (FileID) StringNoQuotes() string { return "" }

// FileName is the name of an executable.
type FileName struct{}

// String is its text.
func (FileName) String() string { return "" }

// FrameMappingFileData says what a mapping is of.
type FrameMappingFileData struct {
	FileID     FileID
	FileName   FileName
	GnuBuildID string
}
