// SPDX-License-Identifier: MIT

package kmodlab

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/session"
)

// Command is a program that runs in the guest with the caller's streams, after the load and the tests, and before the
// unload: a person's shell, or a program that a test runner starts. The run waits for its end. In the result it is the
// last of Tests. If it fails, that is verdict test; on a Terminal its exit status means nothing, as that of a shell.
type Command struct {
	// Program is a file of this machine, as in Test. If it is empty, Args is a command of the guest's own system: a
	// single word is a line for its shell, and no word at all is the shell itself.
	Program string
	Args    []string
	Env     []string // NAME=VALUE, in addition to PATH, HOME and the like
	User    string   // a name or a number in the guest; empty: root
	Dir     string   // where it runs; made if it is not there; empty: /lab
	// Limit ends it; 0 does not. It is not stretched for TCG.
	Limit time.Duration

	// Stdin may be left being read when the program has ended. Writes to Stdout and Stderr should fail when the context
	// of the run has ended, for the run waits for them.
	Stdin          io.Reader // nil: it reads nothing
	Stdout, Stderr io.Writer // nil: what comes is dropped; a terminal has no Stderr
	Terminal       *Terminal // nil: it gets pipes

	Folders []string // that are there, in the guest, absolute
	Fetch   []Fetch  // what comes back from the guest

	Begin, End func()            // called just before and just after; nil: not
	Tell       func(line string) // told of what the kernel reports meanwhile; nil: not
	Kill       <-chan struct{}   // ends it, with all that it has started; nil: never
}

// Terminal is the terminal of a Command.
type Terminal struct {
	Type    string                     // $TERM; its description is copied from this machine
	Size    func() (columns, rows int) // its present size
	Resized <-chan struct{}            // gets a value when Size returns another one
}

// Fetch is a file of the guest, or a Folder with all files in it, that comes back when the Command has ended. What is
// not there is left out, and what is no regular file. The guest is not trusted: name, which is relative to Guest and
// empty for a file, may be anything, and so may data.
type Fetch struct {
	Guest  string // absolute
	Folder bool
	Take   func(name string, data []byte)
}

// checkCommand finds a command that cannot be meant.
func (s Spec) checkCommand() error {
	c := s.Command
	if c == nil {
		return nil
	}
	switch {
	case s.Here:
		return usage("Command", "a program does not run beside modules on this machine's own system, where nothing confines it: "+
			"leave out Here; or load the modules yourself, and run it with kmodlab trace --here -- PROG")
	case s.Script != nil:
		return usage("Command", "a program does not go with a Script: leave out one of the two")
	case c.Limit < 0:
		return usage("Command", "a negative time makes no sense")
	case c.Dir != "" && !path.IsAbs(c.Dir):
		return usage("Command", "%s is not absolute: name a folder of the guest from its root", c.Dir)
	}
	if c.Program != "" {
		if err := checkProgram("Command", c.Program); err != nil {
			return err
		}
	}
	return checkEnv("Command", c.Program, c.Env)
}

// checkProgram finds a program that is not there.
func checkProgram(field, program string) error {
	st, err := os.Stat(program)
	if _, is := hostfault.Of(err); is {
		return nil // the run will say so in its verdict
	}
	if err != nil {
		return usage(field, "%s: %v: name a program, a script or a C source", program, pathCause(err))
	}
	if st.IsDir() {
		if _, err := os.Stat(filepath.Join(program, "Makefile")); err != nil {
			return usage(field, "%s is a folder without a Makefile: name a program, a script or a C source", program)
		}
	}
	return nil
}

func checkEnv(field, program string, env []string) error {
	for _, v := range env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return usage(field, "%s: %q is no variable: write NAME=VALUE", program, v)
		}
	}
	return nil
}

// wanted is the command as the run's rooms know it.
func (c *Command) wanted() *payload.Wanted {
	if c == nil {
		return nil
	}
	w := &payload.Wanted{Program: c.Program, Args: c.Args, Env: c.Env, User: c.User, Dir: c.Dir, Timeout: c.Limit}
	if c.Terminal != nil {
		w.Term = c.Terminal.Type
	}
	return w
}

func (c *Command) folders() []string {
	if c == nil {
		return nil
	}
	return c.Folders
}

func (c *Command) session() *session.Command {
	if c == nil {
		return nil
	}
	to := &session.Command{
		Streams: session.Streams{Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr},
		Begin:   c.Begin, End: c.End, Tell: c.Tell, Kill: c.Kill,
	}
	if c.Terminal != nil {
		to.Terminal = &session.Terminal{Size: c.Terminal.Size, Resized: c.Terminal.Resized}
	}
	for _, f := range c.Fetch {
		to.Fetch = append(to.Fetch, session.Fetch(f))
	}
	return to
}

// name is what a run of the command alone is called.
func (c *Command) name() string {
	switch {
	case c.Program != "":
		return path.Base(c.Program)
	case len(c.Args) > 0:
		return strings.Join(c.Args, " ")
	}
	return "shell"
}
