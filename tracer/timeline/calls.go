// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Call is one system call of a followed process on a file that belongs to a module, or the release of such a file when
// the process ends.
type Call struct {
	By      event.Task
	Call    event.Syscall
	Compat  bool       // of a 32-bit program
	File    string     // its path as the kernel has it, or what kind of socket it is
	Module  string     // that serves the file; "" if that is not known
	FD      int        // -1 if there is none
	Args    []uint64   // all six of them, needed or not
	Serving event.Site // the function that serves the call; zero if that is not known
	Entered uint64
	// Returned is 0 if the call had not returned when the trace ended, or its task ended within it.
	Returned uint64
	Ret      int64 // meaningful if Returned is not 0
	// Omitted is how many further calls that do the same, of the same process on the same file, have no record.
	Omitted int

	number uint64 // of such calls, from 1
}

// fileKey identifies a file as one process uses it.
type fileKey struct {
	tgid       uint32
	inode, fOp uint64
}

// opKey identifies what a process does to a file.
type opKey struct {
	file fileKey
	op   event.Op
}

// taskCall identifies a call in progress. A file may be released while its task is in another call.
type taskCall struct {
	task taskID
	arg  uint32
}

// callFile is what FileMet says.
type callFile struct{ path, module string }

// callJoin holds the files that processes use and the calls in progress.
type callJoin struct {
	all   []*Call
	files map[fileKey]callFile
	last  map[opKey]*Call
	open  map[taskCall]*Call
}

func newCallJoin() callJoin {
	return callJoin{files: map[fileKey]callFile{}, last: map[opKey]*Call{}, open: map[taskCall]*Call{}}
}

func (b *builder) addCall(e *event.Event) {
	j := &b.calls
	key := fileKey{e.By.TGID, e.Ptr, e.Aux}
	switch e.Kind {
	case event.FileMet:
		file := callFile{path: fileName(e)}
		if l := b.loads.open[e.Func]; l != nil {
			file.module = l.Name
		}
		j.files[key] = file
		for op := range event.NumOps { // another file in the same memory
			delete(j.last, opKey{key, op})
		}
	case event.CallEntered:
		b.callEntered(e, key)
	case event.CallReturned:
		at := taskCall{idOf(e.By), e.Arg}
		if c := j.open[at]; c != nil {
			delete(j.open, at)
			c.Returned, c.Ret = e.Time, e.Ret
			if c.Call.File == event.FileReturned && c.Ret >= 0 {
				c.FD = int(c.Ret)
			}
		}
	case event.CallCounted:
		if c := j.last[opKey{key, event.Op(e.Arg)}]; c != nil && e.Ret > int64(c.number) {
			c.Omitted = int(e.Ret - int64(c.number))
		}
	}
}

func (b *builder) callEntered(e *event.Event, key fileKey) {
	j := &b.calls
	file := j.files[key]
	c := &Call{
		By: e.By, Call: event.SyscallOf(e.Arg), Compat: e.Arg != event.CallRelease && e.Arg&event.CallCompat != 0,
		File: file.path, Module: file.module, FD: -1, Args: e.Numbers, Entered: e.Time, number: uint64(e.Ret),
	}
	if len(c.Args) > 6 {
		c.Args = c.Args[:6:6]
	}
	if c.Call.File != event.FileReturned && e.Arg != event.CallRelease {
		c.FD = int(int32(e.Data))
	}
	if e.Func != 0 {
		c.Serving = b.function(e.Func, e.Time)
	}
	op := opKey{key, c.Call.Op}
	if before := j.last[op]; before != nil && c.number > before.number {
		before.Omitted = int(min(c.number-before.number-1, maxOmitted))
	}
	j.all = append(j.all, c)
	j.last[op] = c
	j.open[taskCall{idOf(e.By), e.Arg}] = c
}

// maxOmitted bounds what a guest may claim.
const maxOmitted = 1 << 40

// The file systems whose files have no path.
const (
	sockfs      = "sockfs"
	anonInodeFS = "anon_inodefs"
)

// fileName is the path of a file, or what it is if it has none.
func fileName(e *event.Event) string {
	names := e.PathNames()
	switch {
	case e.Arg == event.FileSocket || e.Text == sockfs:
		return fmt.Sprintf("socket of family %d, type %d", uint32(e.Data>>32), uint32(e.Data))
	case e.Text == anonInodeFS && len(names) > 0:
		return "anon_inode:" + names[0]
	}
	return pathOf(names)
}

// pathNames is how many names of a path a record has room for.
const pathNames = 10

// pathOf joins the names of a path, the last one first. A root has the name "/".
func pathOf(names []string) string {
	var b strings.Builder
	if len(names) >= pathNames {
		b.WriteString("…")
	}
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] != "/" {
			b.WriteString("/" + names[i])
		}
	}
	if b.Len() == 0 && len(names) > 0 {
		return "/"
	}
	return b.String()
}
