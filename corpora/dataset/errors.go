package dataset

import (
	"errors"
	"strings"
)

// ErrMissing is in the chain of an [Error] when files of a set are not there,
// as opposed to being there and wrong.
var ErrMissing = errors.New("not found")

var errUnknown = errors.New("unknown data set")

// Error says why a set could not be opened.
type Error struct {
	Set    string // name of the set
	Path   string // file or folder, "" if it is about none
	Err    error  // what is wrong
	Remedy string // what to do about it, a sentence without its full stop
}

func (e *Error) Error() string {
	parts := []string{"data set " + e.Set}
	if e.Path != "" {
		parts = append(parts, e.Path)
	}
	s := strings.Join(append(parts, e.Err.Error()), ": ")
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
