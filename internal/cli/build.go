// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// The files that build leaves beside the modules.
const (
	symversFile  = "Module.symvers"
	commandsFile = "compile_commands.json"
)

func newBuild() *cobra.Command {
	o := &options{spec: kmodlab.Spec{Build: kmodlab.BuildAuto}}
	folder := ""
	c := &cobra.Command{
		Use:   "build DIR",
		Short: "build the modules of a folder, and leave them and what editors need",
		Long: `Build the modules of a folder as run does, in a sandbox or a VM, and load none.

With -o FOLDER, which is made if it is missing, these files are left there: the .ko files,
Module.symvers, and compile_commands.json, from which clangd and other tools learn how
each source file is compiled. clangd finds it in the folder of the sources, in a folder
build/ there, or where --compile-commands-dir says. It names the kernel's headers in the
cache: if that kernel is removed, build again. Without -o nothing is left: the sources
build, or they do not.

Exit status: 0 the modules were built, 1 they were not, 3 this machine failed.`,
		Example: `  kmodlab build modules/signals -o modules/signals/build
  kmodlab build . --kernel debian:trixie -v`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.spec.Dir = args[0]
			return o.build(c, folder)
		},
	}
	f := c.Flags()
	kernelFlags(f, &o.spec.Machine, &o.spec.Tools)
	buildFlags(f, &o.spec.Build, &o.spec.BuildTimeout)
	o.display.flags(f)
	f.StringVarP(&folder, "output", "o", "", "leave the modules, Module.symvers and compile_commands.json in `FOLDER`")
	f.StringVar(&o.outputs.json, "json", "",
		"write the result as JSON to `FILE` (- is standard output, without the report)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the commands and what they print")
	return c
}

// build builds, reports and leaves the files.
func (o *options) build(c *cobra.Command, folder string) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := o.outputs.checkFolder(folder); err != nil {
		return err
	}
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	p := newProgress(errOut)
	defer p.close()
	defer context.AfterFunc(c.Context(), p.close)() // before a second Ctrl-C ends us at once
	o.watch(p, out, errOut)
	s := o.spec
	end, err := kmodlab.BuildModules(c.Context(), kmodlab.BuildSpec{
		Dir: s.Dir, Kernel: s.Kernel, Build: s.Build, BuildTimeout: s.BuildTimeout, Accel: s.Accel, Cold: s.Cold,
		Tools: s.Tools, Watch: s.Watch,
	})
	p.close()
	if err != nil {
		return err
	}
	o.showFailedBuild(errOut, end.Result)
	if o.outputs.json == "-" {
		out = errOut // standard output carries only the result
	} else if err := o.story(out, end.Result); err != nil {
		return err
	}
	written := o.outputs.write(c.Context(), c.OutOrStdout(), end.Result, nil)
	if end.Built == nil {
		return conclude(written, end.Result, errOut)
	}
	if folder == "" {
		fmt.Fprintln(out, "nothing is left: -o FOLDER leaves the modules and compile_commands.json there")
		return conclude(written, end.Result, errOut)
	}
	left, err := o.leave(c.Context(), folder, end.Built)
	what := fmt.Sprintf("left in %s: %s", plain.Text(folder), plain.Text(strings.Join(left, ", ")))
	switch {
	case len(left) > 0 && errors.Is(err, errInterrupted):
		fmt.Fprintf(errOut, "kmodlab: interrupted; %s\n", what)
		return exit(exitInterrupted)
	case err == nil:
		fmt.Fprintln(out, what)
	}
	return conclude(errors.Join(written, err), end.Result, errOut)
}

// checkFolder finds out now that nothing can be written into a folder. The files in it are ours to make, and so is the
// folder.
func (o *outputs) checkFolder(folder string) error {
	if folder == "" {
		return nil
	}
	for _, name := range []string{symversFile, commandsFile} {
		name = filepath.Join(folder, name)
		o.own(name)
		if err := o.checkPlace("-o", name); err != nil {
			return err
		}
	}
	return nil
}

// leave writes what was built into a folder, and returns the names of the files. The modules' names are a submission's,
// so they lie side by side: no folder is made for them, and none that is there is entered.
func (o *options) leave(ctx context.Context, folder string, built *kmodlab.Built) (left []string, err error) {
	type file struct {
		name  string
		write func(io.Writer) error
	}
	var files []file
	for _, m := range built.Modules {
		files = append(files, file{filepath.Base(m), func(w io.Writer) error { return copyFile(w, m) }})
	}
	files = append(files,
		file{symversFile, func(w io.Writer) error { _, err := w.Write(built.Symvers); return err }},
		file{commandsFile, func(w io.Writer) error { return writeCommands(w, built.Commands) }})
	for _, f := range files {
		if ctx.Err() != nil {
			return left, context.Cause(ctx)
		}
		path := filepath.Join(folder, f.name)
		o.outputs.own(path)
		if err := o.outputs.writeFile(ctx, path, f.write); err != nil {
			return left, err
		}
		left = append(left, f.name)
	}
	return left, nil
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// writeCommands writes compile_commands.json.
func writeCommands(w io.Writer, commands []kmodlab.CompileCommand) error {
	if commands == nil {
		commands = []kmodlab.CompileCommand{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(commands)
}
