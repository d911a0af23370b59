// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/session"
)

// BuildSpec says what to build. Dir is needed; every other zero value works.
type BuildSpec struct {
	// Dir is a folder of sources with a Kbuild or Makefile. It is not written to.
	Dir          string
	Kernel       string        // as in Machine
	Build        Build         // where Dir is built
	BuildTimeout time.Duration // as in Spec
	Accel        Accel         // as in Machine, for a VM that builds
	Cold         bool          // as in Machine, for a VM that builds

	Tools
	Title string // as in Observe
	Watch Watch
}

// Built is what BuildModules made. The files are in the cache, from which a build may go when it is pruned, so copy
// what is to stay. Foreign code made all of this: see SECURITY.md.
type Built struct {
	Modules []string // paths of the .ko files
	Symvers []byte   // Module.symvers: what the modules export, for builds that use it
	// Commands say how the files of Dir were compiled, with paths of this machine and with options that clang knows. As
	// JSON they are compile_commands.json.
	Commands []CompileCommand
}

// CompileCommand is an entry of compile_commands.json. Its paths are absolute.
type CompileCommand struct {
	Directory string   `json:"directory"`
	Arguments []string `json:"arguments"` // the compiler's name and its options
	File      string   `json:"file"`
}

// spec is the part that a run has as well.
func (s BuildSpec) spec() Spec {
	return Spec{
		Dir: s.Dir, Build: s.Build, BuildTimeout: s.BuildTimeout, Tools: s.Tools,
		Machine: Machine{Kernel: s.Kernel, Accel: s.Accel, Cold: s.Cold},
		Observe: Observe{Title: s.Title, Watch: s.Watch},
	}
}

// BuildModules builds a folder of modules as Run does, and loads none. The verdict of its result is pass if they were
// built, and then Conclusion.Built has what was made; otherwise it is as with Run.
func BuildModules(ctx context.Context, spec BuildSpec) (*Conclusion, error) {
	if spec.Dir == "" {
		return nil, usage("Dir", "nothing to build: name a folder with a Kbuild or Makefile")
	}
	s, err := spec.spec().complete()
	if err != nil {
		return nil, err
	}
	what := s.about(time.Now())
	j := notify.New(s.Watch.watcher())
	options := prepareOptions(s)
	options.BuildOnly = true
	host, e, err := find(ctx, options, new(prepare.Shared), j)
	if err != nil {
		return nil, err
	}
	var built *Built
	if host != nil {
		built, e = build(ctx, host, j)
	}
	what.note(e)
	c, err := conclude(ctx, e, false, false)
	if err != nil {
		return nil, err
	}
	c.Built = built
	return c, nil
}

// build builds, and says in the evidence how that went.
func build(ctx context.Context, host *prepare.Host, j *notify.Journal) (*Built, *evidence.Evidence) {
	b, err := host.Compile(ctx)
	if err != nil {
		return nil, session.Failed(err, host, nil, j)
	}
	built, err := builtOf(b)
	if err != nil {
		return nil, session.Failed(err, host, nil, j)
	}
	return built, session.Built(host, passed(b, host.Kernel.Release), prepare.BuildWarnings(b), j)
}

func builtOf(b *kbuild.Build) (*Built, error) {
	built := new(Built)
	for _, m := range b.Modules {
		built.Modules = append(built.Modules, m.Path)
	}
	var err error
	if built.Symvers, err = b.Symvers(); err != nil {
		return nil, err
	}
	commands, err := b.CompileCommands()
	if err != nil {
		return nil, err
	}
	for _, c := range commands {
		built.Commands = append(built.Commands, CompileCommand(c))
	}
	return built, nil
}

// passed is the verdict's message.
func passed(b *kbuild.Build, release string) string {
	var names []string
	for _, m := range b.Modules {
		names = append(names, m.Name)
	}
	what := "modules"
	if len(names) == 1 {
		what = "module"
	}
	return fmt.Sprintf("%d %s built for Linux %s: %s", len(names), what, release, strings.Join(names, ", "))
}
