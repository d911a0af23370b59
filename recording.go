// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"io"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/result"
)

// Conclusion is what a run, a trace or a build ends in.
type Conclusion struct {
	*result.Result
	Recording *Recording // nil without Observe.Record
	Unwritten error      // artifacts that came from the guest and could not be written here; nil if none
	Core      *Core      // nil without Spec.Core; the caller closes it
	Built     *Built     // what BuildModules made; nil if it made nothing, and in a run or a trace
}

// Recording is a run as it was before anything was made of it: the tracer's
// records, the symbols and the modules' files that name what is in them, the
// console. A result can be made of it anywhere, without VM, root or kernel. A run
// with Observe.Record gives one, and ReadRecording reads one.
type Recording struct {
	evidence *evidence.Evidence
	used     evidence.Used
}

// ReadRecording reads what WriteTo wrote. A file that is none, or cut short,
// damaged or of a later version is an error that says so.
func ReadRecording(r io.Reader) (*Recording, error) {
	e, used, err := recording.Read(r)
	if err != nil {
		return nil, err
	}
	return &Recording{e, used}, nil
}

// errNothingRecorded is a Recording that no run has filled.
var errNothingRecorded = errors.New("write recording: no run was recorded")

// WriteTo writes the recording as a .kmlab file.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	if r == nil || r.evidence == nil {
		return 0, errNothingRecorded
	}
	n := &counter{w: w}
	err := recording.Write(n, r.evidence, r.used)
	return n.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Result makes the result anew: records are decoded, named and joined again by
// this program, which may know better than the one that recorded them.
func (r *Recording) Result() (*result.Result, error) {
	if r == nil || r.evidence == nil {
		return nil, errNothingRecorded
	}
	return verdict.Of(r.evidence), nil
}
