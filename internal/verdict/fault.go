// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"path"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// FaultOf is where the process of that pid made the fault that ended it, as an offset in a file; nil if it made none.
// The file's symbols are the caller's to read.
func FaultOf(tl *timeline.Timeline, root uint32) *result.Place {
	for i := range tl.Processes {
		p := &tl.Processes[i]
		if p.Task.TGID != root || len(p.Faults) == 0 || p.KilledBy() != timeline.SignalName(p.Faults[0].Signo) {
			continue
		}
		f := p.Faults[0]
		place := &result.Place{Object: f.Object, Offset: f.Offset}
		if f.Code > 0 { // else it is not the kernel that sent the signal, and this is who did
			place.Address = f.Addr
		}
		return place
	}
	return nil
}

// place is where in its program a test died by a signal, with function and line if the program's file says it.
func (m *maker) place(e *evidence.Test) *result.Place {
	if e.Signal == "" || m.story == nil {
		return nil
	}
	at := FaultOf(m.story, uint32(e.PID))
	if at == nil || len(m.e.Programs[at.Object]) == 0 {
		return at
	}
	program, err := m.program(at.Object)
	if err != nil {
		return at
	}
	found, err := program.At(at.Offset)
	if err != nil || len(found.Function)+len(found.File) > maxPlaceNames {
		return at
	}
	at.Function, at.File, at.Line = found.Function, srcline.Name(found.File), found.Line
	if at.Line == 0 {
		at.Offset = found.Offset
	}
	return at
}

// maxPlaceNames bounds what a foreign program names its functions and files.
const maxPlaceNames = 1 << 10

// program is a test's file, opened once.
func (m *maker) program(file string) (*srcline.Program, error) {
	if m.programs == nil {
		m.programs = make(map[string]openedProgram)
	}
	opened, has := m.programs[file]
	if !has {
		opened.program, opened.err = srcline.OpenProgram(m.e.Programs[file])
		m.programs[file] = opened
	}
	return opened.program, opened.err
}

type openedProgram struct {
	program *srcline.Program
	err     error
}

// inPlace says where in a program a signal came, "" if that is not known. A library without symbols has its name.
func inPlace(signal string, at *result.Place) string {
	switch {
	case at == nil:
		return ""
	case at.Line > 0:
		return fmt.Sprintf(" in %s (%s:%d)", at.Function, path.Base(at.File), at.Line)
	case at.Function != "":
		return fmt.Sprintf(" in %s+%#x", at.Function, at.Offset)
	case at.Object != "" && signal != "SIGABRT": // which the C library sends, whatever the reason
		return " in " + path.Base(at.Object)
	}
	return ""
}
